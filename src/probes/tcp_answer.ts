/** What a peer of a tcp check sends, held against what is expected. */
import { Buffer } from "node:buffer";
import { oneLine } from "../base/log.ts";
import type { Failure } from "../net/failure.ts";

/** An answer is searched as far as this. */
const READ_LIMIT_BYTES = 64 * 1024;
const SHOWN_BYTES = 80;

/** What a peer has sent so far, up to the limit, searched only where something new came. */
export class Answer {
  found: boolean;
  #bytes = Buffer.alloc(256);
  #length = 0;
  readonly #wanted: Buffer;

  constructor(wanted: Buffer) {
    this.#wanted = wanted;
    this.found = wanted.length === 0;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** True when it is enough: found, or as much as is read. */
  take(chunk: Uint8Array): boolean {
    const searchAt = Math.max(0, this.#length - this.#wanted.length + 1);
    const kept = chunk.subarray(0, READ_LIMIT_BYTES - this.#length);
    if (this.#length + kept.length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.bytes], Math.min(READ_LIMIT_BYTES, 2 * (this.#length + kept.length)));
    }
    this.#bytes.set(kept, this.#length);
    this.#length += kept.length;
    this.found ||= this.bytes.includes(this.#wanted, searchAt);
    return this.found || this.#length === READ_LIMIT_BYTES;
  }
}

export function mismatch(received: Buffer): Failure {
  const shown = oneLine(received.subarray(0, SHOWN_BYTES).toString("latin1"));
  return { outcome: "fail", reason: "expect_mismatch", value: 0, text: `received "${shown}"` };
}
