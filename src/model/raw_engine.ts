/**
 * The raw engine as its lane drives it: net/raw and probes/raw_engine.ts are the engine, lanes/raw_lane.ts is the driver.
 * It owns its thread: nothing here is a promise, and in the steady state nothing is allocated.
 */
import type { NamesHandle } from "./names.ts";

/** What a check's policy says to the engine; a world's policy is one. */
export interface RawPolicy {
  readonly probe: { readonly kind: string; readonly config: unknown };
  readonly timeoutMs: number;
  readonly retries: number;
}

export interface RawEngineOptions {
  /** Slot numbers are below this. */
  readonly slots: number;
  /** An edge of this descriptor ends a poll(). */
  readonly wakeFd: number;
  readonly nowMs: () => number;
  /** The same object for the same policy. */
  readonly policyOf: (row: number) => RawPolicy;
  /** Writes a row's target (ASCII); bytes written. Asked at each start and again when there is something to send. */
  readonly target: (row: number, into: Uint8Array) => number;
  readonly ended: (end: RawEnd) => void;
  /** Host names; absent: only address literals come here. */
  readonly names?: NamesHandle | undefined;
}

export interface RawEngine {
  readonly inFlight: number;
  /** Begins a check; its end may come before this returns. The slot is taken until then. */
  start(slot: number, row: number): void;
  /** Handles what there is, deadlines included, waiting at most so long. */
  poll(waitMs: number): void;
  /** How long poll() may wait for the sake of deadlines, at most `mostMs`. */
  waitMs(mostMs: number): number;
  /** Frees what is open, without an end for checks that still run. */
  close(): void;
}

/** How a check ended, in the indices of model/outcome.ts: the engine's own object, valid during the call of `ended`. */
export interface RawEnd {
  readonly slot: number;
  readonly outcome: number;
  readonly reason: number;
  readonly value: number;
  readonly text: string | undefined;
  readonly attempts: number;
  /** When the first attempt began, ms of `nowMs`. */
  readonly beganMs: number;
  /** Of the last attempt, from its start; 0 = not reached. */
  readonly dnsUs: number;
  readonly connectUs: number;
  readonly firstByteUs: number;
}
