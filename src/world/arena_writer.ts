/**
 * Appends texts to the arena in the form that arena.ts describes; on the engine thread only.
 * A shape becomes a template when it comes a second time, so that texts which are all different (random host names) do
 * not fill the table; a full table means that further new shapes are stored as they are. All its memory is bounded.
 */
import { assert } from "../base/assert.ts";
import { hashBytes } from "../base/hash.ts";
import { type ArenaBlock, DIGIT_ZERO, EMPTY, FIRST_TEMPLATE, isDigit, LITERAL } from "./arena.ts";

/** Digits of one number: nine fit 32 bits; a longer run is several numbers. */
const MAX_DIGITS = 9;
const SEEN_SLOTS = 65_536;
/** Most bytes around a text: head and length, and the length of a template. */
const OVERHEAD_BYTES = 15;

const ENCODER = new TextEncoder();

export class ArenaWriter {
  readonly #bytes: Uint8Array;
  readonly #templates: Uint32Array;
  /** Open addressing, at most half full: hash of a shape → number of its template + 1. */
  readonly #index: Uint32Array;
  /** Hashes of shapes seen once; a later shape may push one out, which only delays its template. */
  readonly #seen: Uint32Array = new Uint32Array(SEEN_SLOTS);
  #templateCount = 0;
  readonly #start: number;
  #end: number;
  // Scratch, reused: the text in UTF-8, its shape, the numbers in it.
  #text: Uint8Array = new Uint8Array(1024);
  #shape: Uint8Array = new Uint8Array(1024);
  #numbers: Uint32Array = new Uint32Array(1024);
  /** The texts since the last commit(): templates that they need go into the arena before them. */
  #staged: Uint8Array = new Uint8Array(1024);
  #stagedLength = 0;
  #textLength = 0;
  #shapeLength = 0;
  #opened = 0;
  #numberCount = 0;

  constructor(arena: ArenaBlock) {
    this.#bytes = arena.bytes;
    this.#templates = arena.templates;
    this.#start = arena.start;
    this.#end = arena.start;
    let slots = 2;
    while (slots < arena.templates.length * 2) slots *= 2;
    this.#index = new Uint32Array(slots);
  }

  /** Bytes of texts and templates, the used part of the template table included. */
  get bytesUsed(): number {
    return this.#end - this.#start + this.#templateCount * 4;
  }

  /** Bytes from the arena's begin that hold something, and templates in them: all that there is to keep of it. */
  get image(): { readonly bytes: number; readonly templates: number } {
    return { bytes: this.#end, templates: this.#templateCount };
  }

  /** The arena was filled with the bytes of an image; this writer, which has written nothing, goes on behind them. */
  adopt(image: { readonly bytes: number; readonly templates: number }): void {
    assert(this.#end === this.#start && image.bytes >= this.#start, "an image is adopted by a new arena");
    assert(image.bytes <= this.#bytes.length && image.templates <= this.#templates.length, "the image fits");
    this.#end = image.bytes;
    this.#templateCount = image.templates;
    for (let template = 0; template < image.templates; template++) this.#indexTemplate(template);
  }

  /** Whether texts of so many UTF-16 units fit, whatever they contain, each with a template of its own. */
  hasRoom(units: number, texts: number): boolean {
    return this.#end + (units * 3 + texts * OVERHEAD_BYTES) * 2 <= this.#bytes.length;
  }

  /** Puts the text behind the others of this record. The caller has asked hasRoom() for the whole record. */
  stage(text: string): void {
    this.#reserve(text.length * 3 + OVERHEAD_BYTES);
    this.#encode(text);
    this.#stageEncoded();
  }

  /** As stage(), for UTF-8 that is at hand. */
  stageBytes(bytes: Uint8Array, start: number, length: number): void {
    this.#reserve(length + OVERHEAD_BYTES);
    this.#makeRoom(length);
    // Texts are short: a loop is faster than set(subarray()), and makes no object.
    for (let i = 0; i < length; i++) this.#text[i] = bytes[start + i] as number;
    this.#textLength = length;
    this.#stageEncoded();
  }

  #stageEncoded(): void {
    if (this.#textLength === 0) return this.#stageVarint(EMPTY);
    const template = this.#findTemplate(this.#cutNumbers());
    if (template < 0) return this.#stageLiteral();
    this.#stageVarint(template + FIRST_TEMPLATE);
    for (let i = 0; i < this.#numberCount; i++) this.#stageVarint(this.#numbers[i] as number);
  }

  /** hashText() of the text staged last. */
  stagedHash(): number {
    return hashBytes(this.#text, this.#textLength);
  }

  /** Stores the staged texts, one after another, and returns their offset. */
  commit(): number {
    const offset = this.#end;
    assert(offset + this.#stagedLength <= this.#bytes.length, "the caller asked hasRoom()");
    for (let i = 0; i < this.#stagedLength; i++) this.#bytes[offset + i] = this.#staged[i] as number;
    this.#end += this.#stagedLength;
    this.#stagedLength = 0;
    return offset;
  }

  /** Fills #text. Most texts are ASCII, where a loop is several times faster than the encoder. */
  #encode(text: string): void {
    this.#makeRoom(text.length * 3);
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        this.#textLength = ENCODER.encodeInto(text, this.#text).written;
        return;
      }
      this.#text[i] = unit;
    }
    this.#textLength = text.length;
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#text.length) return;
    this.#text = new Uint8Array(bytes * 2);
    this.#shape = new Uint8Array(bytes * 2);
    this.#numbers = new Uint32Array(bytes * 2);
  }

  /** Fills #shape and #numbers from #text; returns the hash of the shape (FNV-1a, finished by a shift of its own). */
  #cutNumbers(): number {
    const text = this.#text;
    const shape = this.#shape;
    const textLength = this.#textLength;
    let shapeLength = 0;
    let numberCount = 0;
    let hash = 0x811c9dc5;
    let at = 0;
    while (at < textLength) {
      let byte = text[at] as number;
      if (isDigit(byte)) {
        const start = at;
        let number = 0;
        while (at < textLength && at - start < MAX_DIGITS && isDigit(text[at] as number)) {
          number = number * 10 + (text[at++] as number) - DIGIT_ZERO;
        }
        const padded = byte === DIGIT_ZERO && at - start > 1;
        byte = DIGIT_ZERO + (padded ? at - start : 0);
        this.#numbers[numberCount++] = number;
      } else at++;
      shape[shapeLength++] = byte;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    this.#shapeLength = shapeLength;
    this.#numberCount = numberCount;
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  /** Number of the template with the current shape, made now if the shape comes a second time; -1 = none. */
  #findTemplate(hash: number): number {
    const mask = this.#index.length - 1;
    let slot = hash & mask;
    for (let entry = this.#index[slot] as number; entry !== 0; entry = this.#index[slot] as number) {
      if (this.#hasShape(entry - 1)) return entry - 1;
      slot = (slot + 1) & mask;
    }
    if (this.#seen[hash % SEEN_SLOTS] !== hash) {
      this.#seen[hash % SEEN_SLOTS] = hash;
      return -1;
    }
    if (this.#templateCount === this.#templates.length) return -1;
    this.#index[slot] = this.#templateCount + 1;
    return this.#makeTemplate();
  }

  /** Length of the template's shape, whose first byte is at `#opened` from here on: two numbers without an object. */
  #openTemplate(template: number): number {
    let at = this.#templates[template] as number;
    let length = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = this.#bytes[at++] as number;
      length |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    this.#opened = at;
    return length;
  }

  #indexTemplate(template: number): void {
    const length = this.#openTemplate(template);
    const at = this.#opened;
    let hash = 0x811c9dc5;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (this.#bytes[at + i] as number), 0x01000193);
    const mask = this.#index.length - 1;
    let slot = ((hash ^ (hash >>> 15)) >>> 0) & mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
    this.#index[slot] = template + 1;
  }

  #makeTemplate(): number {
    this.#templates[this.#templateCount] = this.#end;
    for (let rest = this.#shapeLength;; rest >>>= 7) {
      this.#bytes[this.#end++] = rest < 0x80 ? rest : (rest & 0x7f) | 0x80;
      if (rest < 0x80) break;
    }
    for (let i = 0; i < this.#shapeLength; i++) this.#bytes[this.#end++] = this.#shape[i] as number;
    return this.#templateCount++;
  }

  #hasShape(template: number): boolean {
    const length = this.#openTemplate(template);
    const at = this.#opened;
    if (length !== this.#shapeLength) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[at + i] !== this.#shape[i]) return false;
    return true;
  }

  #stageLiteral(): void {
    this.#stageVarint(LITERAL);
    this.#stageVarint(this.#textLength);
    for (let i = 0; i < this.#textLength; i++) this.#staged[this.#stagedLength++] = this.#text[i] as number;
  }

  #stageVarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#staged[this.#stagedLength++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#staged[this.#stagedLength++] = rest;
  }

  /** A number of n digits takes at most n bytes, so a text never takes more than its UTF-8 and the overhead. */
  #reserve(bytes: number): void {
    if (this.#stagedLength + bytes <= this.#staged.length) return;
    const larger = new Uint8Array((this.#stagedLength + bytes) * 2);
    larger.set(this.#staged);
    this.#staged = larger;
  }
}
