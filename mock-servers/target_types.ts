/** The function API of the mock fleet: what startTargets() takes and gives, and what its control endpoint works on. */
import type { Clock } from "../src/base/clock.ts";
import type { Fault, FaultInput } from "./target_faults.ts";
import type { TargetMatch } from "./target_match.ts";

export interface TargetsOptions {
  /** Shared listening ports; 0 lets the kernel choose. Default: one chosen port. */
  readonly ports?: readonly number[];
  /** Targets on the shared ports; default 10,000. */
  readonly count?: number;
  /** Targets with a listening socket of their own; default 0. */
  readonly own?: number;
  /** Port of the first own target, the next ones follow; default 0: the kernel chooses each. */
  readonly ownPort?: number;
  /** Port of the control endpoint on 127.0.0.1, 0 = chosen; left out: no endpoint. */
  readonly control?: number;
  /** Decides random bytes and which targets a `fraction` means; default 1. */
  readonly seed?: number;
  /** What flapping per request goes by; default the system's. */
  readonly clock?: Clock;
}

export interface TargetPlace {
  readonly index: number;
  readonly host: string;
  readonly port: number;
  /** `http://host:port/`. */
  readonly url: string;
  /** True when it has a listening socket of its own and can be refused alone. */
  readonly own: boolean;
}

export interface FaultTerms {
  /** Clears the fault after this time; default: it stays until something else is set. */
  readonly forMs?: number;
  /** HTTP requests for this path only. */
  readonly path?: string;
  /** How many repair() calls fail before one helps; default 0. */
  readonly resistRepairs?: number;
  /** How long a repair takes; default 0. */
  readonly repairMs?: number;
}

export interface TargetStats {
  /** Connections accepted and requests read, by all targets. */
  readonly accepted: number;
  readonly requests: number;
  /** Targets whose fault is not "up"; flapping ones count throughout. */
  readonly faulty: number;
  readonly repaired: number;
  readonly repairsFailed: number;
  /** By target index; live views, not copies. */
  readonly acceptedBy: Uint32Array;
  readonly requestsBy: Uint32Array;
}

export interface Targets extends AsyncDisposable {
  /** How many there are, own ones included. */
  readonly count: number;
  /** `http://127.0.0.1:port`, or "" without the endpoint. */
  readonly control: string;
  addressOf(index: number): TargetPlace;
  /** One index or a match; settles when the fault is in force. Throws TargetError for what cannot be done. */
  set(target: number | TargetMatch, fault: FaultInput, terms?: FaultTerms): Promise<void>;
  /** The fault last set, "up" when none is. */
  faultOf(index: number): Fault;
  /** Indices with a fault, oldest first. */
  faulty(): IteratorObject<number>;
  /** What a remedy calls: takes the time the fault's terms say, and clears it unless it still resists. */
  repair(index: number, signal?: AbortSignal): Promise<boolean>;
  stats(): TargetStats;
}

/** An order that this fleet cannot carry out; the message is for whoever gave it. */
export class TargetError extends Error {}
