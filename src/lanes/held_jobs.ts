/**
 * Jobs that a worker has and may not begin yet: the engine sends checks a few milliseconds ahead, so that they begin on time
 * however the engine's own turns fall. Slots in buckets of a quarter of a millisecond, O(1) each; one thread, no allocation.
 *
 *   hold() ─► bucket of its time ──release(now)──► ready, first come first served ──take()──► begun
 */

/** Power of two; a job further ahead than a turn becomes ready early by the rest. */
const BUCKETS = 128;
const BUCKETS_PER_MS = 4;
const NONE = -1;

export class HeldJobs {
  /** Last slot of each bucket's circular list: its `next` is the first. */
  readonly #lasts = new Int32Array(BUCKETS).fill(NONE);
  readonly #next: Int32Array;
  /** As a bucket: those whose time has come. */
  #readyLast = NONE;
  /** The first bucket, counted from the clock's origin, that has not been released. */
  #position: number;
  #held = 0;

  constructor(options: { readonly slots: number; readonly nowMs: number }) {
    this.#next = new Int32Array(options.slots);
    this.#position = Math.floor(options.nowMs * BUCKETS_PER_MS);
  }

  /** `atMs`: when it may begin, on the clock of release(). */
  hold(slot: number, atMs: number): void {
    const bucket = Math.min(Math.ceil(atMs * BUCKETS_PER_MS), this.#position + BUCKETS - 1);
    if (bucket < this.#position) {
      this.#readyLast = this.#append(this.#readyLast, slot);
      return;
    }
    const index = bucket & (BUCKETS - 1);
    this.#lasts[index] = this.#append(this.#lasts[index] as number, slot);
    this.#held++;
  }

  /** What may begin at `nowMs` is ready from here on. */
  release(nowMs: number): void {
    const end = Math.floor(nowMs * BUCKETS_PER_MS) + 1;
    // After a long pause one turn finds everything.
    if (this.#held === 0) this.#position = Math.max(this.#position, end);
    else if (end - this.#position > BUCKETS) this.#position = end - BUCKETS;
    for (; this.#position < end; this.#position++) {
      const index = this.#position & (BUCKETS - 1);
      const last = this.#lasts[index] as number;
      if (last === NONE) continue;
      this.#lasts[index] = NONE;
      this.#readyLast = this.#join(this.#readyLast, last);
    }
  }

  /** The next ready slot, NONE (-1) when there is none. */
  take(): number {
    const last = this.#readyLast;
    if (last === NONE) return NONE;
    const first = this.#next[last] as number;
    if (first === last) this.#readyLast = NONE;
    else this.#next[last] = this.#next[first] as number;
    return first;
  }

  get hasReady(): boolean {
    return this.#readyLast !== NONE;
  }

  /** Until the next one becomes ready, at most `mostMs`. */
  waitMs(nowMs: number, mostMs: number): number {
    if (this.hasReady) return 0;
    if (this.#held === 0) return mostMs;
    for (let ahead = 0; ahead < BUCKETS; ahead++) {
      if (this.#lasts[(this.#position + ahead) & (BUCKETS - 1)] === NONE) continue;
      return Math.min(mostMs, Math.max(0, (this.#position + ahead) / BUCKETS_PER_MS - nowMs));
    }
    return mostMs;
  }

  #append(last: number, slot: number): number {
    if (last === NONE) this.#next[slot] = slot;
    else {
      this.#next[slot] = this.#next[last] as number;
      this.#next[last] = slot;
    }
    return slot;
  }

  /** Puts the list that ends with `more` behind the one that ends with `last`. */
  #join(last: number, more: number): number {
    for (let slot = this.#next[more] as number;; slot = this.#next[slot] as number) {
      this.#held--;
      if (slot === more) break;
    }
    if (last === NONE) return more;
    const first = this.#next[last] as number;
    this.#next[last] = this.#next[more] as number;
    this.#next[more] = first;
    return more;
  }
}
