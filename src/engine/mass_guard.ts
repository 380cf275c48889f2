/**
 * One scope of the mass-failure guard, a group or the fleet: when many of it go down together, or the fault is our own, it
 * is suspect. Pure: monotonic ms come in, nothing goes out but the state. Typical load: a call per incident, a look a second.
 *
 *   clear ──(≥ downPct, at least downMin, opened within the window and still open; or a cause from outside)──► suspect
 *   suspect ──(no cause, and at most half of that still open, for releaseMs)──► releasing ──(releaseMs)──► clear
 *
 * Only what went down with the event counts for its end: monitors that were down long before neither trip nor hold it.
 */
import type { GuardSettings } from "../model/protection.ts";
import type { GuardCause } from "../telemetry/metric_table.ts";

export const CLEAR = 0;
export const SUSPECT = 1;
export const RELEASING = 2;

/** Parts the window is counted in. */
const PARTS = 30;

export class MassGuard {
  readonly name: string;
  /** Monitors of the scope. */
  size = 0;
  state = CLEAR;
  cause: GuardCause = "down_together";
  readonly #settings: GuardSettings;
  readonly #partMs: number;
  /** Part of time → incidents opened in it that still are open. */
  readonly #openedIn = new Map<number, number>();
  #open = 0;
  /** While it is not clear: incidents that opened since then are of this event. */
  #sinceMs = Infinity;
  #members = 0;
  #calmSinceMs = 0;

  constructor(name: string, settings: GuardSettings) {
    this.name = name;
    this.#settings = settings;
    this.#partMs = Math.max(1, settings.windowMs / PARTS);
  }

  /** Monitors that have to go down together. */
  get threshold(): number {
    return Math.max(this.#settings.downMin, Math.ceil(this.#settings.downPct * this.size));
  }

  get open(): number {
    return this.#open;
  }

  /** Nothing is going on here: need not be looked at. */
  get idle(): boolean {
    return this.state === CLEAR && this.#open === 0;
  }

  /** Monotonic ms from which on incidents are of this event; Infinity while it is clear. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Goes on with an event of an earlier process, before its incidents are told: calm is counted anew. */
  restore({ state, cause, sinceMs }: Pick<MassGuard, "state" | "cause" | "sinceMs">, nowMs: number): void {
    this.state = state;
    this.cause = cause;
    this.#sinceMs = sinceMs;
    this.#calmSinceMs = nowMs;
  }

  opened(nowMs: number): void {
    this.#open++;
    if (nowMs >= this.#sinceMs) this.#members++;
    const part = this.#partOf(nowMs);
    this.#openedIn.set(part, (this.#openedIn.get(part) ?? 0) + 1);
  }

  /** `openedMs` as it was given to opened(). */
  closed(openedMs: number): void {
    this.#open--;
    if (openedMs >= this.#sinceMs) this.#members--;
    const part = this.#partOf(openedMs);
    const left = this.#openedIn.get(part);
    if (left !== undefined) this.#openedIn.set(part, left - 1);
  }

  /** `forced`: a cause that does not come from the monitors. True when the state changed. */
  look(nowMs: number, forced: GuardCause | undefined): boolean {
    const before = this.state;
    const together = this.#together(nowMs);
    const tripped = forced !== undefined || together >= this.threshold;
    if (this.state === SUSPECT) this.#lookForCalm(nowMs, forced);
    else if (tripped) this.#trip(nowMs, forced ?? "down_together", together);
    else if (this.state === RELEASING && nowMs - this.#calmSinceMs >= this.#settings.releaseMs) {
      this.state = CLEAR;
      this.#sinceMs = Infinity;
      this.#members = 0;
    }
    return this.state !== before;
  }

  #trip(nowMs: number, cause: GuardCause, together: number): void {
    if (this.state === CLEAR) {
      this.#sinceMs = this.#partOf(nowMs - this.#settings.windowMs) * this.#partMs;
      this.#members = together;
    }
    this.state = SUSPECT;
    this.cause = cause;
    this.#calmSinceMs = nowMs;
  }

  #lookForCalm(nowMs: number, forced: GuardCause | undefined): void {
    if (forced !== undefined || this.#members > Math.floor(this.threshold / 2)) this.#calmSinceMs = nowMs;
    if (nowMs - this.#calmSinceMs < this.#settings.releaseMs) return;
    this.state = RELEASING;
    this.#calmSinceMs = nowMs;
  }

  /** Opened within the window and still open. */
  #together(nowMs: number): number {
    const oldest = this.#partOf(nowMs - this.#settings.windowMs);
    let sum = 0;
    for (const [part, count] of this.#openedIn) {
      if (part < oldest) this.#openedIn.delete(part);
      else sum += count;
    }
    return sum;
  }

  #partOf(ms: number): number {
    return Math.floor(ms / this.#partMs);
  }
}
