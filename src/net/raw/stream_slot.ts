/** What the stream engine keeps of one slot: made at its first use, then reused by one check after another. */
import { HANDED_OVER, type Outcome, OUTCOMES, type Reason, reasonIndex } from "../../model/outcome.ts";
import type { RawEnd } from "../../model/raw_engine.ts";
import type { Exchange, StreamPlan } from "../../model/raw_probe.ts";
import { type NamedSlot, NO_NAME } from "./raw_names.ts";

export const CLOSED = 0;
export const CONNECTING = 1;
export const SENDING = 2;
export const READING = 3;
export const NO_CONNECTION = -1;

export class StreamSlot implements Exchange, NamedSlot, RawEnd {
  readonly slot: number;
  readonly #nowMs: () => number;
  row = 0;
  connection = NO_CONNECTION;
  fd = -1;
  phase = CLOSED;
  plan: StreamPlan | undefined;
  timeoutMs = 0;
  retries = 0;
  attempts = 0;
  beganMs = 0;
  attemptMs = 0;
  dnsUs = 0;
  connectUs = 0;
  firstByteUs = 0;
  /** Entry of the name table, and which of its addresses this attempt is at. */
  name = NO_NAME;
  nth = 0;
  tries = 1;
  /** An address tried before has said something of the target. */
  evidence = false;
  unsent: Uint8Array | undefined;
  outcome = 0;
  reason = 0;
  value = 0;
  text: string | undefined;
  status = 0;
  leftBytes = 0;
  flags = 0;
  state: object | undefined;
  reusable = false;
  /** This attempt runs on a connection that served a check before. */
  reused = false;

  constructor(slot: number, nowMs: () => number) {
    this.slot = slot;
    this.#nowMs = nowMs;
  }

  reset(nowMs: number): void {
    this.attempts++;
    this.attemptMs = nowMs;
    this.dnsUs = 0;
    this.name = NO_NAME;
    this.nth = 0;
    this.tries = 1;
    this.evidence = false;
    this.rewind();
  }

  /** As at the attempt's beginning, but for its time. */
  rewind(): void {
    this.connectUs = 0;
    this.firstByteUs = 0;
    this.status = 0;
    this.leftBytes = 0;
    this.flags = 0;
    this.reusable = false;
    this.reused = false;
    this.forget();
  }

  /** Lets go of what an idle slot should not keep. */
  forget(): void {
    this.unsent = undefined;
    this.text = undefined;
    this.state = undefined;
  }

  elapsedMs(): number {
    return this.#nowMs() - this.attemptMs;
  }

  elapsedUs(): number {
    return Math.max(1, Math.round(this.elapsedMs() * 1000));
  }

  settle(outcome: Outcome | "handed_over", reason: Reason, value: number, text?: string): void {
    this.outcome = outcome === "handed_over" ? HANDED_OVER : OUTCOMES.indexOf(outcome);
    this.reason = reasonIndex(reason);
    this.value = value;
    this.text = text;
  }
}
