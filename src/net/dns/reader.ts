/** Reads the parts of a DNS message in turn (RFC 1035 §4.1). RangeError says that it is malformed, as DataView does by itself. */
import { Buffer } from "node:buffer";

const LABELS_MOST = 127;

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.at++);
  }

  u16(): number {
    this.at += 2;
    return this.#view.getUint16(this.at - 2);
  }

  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4);
  }

  take(bytes: number): Uint8Array {
    if (this.at + bytes > this.#bytes.length) throw new RangeError("cut off");
    this.at += bytes;
    return this.#bytes.subarray(this.at - bytes, this.at);
  }

  /** A name, maybe compressed (RFC 1035 §4.1.4): pointers lead only backwards, so that no loop is possible. */
  name(): string {
    const labels: string[] = [];
    let returnTo = -1;
    let before = this.at;
    while (labels.length <= LABELS_MOST) {
      const length = this.u8();
      if (length === 0) {
        if (returnTo >= 0) this.at = returnTo;
        return labels.join(".");
      }
      if (length < 0x40) labels.push(labelText(this.take(length)));
      else if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | this.u8();
        if (returnTo < 0) returnTo = this.at;
        if (target >= before) throw new RangeError("pointer forwards");
        before = target;
        this.at = target;
      } else throw new RangeError("unknown kind of label");
    }
    throw new RangeError("too many labels");
  }

  text(bytes: number): string {
    return Buffer.from(this.take(bytes)).toString("latin1");
  }
}

/** Dots and what is not printable are escaped (RFC 1035 §5.1), so that two names never read the same. */
function labelText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === 46 || byte === 92) text += `\\${String.fromCharCode(byte)}`;
    else if (byte > 32 && byte < 127) text += String.fromCharCode(byte).toLowerCase();
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}
