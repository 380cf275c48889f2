/**
 * What the journal keeps, as plain data: written by the engine in the order of events, stored by src/journal, read back at
 * boot. Times are wall clock, ms, because they must mean something to the next process.
 */
import type { Color } from "./color.ts";
import type { AlertMessage } from "./message.ts";

/** One message to one channel, composed when it was decided: later events of the incident do not change it. */
export interface AlertDecision {
  /** Unique and increasing over restarts: the order of delivery. */
  readonly id: number;
  /** Index into the channels of this process. */
  readonly channel: number;
  /** The same channel for another process, see channel_identity.ts. */
  readonly channelId: string;
  readonly color: Color;
  readonly message: AlertMessage;
}

/** One decision about one monitor, or about many (then `row` is beyond any of the world), with everything its acts need. Its alerts and its remedy wait for the commit. */
export interface Decision {
  readonly type: "decision";
  readonly row: number;
  readonly monitor: string;
  readonly incident: string;
  /** Position in the incident's log, from 1. */
  readonly seq: number;
  readonly transition: string;
  readonly atWallMs: number;
  readonly alerts: readonly AlertDecision[];
  readonly remedy: { readonly attempt: number; readonly error: string } | null;
}

export interface StoredIncident {
  readonly id: string;
  readonly sinceWallMs: number;
  readonly opened: boolean;
  readonly seq: number;
  readonly error: string;
  readonly output: string;
  readonly tried: readonly string[];
  /** Why alerts of it were not sent one by one. */
  readonly keptBack?: "dependency" | "digest" | "silence" | "flapping";
  readonly acknowledged?: { readonly by: string; readonly atWallMs: number };
  /** By identity of the channel, see Incident.told. */
  readonly told?: Readonly<Record<string, string>>;
  /** Time of the last message per colour. */
  readonly sentAtWallMs: Readonly<Partial<Record<Color, number>>>;
  /** End of the wait before the next repair; 0 when none waits. */
  readonly backoffDueWallMs: number;
}

/** A monitor that is not simply up. The numbers are those of MonitorState. */
export interface StoredState {
  readonly state: number;
  readonly failures: number;
  readonly successes: number;
  readonly verifyLeft: number;
  readonly attempts: number;
  readonly flags: number;
  readonly sinceWallMs: number;
  readonly incident: StoredIncident | null;
}

/** Where a monitor stands now; null: up, with nothing to remember. */
export interface MonitorStands {
  readonly type: "monitor";
  readonly monitor: string;
  readonly atWallMs: number;
  readonly stands: StoredState | null;
}

/** A line of an incident's log. */
export interface IncidentStep {
  readonly type: "step";
  readonly incident: string;
  readonly atWallMs: number;
  /** The state that was entered, or what else happened. */
  readonly what: string;
  readonly detail: string;
}

export interface IncidentClosed {
  readonly type: "closed";
  readonly incident: string;
  readonly atWallMs: number;
}

export interface AlertSettled {
  readonly type: "settled";
  readonly id: number;
  readonly result: "delivered" | "dead";
  readonly error: string;
  readonly atWallMs: number;
}

/** An attempt came to nothing; the next one is due then. */
export interface AlertPutOff {
  readonly type: "put-off";
  readonly id: number;
  readonly attempt: number;
  readonly dueWallMs: number;
}

/** `withdrawn`: it never began, and its attempt may be decided again. */
export const REPAIR_ENDS = ["succeeded", "failed", "lost", "withdrawn"] as const;
export type RepairEnd = typeof REPAIR_ENDS[number];

export interface RepairEnded {
  readonly type: "repair-ended";
  readonly incident: string;
  readonly attempt: number;
  readonly how: RepairEnd;
  readonly text: string;
  readonly atWallMs: number;
}

/** Anything else that must survive a restart, by name: a kill switch, a cool-down. `value` is JSON; null forgets it. */
export interface Fact {
  readonly type: "fact";
  readonly key: string;
  readonly value: unknown;
  readonly atWallMs: number;
}

export type JournalRecord =
  | Decision
  | MonitorStands
  | IncidentStep
  | IncidentClosed
  | AlertSettled
  | AlertPutOff
  | RepairEnded
  | Fact;

/** An alert that is neither delivered nor dead. */
export interface PendingAlert {
  readonly id: number;
  readonly monitor: string;
  readonly incident: string;
  readonly channelId: string;
  readonly color: Color;
  readonly message: AlertMessage;
  /** Attempts so far. */
  readonly attempt: number;
  /** 0: at once. */
  readonly dueWallMs: number;
}

/** A repair that was begun, as far as anyone knows, and has no end. */
export interface OpenRepair {
  readonly incident: string;
  readonly attempt: number;
  readonly monitor: string;
  readonly startedWallMs: number;
  readonly error: string;
}

/** All that a process needs to go on where another one was cut off. */
export interface Standing {
  readonly monitors: readonly MonitorStands[];
  /** In the order of their ids. */
  readonly alerts: readonly PendingAlert[];
  readonly repairs: readonly OpenRepair[];
  readonly facts: readonly (readonly [key: string, value: unknown])[];
}

/** What a store gives back when it is opened. */
export interface Restored extends Standing {
  /** How often this store was opened, this time included: makes incident ids unique. 0: there is no store. */
  readonly boot: number;
  /** Highest id an alert ever had. */
  readonly lastAlertId: number;
}

export const NOTHING_RESTORED: Restored = {
  monitors: [],
  alerts: [],
  repairs: [],
  facts: [],
  boot: 0,
  lastAlertId: 0,
};
