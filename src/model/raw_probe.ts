/**
 * What a probe adds to also run on the raw engine (net/raw): no promises, no event loop, and in the steady state nothing
 * allocated. One plan per policy and thread; one exchange per slot, reused by one check after another.
 * The outcome of a check must not depend on which of the two engines ran it: tests/probes/raw_contract_test.ts.
 */
import type { IpPreference } from "../base/ip_preference.ts";
import type { Outcome, Reason } from "./outcome.ts";

/** Longer targets and requests belong to the hosted engine: suits() must refuse them. */
export const TARGET_BYTES_MOST = 4096;
export const REQUEST_BYTES_MOST = 64 * 1024;

export interface RawProbe<Shared = unknown> {
  /** Whether this monitor can run raw. Pure; asked once per monitor, and only such targets come to the plan. */
  suits(target: string, config: Shared, can: RawAbilities): boolean;
  plan(config: Shared): StreamPlan | EchoPlan;
}

export interface RawAbilities {
  /** Host names can be looked up, not address literals alone. */
  readonly names: boolean;
}

/** One TCP exchange as a kind of check sees it. The methods that return a boolean: true = ended, verdict given. */
export interface StreamPlan {
  readonly transport: "stream";
  /** The address to connect from; "" = the kernel's choice. */
  readonly source: string;
  /** Connections are kept for the next check of the same peer, when the exchange says that they can be. */
  readonly keepAlive: boolean;
  /** Which of a name's addresses come first; absent = as the settings say. */
  readonly prefer?: IpPreference | undefined;
  /** Where in the target (ASCII) its address literal or name and its port are. */
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

/** Half-open range of the literal without brackets, or of the name, and the port. */
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
  /** Set before the end: the peer will take another request on this connection, and nothing of this one is left in it. */
  reusable: boolean;
}

/** Some echo requests (ICMP, ICMPv6) as a kind of check sees them. The target is an address literal or a name. */
export interface EchoPlan {
  readonly transport: "echo";
  /** The address to send from; "" = the kernel's choice. */
  readonly source: string;
  /** Only with the kernel's ping sockets, even where raw ones are permitted. */
  readonly unprivileged: boolean;
  /** Echoes of one check, at most ECHOES_MOST. */
  readonly count: number;
  /** From one to the next; shorter when the time of the check would not suffice for all. */
  readonly intervalMs: number;
  /** Called once, when every echo is answered or given up, or time is up. */
  judge(tally: EchoTally): Verdict;
}

export const ECHOES_MOST = 100;

export interface EchoTally {
  readonly count: number;
  readonly answered: number;
  /** Of the answered ones, µs: least, mean, most. */
  readonly rttLeastUs: number;
  readonly rttMeanUs: number;
  readonly rttMostUs: number;
  readonly timeoutMs: number;
  /** What the network said of a lost one: type and code of RFC 792 or RFC 4443, and who said it. */
  readonly error: IcmpError | undefined;
  /** Answers were dropped here because they came faster than they were read: the loss may be ours. */
  readonly droppedHere: boolean;
}

export interface IcmpError {
  readonly family: 4 | 6;
  readonly type: number;
  readonly code: number;
  /** Address of the router or host that said it. */
  readonly from: string;
}

export interface Verdict {
  readonly outcome: Outcome;
  readonly reason: Reason;
  readonly value: number;
  readonly text?: string;
}
