/**
 * What a probe adds to also run on the raw engine (net/raw): no promises, no event loop, and in the steady state nothing
 * allocated. One plan per policy and thread; one exchange per slot, reused by one check after another.
 * The outcome of a check must not depend on which of the two engines ran it: tests/probes/raw_contract_test.ts.
 */
import type { Outcome, Reason } from "./outcome.ts";

/** Longer targets and requests belong to the hosted engine: suits() must refuse them. */
export const TARGET_BYTES_MOST = 4096;
export const REQUEST_BYTES_MOST = 64 * 1024;

export interface RawProbe<Shared = unknown> {
  /** Whether this monitor can run raw. Pure; asked once per monitor, and only such targets come to the plan. */
  suits(target: string, config: Shared): boolean;
  plan(config: Shared): StreamPlan;
}

/** One TCP exchange as a kind of check sees it. The methods that return a boolean: true = ended, verdict given. */
export interface StreamPlan {
  /** Where in the target (ASCII) its address literal and port are. */
  readonly locate: (target: Uint8Array, bytes: number, into: Place) => void;
  /** Writes what is sent once connected; bytes written, 0 = nothing is sent. */
  readonly request: (target: Uint8Array, bytes: number, into: Uint8Array) => number;
  /** Connected, and everything was sent. */
  sent(exchange: Exchange): boolean;
  /** The next `length` bytes, valid during the call. */
  received(exchange: Exchange, bytes: Uint8Array, length: number): boolean;
  /** The peer ended its side before the check did: always the end. */
  closed(exchange: Exchange): void;
}

/** Half-open range of the literal without brackets, and the port. */
export interface Place {
  hostFrom: number;
  hostTo: number;
  port: number;
}

export interface Exchange {
  /** ms since the attempt began, now. */
  elapsedMs(): number;
  /** Settles the attempt. HANDED_OVER: the hosted engine is to run this check. */
  settle(outcome: Outcome | "handed_over", reason: Reason, value: number, text?: string): void;
  /** The plan's own between its calls; reset to these at the beginning of each attempt. */
  status: number;
  leftBytes: number;
  flags: number;
  state: object | undefined;
}
