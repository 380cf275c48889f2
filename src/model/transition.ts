/**
 * The life of a monitor as a pure function over a table: (state, event, policy) → (state, effects).
 * For the engine, which calls it for every outcome, 100,000 times a second: it allocates nothing, reads no clock and
 * decides nothing about time (how long a back-off is, when a window begins). Acting on the effects is the engine's.
 *
 * What the table alone does not say:
 * - pending: the first pass makes it up in silence; the first failure counts as it would in up.
 * - Streaks are of checks that counted. Checks that end while a remedy runs are for the record only. The success streak
 *   begins anew when a repair ends, since what was seen before the repair says nothing of the time after it.
 * - A local failure changes nothing at all, no streak either.
 * - Back-off (repairing, nothing running): the K-th pass in a row closes the incident and cancels the back-off, so that a
 *   target that healed by itself is not restarted. A failure there only breaks the streak.
 * - Verification that takes too long counts as a repair that did not help.
 * - Attempts left = maxAttempts − attempts; `attempts` goes up when a remedy starts. Red is sent once per incident, when
 *   no remedy will run (any more) or one is withheld, and green whenever an incident closes.
 * - A remedy that is put off before it began waits as a back-off does; one that is withheld has told red and still waits.
 * - Yellow is sent at the first failure of a degradation, once; green after it only if yellow was sent.
 * - An event that does not fit the state (a second end of one remedy, a late timer) changes nothing.
 *
 * Maintenance is an overlay: the state underneath goes on, but nothing is opened, closed, repaired or told until the end.
 * - A back-off is cancelled when it begins. A remedy that runs then ends as usual: success leads to verification, failure
 *   leaves the rest to the end.
 * - The first failure streak that reaches T leaves the monitor degraded underneath; if it still is at T at the end, the
 *   incident opens then, with its remedy or red.
 * - An incident that was open before stays open. If it heals (K passes, M after a repair), its close and green come at the
 *   end, even if the monitor is degraded by then. If it falls again to T before the end, it is the same incident going on.
 * - At the end an open incident goes on with the row it missed: attempts left → back-off, else red if it never had it.
 * - At the end yellow is sent if the last check failed, below T, and people do not know yellow yet; green if they know
 *   yellow and the monitor is up. Events of a time that is over (cyan) are not told later.
 */
import { assert } from "../base/assert.ts";
import { EFFECT } from "./effect.ts";
import { EVENT, type EventName, EVENTS } from "./event.ts";
import {
  COUNTER_MAX,
  coverWithMaintenance,
  FLAG,
  type MonitorState,
  STATE,
  type StateName,
  STATES,
  uncover,
} from "./state.ts";

export interface TransitionPolicy {
  /** T: consecutive failed checks until an incident opens, 1..65535. */
  readonly unhealthyThreshold: number;
  /** K: consecutive passed checks until it closes, or a degradation ends, 1..65535. */
  readonly healthyThreshold: number;
  /** M: consecutive passed checks after a repair, 1..65535. */
  readonly verificationChecks: number;
  readonly hasRemedy: boolean;
  /** Remedy runs per incident, 0..65535. */
  readonly maxAttempts: number;
}

/**
 * Applies one event (index into EVENTS) to `from`, writes what comes of it to `into` (which may be `from`), and returns
 * the mask of EFFECT bits to act on.
 */
export function transition(
  from: Readonly<MonitorState>,
  event: number,
  policy: TransitionPolicy,
  into: MonitorState,
): number {
  copy(from, into);
  const inMaintenance = from.state === STATE.maintenance;
  if (inMaintenance) uncover(into);
  if (inMaintenance && event === EVENT.maintenanceEnded) return resume(into, policy);
  const row = into.flags & FLAG.backoff ? BACKOFF_ROW : into.state;
  const action = CELLS[row]?.[event];
  assert(action !== undefined, "a transition is called with a state and an event of the table");
  const effects = action(into, policy, inMaintenance);
  if (inMaintenance) coverWithMaintenance(into);
  return effects;
}

/** Changes the monitor and returns effects; when `quiet` (in maintenance) it returns none and opens and closes nothing. */
type Action = (monitor: MonitorState, policy: TransitionPolicy, quiet: boolean) => number;

/** The table. An event that is missing in a row changes nothing there. Repairing has two rows, by FLAG.backoff. */
const TABLE: Readonly<Partial<Record<StateName | "backoff", Readonly<Partial<Record<EventName, Action>>>>>> =
  {
    pending: { checkPassed: comeUp, checkFailed: worsen, maintenanceBegan: suspend },
    up: { checkPassed: comeUp, checkFailed: worsen, maintenanceBegan: suspend },
    degraded: { checkPassed: recover, checkFailed: worsen, maintenanceBegan: suspend },
    down: { checkPassed: heal, checkFailed: failOn, maintenanceBegan: suspend },
    repairing: {
      remedySucceeded: verify,
      remedyFailed: failRepair,
      maintenanceBegan: suspend,
      remedyPutOff: putOff,
    },
    backoff: {
      checkPassed: heal,
      checkFailed: failOn,
      backoffElapsed: repairAgain,
      maintenanceBegan: suspend,
      remedyWithheld: tellRed,
    },
    verifying: {
      checkPassed: prove,
      checkFailed: disprove,
      verifyTimedOut: failRepair,
      maintenanceBegan: suspend,
    },
  };

const BACKOFF_ROW = STATES.length;

/** The table by index. No row: suspect, which nothing leads to yet, and maintenance, which always covers another. */
const CELLS: readonly (readonly Action[] | undefined)[] = [...STATES, "backoff" as const].map((name) => {
  const row = TABLE[name];
  return row && EVENTS.map((event) => row[event] ?? stay);
});

function stay(): number {
  return 0;
}

function comeUp(monitor: MonitorState): number {
  countPass(monitor);
  monitor.state = STATE.up;
  return 0;
}

function worsen(monitor: MonitorState, policy: TransitionPolicy, quiet: boolean): number {
  const again = monitor.state === STATE.degraded ? EFFECT.failedAgain : 0;
  countFailure(monitor);
  const atThreshold = monitor.failures >= policy.unhealthyThreshold;
  if (quiet) {
    // Only the incident from before maintenance can be down in it.
    monitor.state = atThreshold && monitor.flags & FLAG.incidentOpen ? STATE.down : STATE.degraded;
    return 0;
  }
  if (atThreshold) {
    const effects = open(monitor, policy);
    return effects & EFFECT.alertRed ? effects : effects | again;
  }
  monitor.state = STATE.degraded;
  return tellYellow(monitor) || again;
}

function recover(monitor: MonitorState, policy: TransitionPolicy, quiet: boolean): number {
  countPass(monitor);
  if (monitor.successes < policy.healthyThreshold) return 0;
  monitor.state = STATE.up;
  return quiet ? 0 : tellGreen(monitor);
}

function heal(monitor: MonitorState, policy: TransitionPolicy, quiet: boolean): number {
  countPass(monitor);
  if (monitor.successes < policy.healthyThreshold) return 0;
  monitor.state = STATE.up;
  return quiet ? 0 : close(monitor);
}

function failOn(monitor: MonitorState, _policy: TransitionPolicy, quiet: boolean): number {
  countFailure(monitor);
  return quiet ? 0 : EFFECT.failedAgain;
}

function verify(monitor: MonitorState, policy: TransitionPolicy, quiet: boolean): number {
  monitor.state = STATE.verifying;
  monitor.successes = 0;
  monitor.verifyLeft = policy.verificationChecks;
  return quiet ? 0 : EFFECT.alertCyan;
}

function prove(monitor: MonitorState, _policy: TransitionPolicy, quiet: boolean): number {
  countPass(monitor);
  monitor.verifyLeft -= 1;
  if (monitor.verifyLeft > 0) return 0;
  monitor.state = STATE.up;
  return quiet ? 0 : close(monitor);
}

function disprove(monitor: MonitorState, policy: TransitionPolicy, quiet: boolean): number {
  countFailure(monitor);
  const effects = failRepair(monitor, policy, quiet);
  return quiet || effects & EFFECT.alertRed ? effects : effects | EFFECT.failedAgain;
}

/** A repair did not help: the next attempt after a back-off, or red. */
function failRepair(monitor: MonitorState, policy: TransitionPolicy, quiet: boolean): number {
  monitor.state = STATE.down;
  monitor.successes = 0;
  monitor.verifyLeft = 0;
  if (quiet) return 0;
  if (!attemptsLeft(monitor, policy)) return tellRed(monitor);
  monitor.state = STATE.repairing;
  monitor.flags |= FLAG.backoff;
  return EFFECT.startBackoff;
}

/** Asks for attempts left once more: a reload may have taken the remedy away during the back-off. */
function repairAgain(monitor: MonitorState, policy: TransitionPolicy): number {
  monitor.flags &= ~FLAG.backoff;
  if (attemptsLeft(monitor, policy)) return startRemedy(monitor);
  monitor.state = STATE.down;
  return tellRed(monitor);
}

/** The attempt is given back: nothing ran. In maintenance the end of it takes the repair up again. */
function putOff(monitor: MonitorState, _policy: TransitionPolicy, quiet: boolean): number {
  monitor.attempts -= 1;
  if (quiet) monitor.state = STATE.down;
  else monitor.flags |= FLAG.backoff;
  return 0;
}

function suspend(monitor: MonitorState, _policy: TransitionPolicy, quiet: boolean): number {
  if (quiet) return 0;
  let effects: number = EFFECT.alertGray;
  if (monitor.flags & FLAG.backoff) {
    monitor.flags &= ~FLAG.backoff;
    monitor.state = STATE.down;
    effects |= EFFECT.cancelBackoff;
  }
  coverWithMaintenance(monitor);
  return effects;
}

/** Maintenance is over: what the state underneath owes is done now. */
function resume(monitor: MonitorState, policy: TransitionPolicy): number {
  let effects: number = EFFECT.alertGray;
  const healed = monitor.state === STATE.up || monitor.state === STATE.degraded;
  if (healed && monitor.flags & FLAG.incidentOpen) effects |= close(monitor);
  if (monitor.state === STATE.up) {
    effects |= tellGreen(monitor);
  } else if (monitor.state === STATE.degraded && monitor.failures >= policy.unhealthyThreshold) {
    effects |= open(monitor, policy);
  } else if (monitor.state === STATE.degraded && monitor.failures > 0) {
    effects |= tellYellow(monitor);
  } else if (
    monitor.state === STATE.down && (attemptsLeft(monitor, policy) || !(monitor.flags & FLAG.redSent))
  ) {
    effects |= failRepair(monitor, policy, false);
  }
  return effects;
}

function open(monitor: MonitorState, policy: TransitionPolicy): number {
  monitor.flags |= FLAG.incidentOpen;
  monitor.attempts = 0;
  if (attemptsLeft(monitor, policy)) return EFFECT.openIncident | startRemedy(monitor);
  monitor.state = STATE.down;
  return EFFECT.openIncident | tellRed(monitor);
}

/** Ends the incident; the caller has set the state that follows it. */
function close(monitor: MonitorState): number {
  const backoff = monitor.flags & FLAG.backoff ? EFFECT.cancelBackoff : 0;
  monitor.flags = 0;
  monitor.attempts = 0;
  return EFFECT.alertGreen | EFFECT.closeIncident | backoff;
}

function attemptsLeft(monitor: Readonly<MonitorState>, policy: TransitionPolicy): boolean {
  return policy.hasRemedy && monitor.attempts < policy.maxAttempts;
}

function startRemedy(monitor: MonitorState): number {
  monitor.state = STATE.repairing;
  monitor.attempts += 1;
  return EFFECT.startRemedy;
}

/** 0 when people know it already: a withheld repair told them. */
function tellRed(monitor: MonitorState): number {
  if (monitor.flags & FLAG.redSent) return 0;
  monitor.flags |= FLAG.redSent;
  return EFFECT.alertRed;
}

/** 0 when people know it already. */
function tellYellow(monitor: MonitorState): number {
  if (monitor.flags & FLAG.yellowSent) return 0;
  monitor.flags |= FLAG.yellowSent;
  return EFFECT.alertYellow;
}

/** The end of a degradation; 0 when people never knew of it. */
function tellGreen(monitor: MonitorState): number {
  if (!(monitor.flags & FLAG.yellowSent)) return 0;
  monitor.flags &= ~FLAG.yellowSent;
  return EFFECT.alertGreen;
}

function countPass(monitor: MonitorState): void {
  monitor.failures = 0;
  if (monitor.successes < COUNTER_MAX) monitor.successes += 1;
}

function countFailure(monitor: MonitorState): void {
  monitor.successes = 0;
  if (monitor.failures < COUNTER_MAX) monitor.failures += 1;
}

function copy(from: Readonly<MonitorState>, into: MonitorState): void {
  into.state = from.state;
  into.failures = from.failures;
  into.successes = from.successes;
  into.verifyLeft = from.verifyLeft;
  into.attempts = from.attempts;
  into.flags = from.flags;
}
