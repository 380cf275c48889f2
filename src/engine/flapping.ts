/**
 * Monitors that go down and up again and again: from the incident on that makes it `incidents` within the window, further
 * alerts are kept back until it has been calm for as long as the window. The alert that reaches the threshold says so.
 * Memory: some numbers per monitor that had an incident within the window.
 */
import type { FlapSettings } from "../model/delivery.ts";

const SWEEP_MS = 60_000;

interface History {
  /** Of the last incidents, at most as many as the threshold. */
  readonly openedMs: number[];
  flapping: boolean;
}

export class Flapping {
  readonly #settings: FlapSettings;
  readonly #histories = new Map<number, History>();
  #sweepAtMs = 0;

  constructor(settings: FlapSettings) {
    this.#settings = settings;
  }

  /** The incident that opens now is the one from which on it flaps: people should read why they hear no more of it. */
  begins(row: number, nowMs: number): boolean {
    const { enabled, incidents, windowMs } = this.#settings;
    const history = this.#histories.get(row);
    if (!enabled || history === undefined || history.flapping) return false;
    const { openedMs } = history;
    const first = openedMs[openedMs.length - incidents + 1];
    return first !== undefined && nowMs - first <= windowMs;
  }

  /** Its incident opened, and its alerts were decided. */
  opened(row: number, nowMs: number): void {
    const { enabled, incidents, windowMs } = this.#settings;
    if (!enabled) return;
    let history = this.#histories.get(row);
    if (history === undefined) this.#histories.set(row, history = { openedMs: [], flapping: false });
    const { openedMs } = history;
    openedMs.push(nowMs);
    if (openedMs.length > incidents) openedMs.shift();
    history.flapping ||= openedMs.length === incidents && nowMs - (openedMs[0] as number) <= windowMs;
  }

  /** Until it has been calm for the window. */
  keepsBack(row: number, nowMs: number): boolean {
    const history = this.#histories.get(row);
    return history?.flapping === true &&
      nowMs - (history.openedMs.at(-1) as number) < this.#settings.windowMs;
  }

  forget(row: number): void {
    this.#histories.delete(row);
  }

  tick(nowMs: number): void {
    if (nowMs < this.#sweepAtMs) return;
    this.#sweepAtMs = nowMs + SWEEP_MS;
    for (const [row, { openedMs }] of this.#histories) {
      if (nowMs - (openedMs.at(-1) as number) >= this.#settings.windowMs) this.#histories.delete(row);
    }
  }
}
