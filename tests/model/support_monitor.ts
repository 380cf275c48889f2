/** Short ways to put a monitor through events by name, for the tests of the state machine. */
import { EFFECT } from "../../src/model/effect.ts";
import { EVENT, type EventName } from "../../src/model/event.ts";
import { type MonitorState, STATE, STATES } from "../../src/model/state.ts";
import { transition, type TransitionPolicy } from "../../src/model/transition.ts";

export function newMonitor(): MonitorState {
  return { state: STATE.pending, failures: 0, successes: 0, verifyLeft: 0, attempts: 0, flags: 0 };
}

/** T = 3, K = 2, M = 3, two attempts, unless told otherwise. */
export function policyOf(changes: Partial<TransitionPolicy> = {}): TransitionPolicy {
  return {
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    verificationChecks: 3,
    hasRemedy: true,
    maxAttempts: 2,
    ...changes,
  };
}

const SHORT: Readonly<Record<string, EventName>> = {
  pass: "checkPassed",
  fail: "checkFailed",
  local: "checkLocal",
  repaired: "remedySucceeded",
  notRepaired: "remedyFailed",
  waited: "backoffElapsed",
  tooLong: "verifyTimedOut",
  begin: "maintenanceBegan",
  end: "maintenanceEnded",
};

/** Effect names, lowest bit first: the order in which they are acted on. */
export function effectNames(mask: number): string[] {
  return Object.entries(EFFECT).filter(([, bit]) => mask & bit).map(([name]) => name);
}

/**
 * Plays the words of `script` ("fail fail pass") on the monitor. Each step becomes "state" or "state: effect effect";
 * the steps after the last "/" are returned, so that a script can lead up to what the test is about.
 */
export function play(monitor: MonitorState, policy: TransitionPolicy, script: string): string[] {
  let steps: string[] = [];
  for (const word of script.split(/\s+/)) {
    if (word === "/") {
      steps = [];
      continue;
    }
    const event = SHORT[word];
    if (event === undefined) throw new Error(`no event is called "${word}"`);
    const effects = effectNames(transition(monitor, EVENT[event], policy, monitor));
    const state = String(STATES[monitor.state]);
    steps.push(effects.length === 0 ? state : `${state}: ${effects.join(" ")}`);
  }
  return steps;
}
