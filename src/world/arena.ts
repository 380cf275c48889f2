/**
 * All texts of the world (names, targets, attributes) in one SharedArrayBuffer, append only. Written by the engine
 * thread (arena_writer.ts), read by any thread that holds an offset: what an offset points at never changes.
 *
 *   | header 64 B | template table: u32 offset × templateLimit | texts and templates, appended … |
 *
 * A fleet's texts are alike but for numbers, so a text that was seen in the same shape before is stored as the number of
 * its template and the numbers in it. "http://127.3.4.5:8080/health/123" is template "http://0.0.0.0:0/health/0" and
 * the numbers 127 3 4 5 8080 123: 9 bytes instead of 32, whatever part of it differs from its neighbours.
 *
 *   text     = 0 length bytes | 1 | template+2 number*    1 is the empty text; numbers are LEB128 varints
 *   template = length bytes                               a digit in it stands for a number: "0" as it is,
 *                                                         "1".."9" with leading zeros to that many digits
 *
 * Texts are UTF-8; a lone surrogate is stored as U+FFFD.
 */
import { assert } from "../base/assert.ts";

export const LITERAL = 0;
export const EMPTY = 1;
export const FIRST_TEMPLATE = 2;
export const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;

const MAGIC = 0x61_72_65_01;
const MAGIC_WORD = 0;
const LIMIT_WORD = 1;
/** In front of everything that changes. */
export const HEADER_BYTES = 64;
/** Offsets are u32, and 0 means "no text". */
const MAX_ARENA_BYTES = 0xffff_fff0;
const MAX_TEMPLATES = 65_536;

export interface ArenaBlock {
  readonly bytes: Uint8Array;
  /** Offset of each template, by its number. */
  readonly templates: Uint32Array;
  /** Where texts begin. */
  readonly start: number;
}

export function createArena(arenaBytes: number): SharedArrayBuffer {
  assert(arenaBytes >= 1024 && arenaBytes <= MAX_ARENA_BYTES, "an arena has 1 KiB to 4 GiB");
  const buffer = new SharedArrayBuffer(arenaBytes);
  const header = new Uint32Array(buffer, 0, HEADER_BYTES / 4);
  header[LIMIT_WORD] = Math.min(MAX_TEMPLATES, Math.floor(arenaBytes / 256));
  header[MAGIC_WORD] = MAGIC;
  return buffer;
}

export function attachArena(buffer: SharedArrayBuffer): ArenaBlock {
  const header = new Uint32Array(buffer, 0, HEADER_BYTES / 4);
  assert(header[MAGIC_WORD] === MAGIC, "this is an arena of this version");
  const limit = header[LIMIT_WORD] as number;
  return {
    bytes: new Uint8Array(buffer),
    templates: new Uint32Array(buffer, HEADER_BYTES, limit),
    start: HEADER_BYTES + limit * 4,
  };
}

const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const ENCODER = new TextEncoder();

/** Decodes on demand into a scratch buffer of its own; one per thread. Makes no garbage but the strings it returns. */
export class ArenaReader {
  readonly #bytes: Uint8Array;
  readonly #templates: Uint32Array;
  #scratch: Uint8Array = new Uint8Array(1024);
  #position = 0;

  constructor(arena: ArenaBlock) {
    this.#bytes = arena.bytes;
    this.#templates = arena.templates;
  }

  /** The index-th of the texts that stand one after another from `offset` on. */
  text(offset: number, index: number): string {
    const length = this.#decode(offset, index);
    return DECODER.decode(this.#scratch.subarray(0, length));
  }

  /** Writes its UTF-8 to the beginning of `into` and returns its length, which may not be more than there is room for. */
  copy(offset: number, index: number, into: Uint8Array): number {
    const length = this.#decode(offset, index);
    assert(length <= into.length, `a text of ${length} bytes into ${into.length}`);
    for (let i = 0; i < length; i++) into[i] = this.#scratch[i] as number;
    return length;
  }

  /** Whether that text contains `needle`, UTF-8 as from encode(). An empty needle is contained in every text. */
  contains(offset: number, index: number, needle: Uint8Array): boolean {
    const end = this.#decode(offset, index) - needle.length;
    const scratch = this.#scratch;
    for (let at = 0; at <= end; at++) {
      let matched = 0;
      while (matched < needle.length && scratch[at + matched] === needle[matched]) matched++;
      if (matched === needle.length) return true;
    }
    return false;
  }

  /** Whether that text equals `whole`, UTF-8 as from encode(). */
  equals(offset: number, index: number, whole: Uint8Array): boolean {
    return this.#decode(offset, index) === whole.length && this.contains(offset, index, whole);
  }

  encode(text: string): Uint8Array {
    return ENCODER.encode(text);
  }

  /** Leaves the UTF-8 of a text in the scratch buffer and returns its length in bytes. */
  #decode(offset: number, index: number): number {
    this.#position = offset;
    for (let skipped = 0; skipped < index; skipped++) this.#skip();
    const head = this.#varint();
    if (head === EMPTY) return 0;
    if (head >= FIRST_TEMPLATE) return this.#expand(this.#templates[head - FIRST_TEMPLATE] as number);
    const length = this.#varint();
    this.#reserve(0, length);
    // Texts are short: a loop is faster than set(subarray()), and makes no object.
    for (let i = 0; i < length; i++) this.#scratch[i] = this.#bytes[this.#position + i] as number;
    return length;
  }

  #skip(): void {
    const head = this.#varint();
    if (head === EMPTY) return;
    if (head === LITERAL) {
      const length = this.#varint();
      this.#position += length;
      return;
    }
    const numbersAt = this.#position;
    this.#position = this.#templates[head - FIRST_TEMPLATE] as number;
    const end = this.#varint() + this.#position;
    let numbers = 0;
    for (let at = this.#position; at < end; at++) if (isDigit(this.#bytes[at] as number)) numbers++;
    this.#position = numbersAt;
    while (numbers-- > 0) this.#varint();
  }

  #expand(templateOffset: number): number {
    const numbersAt = this.#position;
    this.#position = templateOffset;
    const end = this.#varint() + this.#position;
    let at = this.#position;
    this.#position = numbersAt;
    let length = 0;
    for (; at < end; at++) {
      const byte = this.#bytes[at] as number;
      this.#reserve(length, 10);
      if (isDigit(byte)) length = this.#writeNumber(length, byte - DIGIT_ZERO);
      else this.#scratch[length++] = byte;
    }
    return length;
  }

  /** The next number in decimal, at least `width` digits; at most nine digits were stored. */
  #writeNumber(at: number, width: number): number {
    let rest = this.#varint();
    let digits = 1;
    for (let bound = 10; bound <= rest; bound *= 10) digits++;
    const end = at + Math.max(digits, width);
    for (let i = end - 1; i >= at; i--) {
      this.#scratch[i] = DIGIT_ZERO + rest % 10;
      rest = Math.floor(rest / 10);
    }
    return end;
  }

  #varint(): number {
    let value = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = this.#bytes[this.#position++] as number;
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    return value >>> 0;
  }

  #reserve(used: number, more: number): void {
    if (used + more <= this.#scratch.length) return;
    const larger = new Uint8Array((used + more) * 2);
    larger.set(this.#scratch);
    this.#scratch = larger;
  }
}

export function isDigit(byte: number): boolean {
  return byte >= DIGIT_ZERO && byte <= DIGIT_NINE;
}
