/**
 * Host names and their addresses, one entry for all threads. Any thread looks names up and adds them; one thread, the
 * keeper, asks for them and writes what they came to. An entry is never removed. Load: a look-up per check (0.2 µs), an
 * answer per name and TTL. Readers know no clock: the keeper says when an entry is no longer fresh, so that a keeper that is
 * gone leaves them with what was last known.
 *
 *   index    open addressing by hash: entry + 1, 0 = free; written once by compare-exchange, when the entry is whole
 *   entries  version | asked | status | fresh | hash | name at, bytes | detail | IPv4, IPv6 counts | 4 IPv4 | 4 IPv6
 *   names    the names, ASCII in lower case, one after another
 *   ring     entries that are asked for: entry + 1, 0 = free. An entry is in it at most once (`asked`), so it cannot be full
 *
 * `version` is odd while the keeper writes (a seqlock): readers copy and look at it again.
 */
import { assert } from "../base/assert.ts";
import type { IpPreference } from "../base/ip_preference.ts";
import { Doorbell } from "./doorbell.ts";
import { createLayout } from "./layout.ts";

/** A name more than this many is told as such (model/names.ts, FAULT_TABLE_FULL). */
export const NAMES_MOST = 1 << 18;
/** Kept of each family. */
export const ADDRESSES_MOST = 4;
/** Addresses that one check tries. */
const TRIES_MOST = 4;
const INDEX_SLOTS = NAMES_MOST * 2;
const NAME_POOL_BYTES = NAMES_MOST * 32;
const ENTRY_WORDS = 32;

const LAYOUT = createLayout({
  header: { type: "i32", length: 4 },
  bell: { type: "i32", length: 1 },
  index: { type: "i32", length: INDEX_SLOTS },
  ring: { type: "i32", length: NAMES_MOST },
  entries: { type: "i32", length: NAMES_MOST * ENTRY_WORDS },
  names: { type: "u8", length: NAME_POOL_BYTES },
});
type Columns = ReturnType<typeof LAYOUT.attach>;

// Words of the header.
const COUNT = 0;
const POOL_USED = 1;
const RING_TAIL = 2;
const RING_HEAD = 3;
// Words of an entry.
const VERSION = 0;
const ASKED = 1;
const STATUS = 2;
const FRESH = 3;
const HASH = 4;
const NAME_AT = 5;
const NAME_BYTES = 6;
const DETAIL = 7;
const IPV4_COUNT = 8;
const IPV6_COUNT = 9;
const IPV4_AT = 10;
const IPV6_AT = 14;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const WAITING = 0;

export function createNameTable(): SharedArrayBuffer {
  return LAYOUT.allocate();
}

/** Any thread's end. */
export class NameTable {
  readonly #columns: Columns;
  readonly #bell: Doorbell;

  constructor(buffer: SharedArrayBuffer) {
    this.#columns = LAYOUT.attach(buffer);
    this.#bell = new Doorbell(this.#columns.bell);
  }

  /** The entry of the ASCII name in text[from, to), made when there is none; -1 when the table is full. */
  find(text: Uint8Array, from: number, to: number): number {
    const { index, entries } = this.#columns;
    const hash = hashName(text, from, to);
    let made = -1;
    for (let at = hash & (INDEX_SLOTS - 1);; at = (at + 1) & (INDEX_SLOTS - 1)) {
      let found = Atomics.load(index, at) - 1;
      if (found < 0) {
        if (made < 0) made = this.#make(text, from, to, hash);
        if (made < 0) return -1;
        found = Atomics.compareExchange(index, at, 0, made + 1) - 1;
        // When another thread was faster, ours is lost unless it goes further on: a few words, once in a fleet's life.
        if (found < 0) return made;
      }
      if (entries[found * ENTRY_WORDS + HASH] === hash && this.#isName(found, text, from, to)) return found;
    }
  }

  /** A status of model/names.ts; what is not fresh is asked for, and waiting. */
  look(entry: number): number {
    const { entries } = this.#columns;
    const at = entry * ENTRY_WORDS;
    if (Atomics.load(entries, at + FRESH) !== 0) return Atomics.load(entries, at + STATUS);
    this.#ask(entry);
    return WAITING;
  }

  /** More about a failure, as the keeper gave it. */
  detail(entry: number): number {
    return Atomics.load(this.#columns.entries, entry * ENTRY_WORDS + DETAIL);
  }

  /** How many addresses there are to try, at most TRIES_MOST. */
  tries(entry: number, prefer: IpPreference): number {
    const ipv4 = prefer === "ipv6_only" ? 0 : this.#count(entry, false);
    const ipv6 = prefer === "ipv4_only" ? 0 : this.#count(entry, true);
    return Math.min(TRIES_MOST, ipv4 + ipv6);
  }

  /**
   * Copies the n-th address to try into the first bytes of `into`, in the network's order: 4 or 16 bytes, or 0 when there are
   * fewer by now.
   */
  copyAddress(
    entry: number,
    { nth, prefer }: { nth: number; prefer: IpPreference },
    into: Uint8Array,
  ): number {
    const ipv6First = prefer === "ipv6" || prefer === "ipv6_only";
    const first = this.#count(entry, ipv6First);
    if (nth < first) return this.#copy(entry, ipv6First, nth, into);
    if (prefer === "ipv4_only" || prefer === "ipv6_only") return 0;
    return this.#copy(entry, !ipv6First, nth - first, into);
  }

  #count(entry: number, ipv6: boolean): number {
    return Atomics.load(this.#columns.entries, entry * ENTRY_WORDS + (ipv6 ? IPV6_COUNT : IPV4_COUNT));
  }

  #copy(entry: number, ipv6: boolean, nth: number, into: Uint8Array): number {
    const { entries } = this.#columns;
    const at = entry * ENTRY_WORDS;
    const bytes = ipv6 ? IPV6_BYTES : IPV4_BYTES;
    if (nth >= ADDRESSES_MOST) return 0;
    const from = at + (ipv6 ? IPV6_AT + nth * 4 : IPV4_AT + nth);
    while (true) {
      const version = Atomics.load(entries, at + VERSION);
      if (version & 1) continue;
      const count = Atomics.load(entries, at + (ipv6 ? IPV6_COUNT : IPV4_COUNT));
      for (let byte = 0; byte < bytes; byte++) {
        into[byte] = Atomics.load(entries, from + (byte >> 2)) >>> (8 * (byte & 3));
      }
      if (Atomics.load(entries, at + VERSION) === version) return nth < count ? bytes : 0;
    }
  }

  /** Settles when the entry has been written, or after `timeoutMs`. For threads with an event loop. */
  async changed(entry: number, timeoutMs: number): Promise<void> {
    const { entries } = this.#columns;
    const at = entry * ENTRY_WORDS;
    const version = Atomics.load(entries, at + VERSION);
    if (Atomics.load(entries, at + FRESH) !== 0) return;
    const waiting = Atomics.waitAsync(entries, at + VERSION, version, timeoutMs);
    if (waiting.async) await waiting.value;
  }

  #ask(entry: number): void {
    const { entries, header, ring } = this.#columns;
    if (Atomics.compareExchange(entries, entry * ENTRY_WORDS + ASKED, 0, 1) !== 0) return;
    Atomics.store(ring, Atomics.add(header, RING_TAIL, 1) & (NAMES_MOST - 1), entry + 1);
    this.#bell.ring();
  }

  #make(text: Uint8Array, from: number, to: number, hash: number): number {
    const { header, entries, names } = this.#columns;
    const bytes = to - from;
    if (Atomics.load(header, COUNT) >= NAMES_MOST) return -1;
    const nameAt = Atomics.add(header, POOL_USED, bytes);
    const entry = nameAt + bytes <= NAME_POOL_BYTES ? Atomics.add(header, COUNT, 1) : NAMES_MOST;
    if (entry >= NAMES_MOST) {
      Atomics.store(header, COUNT, NAMES_MOST);
      return -1;
    }
    for (let i = 0; i < bytes; i++) names[nameAt + i] = lower(text[from + i] as number);
    const at = entry * ENTRY_WORDS;
    entries[at + HASH] = hash;
    entries[at + NAME_AT] = nameAt;
    entries[at + NAME_BYTES] = bytes;
    return entry;
  }

  #isName(entry: number, text: Uint8Array, from: number, to: number): boolean {
    const { entries, names } = this.#columns;
    const at = entry * ENTRY_WORDS;
    if (entries[at + NAME_BYTES] !== to - from) return false;
    const nameAt = entries[at + NAME_AT] as number;
    for (let i = from; i < to; i++) if (names[nameAt + i - from] !== lower(text[i] as number)) return false;
    return true;
  }
}

/** What an entry is to hold. */
export interface NameEntry {
  readonly status: number;
  readonly detail: number;
  /** In the network's order, 4 and 16 bytes each; at most ADDRESSES_MOST are kept. */
  readonly ipv4: readonly Uint8Array[];
  readonly ipv6: readonly Uint8Array[];
}

/** The keeper's end; one in a process. */
export class NameKeeperEnd {
  readonly #columns: Columns;
  readonly #bell: Doorbell;

  constructor(buffer: SharedArrayBuffer) {
    this.#columns = LAYOUT.attach(buffer);
    // A keeper that was lost in its sleep has left the word up.
    Atomics.store(this.#columns.bell, 0, 0);
    this.#bell = new Doorbell(this.#columns.bell);
  }

  /** Names so far; entries are 0 … count - 1. */
  get count(): number {
    return Math.min(NAMES_MOST, Atomics.load(this.#columns.header, COUNT));
  }

  /** The next entry that is asked for, -1 when there is none. */
  takeAsked(): number {
    const { header, ring } = this.#columns;
    const head = Atomics.load(header, RING_HEAD);
    const taken = Atomics.exchange(ring, head & (NAMES_MOST - 1), 0);
    if (taken === 0) return -1;
    Atomics.store(header, RING_HEAD, head + 1);
    return taken - 1;
  }

  /** Asked for, and not answered: what a keeper that was lost had taken. */
  isAsked(entry: number): boolean {
    return Atomics.load(this.#columns.entries, entry * ENTRY_WORDS + ASKED) !== 0;
  }

  name(entry: number): string {
    const { entries, names } = this.#columns;
    const nameAt = entries[entry * ENTRY_WORDS + NAME_AT] as number;
    const bytes = entries[entry * ENTRY_WORDS + NAME_BYTES] as number;
    return String.fromCharCode(...names.subarray(nameAt, nameAt + bytes));
  }

  /** Makes it fresh; who waits for it sees it. `keep`: the addresses that are there stay. */
  publish(entry: number, content: NameEntry | "keep"): void {
    const { entries } = this.#columns;
    const at = entry * ENTRY_WORDS;
    // Odd whatever a keeper that was lost while it wrote has left.
    const writing = Atomics.load(entries, at + VERSION) | 1;
    Atomics.store(entries, at + VERSION, writing);
    if (content !== "keep") this.#write(at, content);
    Atomics.store(entries, at + VERSION, (writing + 1) | 0);
    Atomics.store(entries, at + FRESH, 1);
    Atomics.notify(entries, at + VERSION);
  }

  /** Its question is answered: it may be asked for again. */
  answered(entry: number): void {
    Atomics.store(this.#columns.entries, entry * ENTRY_WORDS + ASKED, 0);
  }

  /** Not fresh any more: the next who needs it asks. */
  expire(entry: number): void {
    Atomics.store(this.#columns.entries, entry * ENTRY_WORDS + FRESH, 0);
  }

  /** Settles after `timeoutMs` or when a name is asked for. */
  sleep(timeoutMs: number): Promise<void> {
    const { header, ring } = this.#columns;
    const head = Atomics.load(header, RING_HEAD) & (NAMES_MOST - 1);
    return this.#bell.sleep(timeoutMs, () => Atomics.load(ring, head) !== 0);
  }

  #write(at: number, { status, detail, ipv4, ipv6 }: NameEntry): void {
    const { entries } = this.#columns;
    Atomics.store(entries, at + STATUS, status);
    Atomics.store(entries, at + DETAIL, detail);
    Atomics.store(entries, at + IPV4_COUNT, Math.min(ADDRESSES_MOST, ipv4.length));
    Atomics.store(entries, at + IPV6_COUNT, Math.min(ADDRESSES_MOST, ipv6.length));
    const write = (addresses: readonly Uint8Array[], words: number, base: number) => {
      for (const [nth, address] of addresses.slice(0, ADDRESSES_MOST).entries()) {
        assert(address.length === words * 4, `address of ${address.length} bytes`);
        for (let word = 0; word < words; word++) {
          const [a = 0, b = 0, c = 0, d = 0] = address.subarray(word * 4, word * 4 + 4);
          Atomics.store(entries, base + nth * words + word, a | b << 8 | c << 16 | d << 24);
        }
      }
    };
    write(ipv4, 1, at + IPV4_AT);
    write(ipv6, 4, at + IPV6_AT);
  }
}

/** FNV-1a with a finalizer, as base/hash.ts, of a range in lower case. Signed. */
function hashName(text: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ lower(text[i] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function lower(code: number): number {
  return code >= 65 && code <= 90 ? code | 32 : code;
}
