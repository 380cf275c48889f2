/**
 * Where a monitor stands: the states that people see, and the few numbers beside the state that the next decision needs.
 * One MonitorState is a row of the columns (u8 state and flags, u16 counters); transition.ts is the only one to change it.
 */

/** Indices live in a u8 column: rows are only ever appended, and `pending` is 0 since a new row is all zeros. */
export const STATES = [
  /** Never checked. */
  "pending",
  "up",
  /** Failing, below the threshold: no incident yet. */
  "degraded",
  /** Incident open, and no repair is running or to come. */
  "down",
  /** Incident open; a remedy runs, or waits for its back-off (see FLAG.backoff). */
  "repairing",
  /** Incident open; the remedy said it succeeded, checks have to prove it. */
  "verifying",
  /** An overlay: the state underneath goes on in the flags, see coverWithMaintenance(). */
  "maintenance",
  /** A failure that may be ours. No transition leads here yet. */
  "suspect",
] as const;
export type StateName = typeof STATES[number];

export const STATE = {
  pending: 0,
  up: 1,
  degraded: 2,
  down: 3,
  repairing: 4,
  verifying: 5,
  maintenance: 6,
  suspect: 7,
} as const satisfies Record<StateName, number>;

/** Counters saturate here: they live in u16 columns. */
export const COUNTER_MAX = 0xffff;

export interface MonitorState {
  /** Index into STATES. */
  state: number;
  /** Consecutive failed checks that counted. */
  failures: number;
  /** Consecutive passed checks that counted, begun anew whenever a repair ends. */
  successes: number;
  /** Passed checks still missing, 0 unless verifying. */
  verifyLeft: number;
  /** Remedy runs of the open incident, the running one included; 0 without an incident. */
  attempts: number;
  /** Bits of FLAG, and in maintenance the state underneath; 0..255. */
  flags: number;
}

export const FLAG = {
  /** People were told yellow and have not been told green since. */
  yellowSent: 1,
  /** People were told red for the open incident. */
  redSent: 2,
  /** An incident is open. Outside maintenance this is the same as down, repairing or verifying. */
  incidentOpen: 4,
  /** Repairing, with nothing running: the next attempt waits for its back-off. */
  backoff: 8,
} as const;

/** Bits 4..6 of the flags: the state underneath while `state` says maintenance, else 0. */
const CONDITION_SHIFT = 4;
const CONDITION_MASK = 0b111 << CONDITION_SHIFT;

/** Lays maintenance over the state. */
export function coverWithMaintenance(monitor: MonitorState): void {
  monitor.flags |= monitor.state << CONDITION_SHIFT;
  monitor.state = STATE.maintenance;
}

/** Takes maintenance off: the state underneath is the state again. */
export function uncover(monitor: MonitorState): void {
  monitor.state = (monitor.flags & CONDITION_MASK) >> CONDITION_SHIFT;
  monitor.flags &= ~CONDITION_MASK;
}
