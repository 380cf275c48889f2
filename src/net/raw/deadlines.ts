/**
 * The deadlines of one worker's slots: a hashed timing wheel (Varghese & Lauck 1987, scheme 6), O(1) to set and clear.
 * Up to 16,384 slots, one deadline each, milliseconds to minutes. Fires at most TICK_MS late, never early.
 */
const TICK_MS = 4;
/** One turn is 4 s: later deadlines stay in their bucket for further turns. A power of two. */
const BUCKETS = 1024;
const NONE = -1;

export class Deadlines {
  readonly #heads = new Int32Array(BUCKETS).fill(NONE);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Bucket of each slot, NONE = not set. */
  readonly #bucket: Int32Array;
  readonly #atMs: Float64Array;
  /** Tick up to which all has fired. */
  #tick: number;

  constructor(options: { readonly slots: number; readonly nowMs: number }) {
    this.#next = new Int32Array(options.slots);
    this.#previous = new Int32Array(options.slots);
    this.#bucket = new Int32Array(options.slots).fill(NONE);
    this.#atMs = new Float64Array(options.slots);
    this.#tick = Math.floor(options.nowMs / TICK_MS);
  }

  /** Replaces the slot's deadline. */
  set(slot: number, atMs: number): void {
    this.clear(slot);
    const bucket = Math.max(Math.ceil(atMs / TICK_MS), this.#tick + 1) & (BUCKETS - 1);
    const head = this.#heads[bucket] as number;
    this.#atMs[slot] = atMs;
    this.#bucket[slot] = bucket;
    this.#next[slot] = head;
    this.#previous[slot] = NONE;
    if (head !== NONE) this.#previous[head] = slot;
    this.#heads[bucket] = slot;
  }

  clear(slot: number): void {
    const bucket = this.#bucket[slot] as number;
    if (bucket === NONE) return;
    const next = this.#next[slot] as number;
    const previous = this.#previous[slot] as number;
    if (previous === NONE) this.#heads[bucket] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#bucket[slot] = NONE;
  }

  /** Visits every slot whose deadline has passed; it is cleared by then, and may be set again by the visit. */
  expire(nowMs: number, visit: (slot: number) => void): void {
    const toTick = Math.floor(nowMs / TICK_MS);
    // After a pause longer than a turn, one turn over all buckets finds everything.
    this.#tick = Math.max(this.#tick, toTick - BUCKETS);
    while (this.#tick < toTick) {
      const bucket = ++this.#tick & (BUCKETS - 1);
      let slot = this.#heads[bucket] as number;
      while (slot !== NONE) {
        const next = this.#next[slot] as number;
        if ((this.#atMs[slot] as number) <= nowMs) {
          this.clear(slot);
          visit(slot);
        }
        slot = next;
      }
    }
  }

  /** How long nothing can fire, at most `mostMs`: whole ms, rounded up. */
  waitMs(nowMs: number, mostMs: number): number {
    const ticks = Math.ceil(mostMs / TICK_MS);
    for (let ahead = 1; ahead <= ticks; ahead++) {
      if (this.#heads[(this.#tick + ahead) & (BUCKETS - 1)] === NONE) continue;
      return Math.max(0, Math.min(mostMs, Math.ceil((this.#tick + ahead) * TICK_MS - nowMs)));
    }
    return mostMs;
  }
}
