/**
 * What can happen to a monitor, as far as its state goes. The engine turns outcomes, timers and windows into these.
 * A check that began before a remedy ended is none of them: the engine records it and raises no event, so that only
 * checks started after the repair count towards its verification.
 */
export const EVENTS = [
  /** A check proved the target healthy. */
  "checkPassed",
  /** A check brought evidence from the remote side that the target is not healthy; its own retries are used up. */
  "checkFailed",
  /** A check failed in a way that may be our fault. */
  "checkLocal",
  "remedySucceeded",
  /** The running remedy failed for good: its retries are used up, or it cannot be retried. */
  "remedyFailed",
  /** The wait before the next repair attempt is over. */
  "backoffElapsed",
  /** Verification took longer than it may. */
  "verifyTimedOut",
  /** The first of the windows that cover the monitor began, or the last of them ended. */
  "maintenanceBegan",
  "maintenanceEnded",
  /** The remedy that was to start is held back before it began: it waits like a back-off, and its attempt is not used up. */
  "remedyPutOff",
  /** A repair that waits will not run soon: people have to know. */
  "remedyWithheld",
] as const;
export type EventName = typeof EVENTS[number];

export const EVENT = {
  checkPassed: 0,
  checkFailed: 1,
  checkLocal: 2,
  remedySucceeded: 3,
  remedyFailed: 4,
  backoffElapsed: 5,
  verifyTimedOut: 6,
  maintenanceBegan: 7,
  maintenanceEnded: 8,
  remedyPutOff: 9,
  remedyWithheld: 10,
} as const satisfies Record<EventName, number>;
