/**
 * The names of all monitors met in one load, for "names are unique" and for `depends_on`: a million of them, so an open
 * addressing table of hashes (20 bytes an entry, at most half full) in place of a million strings.
 * Two different names with the same 64 bits would be called duplicates; among a million names that has a chance of
 * 3 in 10^8.
 */
import type { Place } from "./problem.ts";

const ENTRY_WORDS = 5;
const SEED_LOW = 0x811c9dc5;
const SEED_HIGH = 0x9747b28c;

export class NameIndex {
  /** Per entry: low hash, high hash (never 0 both), file, line, column. Line 0 = free. */
  #words = new Uint32Array(1024 * ENTRY_WORDS);
  #capacity = 1024;
  #count = 0;
  #files: string[] = [];

  /** Keeps the name; the place of the earlier one when the name is there already. */
  add(name: string, place: Place): Place | undefined {
    const [low, high] = hashName(name);
    if (this.addHash(low, high, place)) return undefined;
    return this.#placeOf(this.#find(low, high));
  }

  /** As add() for the name with this hashName(); false when it is there already. */
  addHash(low: number, high: number, place: Place): boolean {
    if (this.#count * 2 >= this.#capacity) this.#grow();
    const entry = this.#find(low, high);
    const words = this.#words;
    if (words[entry + 3] !== 0) return false;
    words[entry] = low;
    words[entry + 1] = high;
    words[entry + 2] = this.#fileIndex(place.file);
    words[entry + 3] = place.line;
    words[entry + 4] = place.column;
    this.#count++;
    return true;
  }

  has(name: string): boolean {
    const [low, high] = hashName(name);
    return this.#words[this.#find(low, high) + 3] !== 0;
  }

  #find(low: number, high: number): number {
    const words = this.#words;
    // The capacity is a power of two.
    const mask = this.#capacity - 1;
    for (let slot = low & mask;; slot = (slot + 1) & mask) {
      const entry = slot * ENTRY_WORDS;
      if (words[entry + 3] === 0) return entry;
      if (words[entry] === low && words[entry + 1] === high) return entry;
    }
  }

  #grow(): void {
    const old = this.#words;
    this.#capacity *= 2;
    this.#words = new Uint32Array(this.#capacity * ENTRY_WORDS);
    for (let entry = 0; entry < old.length; entry += ENTRY_WORDS) {
      if (old[entry + 3] === 0) continue;
      const target = this.#find(old[entry] as number, old[entry + 1] as number);
      this.#words.set(old.subarray(entry, entry + ENTRY_WORDS), target);
    }
  }

  #fileIndex(file: string): number {
    const last = this.#files.length - 1;
    if (last >= 0 && this.#files[last] === file) return last;
    return this.#files.push(file) - 1;
  }

  #placeOf(entry: number): Place {
    return {
      file: this.#files[this.#words[entry + 2] as number] as string,
      line: this.#words[entry + 3] as number,
      column: this.#words[entry + 4] as number,
    };
  }
}

/** What the index knows a name by. */
export function hashName(name: string): readonly [low: number, high: number] {
  return [hash(name, SEED_LOW), hash(name, SEED_HIGH)];
}

/** MurmurHash3 over UTF-16 units, one unit a step (no bytes are encoded for it). Unsigned 32 bit. */
function hash(text: string, seed: number): number {
  let state = seed;
  for (let index = 0; index < text.length; index++) {
    let unit = Math.imul(text.charCodeAt(index), 0xcc9e2d51);
    unit = (unit << 15) | (unit >>> 17);
    state ^= Math.imul(unit, 0x1b873593);
    state = (state << 13) | (state >>> 19);
    state = (Math.imul(state, 5) + 0xe6546b64) | 0;
  }
  state ^= text.length;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
