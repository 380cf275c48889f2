/**
 * When each monitor is due: a hashed timing wheel whose lists run through the monitors' own columns. For the engine
 * thread, a million rows, 100,000 events a second; O(1) per event, never a scan of all rows.
 * Source: Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 6.
 *
 *   heads[slot] → row ⇄ row ⇄ row        slot = tick mod slots; a row further off than one revolution stays in its slot
 *   heads[taken] → row ⇄ row             the slot being worked off: rows inserted meanwhile never join it
 *
 * Ticks are unsigned 32-bit numbers that wrap (at 2 ms each after 99 days); a row may be inserted up to 2^31 - 1 ticks
 * ahead. It keeps no time of its own: the caller says up to which tick it is.
 */
import { assert } from "../base/assert.ts";

/** 262 s a revolution at ticks of 2 ms. */
const SLOTS = 131_072;

/** Columns of one length, owned by the wheel from now on; `previous` is -1 for rows that are not in it. */
export interface WheelColumns {
  /** Row after this one in its list; -1 = last. */
  readonly next: Int32Array;
  /** Row before this one; -1 = in no list; -2 - slot = first of that slot. */
  readonly previous: Int32Array;
  /** The tick as inserted. */
  readonly due: Uint32Array;
}

export interface WheelOptions {
  /** The first tick to be worked off. */
  readonly startTick: number;
  /** A power of two. */
  readonly slots?: number;
}

export class Wheel {
  readonly #columns: WheelColumns;
  /** First row per slot, and of the taken list in the last element; -1 = empty. */
  readonly #heads: Int32Array;
  readonly #mask: number;
  /** The index in #heads of the list being worked off. */
  readonly #taken: number;
  /** The first tick whose slot has not been taken yet. */
  #position: number;

  constructor(columns: WheelColumns, options: WheelOptions) {
    const slots = options.slots ?? SLOTS;
    assert(slots > 0 && (slots & (slots - 1)) === 0, `wheel of ${slots} slots: not a power of two`);
    this.#columns = columns;
    this.#heads = new Int32Array(slots + 1).fill(-1);
    this.#mask = slots - 1;
    this.#taken = slots;
    this.#position = options.startTick >>> 0;
  }

  /** A tick that is past is due at the next tick worked off, never within the running one: so no advance() is endless. */
  insert(row: number, tick: number): void {
    assert(this.#columns.previous[row] === -1, `row ${row} is in the wheel already`);
    this.#columns.due[row] = tick;
    this.#link(row, ((tick - this.#position) | 0) < 0 ? this.#position : tick);
  }

  /** False when the row was not in the wheel. */
  remove(row: number): boolean {
    const { next, previous } = this.#columns;
    const before = previous[row] as number;
    if (before === -1) return false;
    const after = next[row] as number;
    if (before < -1) this.#heads[-2 - before] = after;
    else next[before] = after;
    if (after >= 0) previous[after] = before;
    next[row] = -1;
    previous[row] = -1;
    return true;
  }

  /**
   * Visits the rows due at or before `toTick`, tick by tick in order, rows of one tick in any order. A row has left the
   * wheel when it is visited; the visit may insert and remove any rows. `budget` bounds the steps (a row looked at or a
   * tick passed is one); true when all is done, false when the budget ended first: the next call goes on from there.
   */
  advance(toTick: number, visit: (row: number) => void, budget: number): boolean {
    const { due } = this.#columns;
    const heads = this.#heads;
    const taken = this.#taken;
    let steps = 0;
    for (;;) {
      const tick = (this.#position - 1) >>> 0;
      for (let row = heads[taken] as number; row >= 0; row = heads[taken] as number) {
        if (steps++ >= budget) return false;
        this.remove(row);
        const rowDue = due[row] as number;
        if (((rowDue - tick) | 0) <= 0) visit(row);
        else this.#link(row, rowDue);
      }
      if (((toTick - this.#position) | 0) < 0) return true;
      if (steps++ >= budget) return false;
      this.#take();
    }
  }

  /** Ticks from `fromTick` until something is due, 0 when it is late already; at most `limit`. Looks at `limit` slots at most. */
  nextDue(fromTick: number, limit: number): number {
    if ((this.#heads[this.#taken] as number) >= 0) return 0;
    const end = (fromTick + limit) >>> 0;
    for (let tick = this.#position; ((end - tick) | 0) > 0; tick = (tick + 1) >>> 0) {
      if (this.#hasDue(tick)) return Math.max(0, (tick - fromTick) | 0);
    }
    return limit;
  }

  #hasDue(tick: number): boolean {
    const { next, due } = this.#columns;
    for (let row = this.#heads[tick & this.#mask] as number; row >= 0; row = next[row] as number) {
      if ((((due[row] as number) - tick) | 0) <= 0) return true;
    }
    return false;
  }

  /** Moves the next slot's list aside and steps on. */
  #take(): void {
    const slot = this.#position & this.#mask;
    const first = this.#heads[slot] as number;
    if (first >= 0) {
      this.#heads[slot] = -1;
      this.#heads[this.#taken] = first;
      this.#columns.previous[first] = -2 - this.#taken;
    }
    this.#position = (this.#position + 1) >>> 0;
  }

  #link(row: number, tick: number): void {
    const { next, previous } = this.#columns;
    const slot = tick & this.#mask;
    const first = this.#heads[slot] as number;
    next[row] = first;
    previous[row] = -2 - slot;
    if (first >= 0) previous[first] = row;
    this.#heads[slot] = row;
  }
}
