/**
 * A ring of slot numbers from one thread to one other. The records themselves lie in the slots (records.ts), so a ring
 * moves four bytes per job and touches little memory.
 *
 * Full? It cannot be: the ring has as many places as there are slots, and a slot is in one place at a time. Pushing into
 * a full ring is broken code and asserts. Indices count up forever as 32-bit integers and are compared by difference.
 * Data is written with plain stores; the index, stored atomically after it, is what makes it visible.
 */
import { assert } from "../base/assert.ts";

export interface RingColumns {
  /** Slot numbers; the length is a power of two. Producer writes, consumer reads. */
  readonly places: Uint32Array<SharedArrayBuffer>;
  /** One word: pushed so far. Producer writes. */
  readonly tail: Int32Array<SharedArrayBuffer>;
  /** One word: taken so far. Consumer writes. */
  readonly head: Int32Array<SharedArrayBuffer>;
}

export class RingProducer {
  readonly #columns: RingColumns;
  readonly #mask: number;
  #tail: number;
  #published: number;
  /** The consumer's head as last seen: it only grows, so a stale one is merely pessimistic. */
  #headSeen: number;

  constructor(columns: RingColumns) {
    this.#columns = columns;
    this.#mask = columns.places.length - 1;
    assert(
      (columns.places.length & this.#mask) === 0,
      `ring of ${columns.places.length} places: not a power of two`,
    );
    this.#tail = Atomics.load(columns.tail, 0);
    this.#published = this.#tail;
    this.#headSeen = Atomics.load(columns.head, 0);
  }

  /** The number the next pushed slot gets: 32 bit, wrapping. */
  get position(): number {
    return this.#tail;
  }

  /** Invisible to the consumer until publish(). */
  push(slot: number): void {
    if (((this.#tail - this.#headSeen) | 0) > this.#mask) {
      this.#headSeen = Atomics.load(this.#columns.head, 0);
      assert(
        ((this.#tail - this.#headSeen) | 0) <= this.#mask,
        "push into a full ring: a slot is in it twice",
      );
    }
    this.#columns.places[this.#tail & this.#mask] = slot;
    this.#tail = (this.#tail + 1) | 0;
  }

  /** Makes everything pushed visible in one store. False when there was nothing new. */
  publish(): boolean {
    if (this.#published === this.#tail) return false;
    this.#published = this.#tail;
    Atomics.store(this.#columns.tail, 0, this.#tail);
    return true;
  }

  /** Pushed (published or not) and not yet taken. */
  waiting(): number {
    this.#headSeen = Atomics.load(this.#columns.head, 0);
    return (this.#tail - this.#headSeen) | 0;
  }
}

export class RingConsumer {
  readonly #columns: RingColumns;
  readonly #mask: number;
  #head: number;
  /** The producer's tail as last seen: read again only when everything up to it has been taken. */
  #tailSeen: number;

  constructor(columns: RingColumns) {
    this.#columns = columns;
    this.#mask = columns.places.length - 1;
    this.#head = Atomics.load(columns.head, 0);
    this.#tailSeen = this.#head;
  }

  /** The next slot number, or -1 when there is none. */
  take(): number {
    if (this.#head === this.#tailSeen) {
      this.#tailSeen = Atomics.load(this.#columns.tail, 0);
      if (this.#head === this.#tailSeen) return -1;
    }
    const slot = this.#columns.places[this.#head & this.#mask] as number;
    this.#head = (this.#head + 1) | 0;
    Atomics.store(this.#columns.head, 0, this.#head);
    return slot;
  }

  get empty(): boolean {
    return this.#head === this.#tailSeen && Atomics.load(this.#columns.tail, 0) === this.#head;
  }
}
