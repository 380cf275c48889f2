/**
 * The circuit breaker of one channel (M. Nygard, "Release It!", 2nd ed., Circuit Breaker): after some failures in a row
 * nothing is sent for a while, then one delivery is tried; what is pending waits safely in the outbox meanwhile. A refusal
 * is an answer of a channel that works. Pure: monotonic ms come in.
 *
 *   closed ──(FAILURES in a row)──► open ──(its span is over)──► half open ──(sent or refused)──► closed
 *                                     ▲────────(failed: twice the span)────────┘
 */
import type { DeliveryResult } from "../model/plugin.ts";

export const BREAKER_CLOSED = 0;
export const BREAKER_OPEN = 1;
export const BREAKER_HALF_OPEN = 2;

/** In a row, over all monitors of the channel. */
const FAILURES = 5;
const SPAN_BASE_MS = 5000;
/** Short beside the longest retry: a channel that is well again is found soon. */
const SPAN_CAP_MS = 60_000;

export class Breaker {
  state = BREAKER_CLOSED;
  /** While it is open: when one delivery may be tried. */
  untilMs = 0;
  /** In a row. */
  failures = 0;
  #opened = 0;

  /** Deliveries that may be in flight. */
  window(normal: number): number {
    if (this.state === BREAKER_OPEN) return 0;
    return this.state === BREAKER_HALF_OPEN ? 1 : normal;
  }

  /** True when its span is over: one may be tried from here on. */
  tick(nowMs: number): boolean {
    if (this.state !== BREAKER_OPEN || nowMs < this.untilMs) return false;
    this.state = BREAKER_HALF_OPEN;
    return true;
  }

  /** True when the state changed. */
  took(result: DeliveryResult["result"], nowMs: number): boolean {
    const before = this.state;
    if (result !== "retry") {
      this.state = BREAKER_CLOSED;
      this.failures = this.#opened = 0;
      return before !== BREAKER_CLOSED;
    }
    this.failures++;
    const trips = this.state === BREAKER_HALF_OPEN ||
      (this.state === BREAKER_CLOSED && this.failures >= FAILURES);
    if (!trips) return false;
    this.state = BREAKER_OPEN;
    this.untilMs = nowMs + Math.min(SPAN_CAP_MS, SPAN_BASE_MS * 2 ** this.#opened++);
    return true;
  }
}
