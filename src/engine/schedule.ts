/**
 * When each monitor is checked: a fixed-rate lattice per monitor, never "interval after the last result".
 *
 *   due(k) = phase + k × interval on the wall clock as it stood at boot, phase = identity / 2³² × interval
 *
 * The phase depends only on the monitor's name and interval, so first checks are spread over the interval, and a restart or
 * a reload keeps them where they were. The wall clock is read once; later steps of it change nothing.
 */
import type { Clock } from "../base/clock.ts";
import type { World } from "../world/world.ts";
import type { Wheel } from "./wheel.ts";

/** Length of a wheel tick. Shorter costs wake-ups, longer bunches checks into bursts that show up as latency. */
export const TICK_MS = 2;
/**
 * How far ahead of their time checks go to the workers, which begin them on time: however late one of the engine's turns comes, up
 * to this no check is. Shorter than any interval.
 */
const AHEAD_MS = 8;

export class Schedule {
  readonly #world: World;
  readonly #wheel: Wheel;
  readonly #wallOffsetMs: number;
  readonly #startMs: number;

  constructor(options: { readonly world: World; readonly wheel: Wheel; readonly clock: Clock }) {
    this.#world = options.world;
    this.#wheel = options.wheel;
    this.#startMs = options.clock.monoMs();
    this.#wallOffsetMs = options.clock.wallMs() - this.#startMs;
  }

  /** Puts a row on its next lattice point after nowMs. */
  add(row: number, nowMs: number): void {
    this.#wheel.insert(row, this.#tickAt(this.#pointAfter(row, nowMs)));
  }

  /**
   * Visits rows whose time comes within AHEAD_MS, at most `budget` of them, and puts each on its next lattice point.
   * lateMs is how far nowMs is past the row's lattice point, negative when that is ahead. False when the budget ended first:
   * call again.
   */
  advance(nowMs: number, budget: number, visit: (row: number, lateMs: number) => void): boolean {
    const toTick = this.#horizon(nowMs);
    const untilMs = this.#startMs + toTick * TICK_MS;
    return this.#wheel.advance(toTick, (row) => {
      const next = this.#pointAfter(row, untilMs);
      this.#wheel.insert(row, this.#tickAt(next));
      visit(row, nowMs - (next - this.#intervalMs(row)));
    }, budget);
  }

  remove(row: number): void {
    this.#wheel.remove(row);
  }

  /** How far nowMs is past the row's last lattice point. */
  lateMs(row: number, nowMs: number): number {
    return nowMs - (this.#pointAfter(row, nowMs) - this.#intervalMs(row));
  }

  /** Offers a row now, whatever its lattice says; its regular checks stay where they are. */
  checkSoon(row: number, nowMs: number): void {
    this.#wheel.remove(row);
    this.#wheel.insert(row, this.#tickAt(nowMs + TICK_MS));
  }

  /** Time until something is due, at most maxMs. */
  idleMs(nowMs: number, maxMs: number): number {
    return this.#wheel.nextDue(this.#horizon(nowMs), Math.ceil(maxMs / TICK_MS)) * TICK_MS;
  }

  #horizon(nowMs: number): number {
    return Math.floor((nowMs + AHEAD_MS - this.#startMs) / TICK_MS);
  }

  #pointAfter(row: number, nowMs: number): number {
    const intervalMs = this.#intervalMs(row);
    const phaseMs = ((this.#world.columns.identity[row] as number) / 4294967296) * intervalMs;
    const passed = Math.floor((nowMs + this.#wallOffsetMs - phaseMs) / intervalMs);
    return (passed + 1) * intervalMs + phaseMs - this.#wallOffsetMs;
  }

  #intervalMs(row: number): number {
    return (this.#world.policies[this.#world.columns.policy[row] as number] as { intervalMs: number })
      .intervalMs;
  }

  #tickAt(ms: number): number {
    return Math.ceil((ms - this.#startMs) / TICK_MS) >>> 0;
  }
}
