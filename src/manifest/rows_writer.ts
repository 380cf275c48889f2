/** Fills the two buffers of a block of rows (model/monitor_rows.ts) in a loader thread; grown once, then reused. */
import { ROW, ROW_WORDS } from "../model/monitor_rows.ts";
import { hashName } from "./name_index.ts";

const ENCODER = new TextEncoder();

export interface RowTexts {
  readonly name: string;
  readonly target: string;
  readonly remedyTarget: string;
  readonly attributes: string;
}

export class RowsWriter {
  #words = new Uint32Array(4096 * ROW_WORDS);
  #bytes = new Uint8Array(1 << 18);
  #length = 0;
  count = 0;

  /** `line` from the block's first (0), `column` from 1. */
  add(at: { readonly spec: number; readonly line: number; readonly column: number }, texts: RowTexts): void {
    const base = this.count * ROW_WORDS;
    if (base + ROW_WORDS > this.#words.length) this.#words = grown(this.#words, new Uint32Array(base * 2));
    const words = this.#words;
    const [low, high] = hashName(texts.name);
    words[base + ROW.spec] = at.spec;
    words[base + ROW.line] = at.line;
    words[base + ROW.column] = at.column;
    words[base + ROW.hashLow] = low;
    words[base + ROW.hashHigh] = high;
    words[base + ROW.nameBytes] = this.#write(texts.name);
    words[base + ROW.targetBytes] = this.#write(texts.target);
    words[base + ROW.remedyTargetBytes] = this.#write(texts.remedyTarget);
    words[base + ROW.attributesBytes] = this.#write(texts.attributes);
    this.count++;
  }

  /** Copies to be given away; the writer is empty then. */
  take(): { readonly words: Uint32Array<ArrayBuffer>; readonly bytes: Uint8Array<ArrayBuffer> } {
    const words = this.#words.slice(0, this.count * ROW_WORDS);
    const bytes = this.#bytes.slice(0, this.#length);
    this.clear();
    return { words, bytes };
  }

  clear(): void {
    this.count = 0;
    this.#length = 0;
  }

  #write(text: string): number {
    const start = this.#length;
    if (start + text.length * 3 > this.#bytes.length) {
      this.#bytes = grown(this.#bytes, new Uint8Array((start + text.length * 3) * 2));
    }
    const bytes = this.#bytes;
    // Most texts are ASCII, where a loop is several times faster than the encoder.
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        const { written } = ENCODER.encodeInto(text, bytes.subarray(start));
        this.#length = start + written;
        return written;
      }
      bytes[start + i] = unit;
    }
    this.#length = start + text.length;
    return text.length;
  }
}

function grown<T extends Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
