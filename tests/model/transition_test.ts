import { test } from "node:test";
import assert from "node:assert/strict";
import { EVENT, EVENTS } from "../../src/model/event.ts";
import { COUNTER_MAX, FLAG, STATE, STATES } from "../../src/model/state.ts";
import { transition, type TransitionPolicy } from "../../src/model/transition.ts";
import { effectNames, newMonitor, play, policyOf } from "./support_monitor.ts";

const PLAIN = policyOf({ hasRemedy: false });
const AT_ONCE = policyOf({ unhealthyThreshold: 1 });

function expectSteps(policy: TransitionPolicy, script: string, expected: string[]): void {
  assert.deepEqual(play(newMonitor(), policy, script), expected, script);
}

test("the tables of names and of indices say the same", () => {
  assert.deepEqual(STATES.map((name) => STATE[name]), STATES.map((_, index) => index));
  assert.deepEqual(Object.keys(STATE), [...STATES]);
  assert.deepEqual(EVENTS.map((name) => EVENT[name]), EVENTS.map((_, index) => index));
  assert.deepEqual(Object.keys(EVENT), [...EVENTS]);
});

// The rows of the table.

test("up, check fails, T > 1: degraded with one failure and yellow", () => {
  const monitor = newMonitor();
  assert.deepEqual(play(monitor, PLAIN, "pass / fail"), ["degraded: alertYellow"]);
  assert.equal(monitor.failures, 1);
});

test("degraded, failures reach T, remedy configured: the incident opens, the remedy starts, no red", () => {
  expectSteps(policyOf(), "pass fail / fail fail", [
    "degraded: failedAgain",
    "repairing: openIncident failedAgain startRemedy",
  ]);
});

test("degraded, failures reach T, no remedy: the incident opens, down and red", () => {
  expectSteps(PLAIN, "pass fail fail / fail", ["down: openIncident alertRed"]);
  expectSteps(policyOf({ maxAttempts: 0 }), "pass fail fail / fail", ["down: openIncident alertRed"]);
});

test("up, check fails, T = 1: the incident opens at once, with its remedy or red", () => {
  expectSteps(AT_ONCE, "pass / fail", ["repairing: openIncident startRemedy"]);
  expectSteps({ ...AT_ONCE, hasRemedy: false }, "pass / fail", ["down: openIncident alertRed"]);
});

test("down, check fails: stays down without a second red", () => {
  expectSteps(PLAIN, "fail fail fail / fail fail", ["down: failedAgain", "down: failedAgain"]);
});

test("repairing, remedy succeeded: cyan, and M checks to go", () => {
  const monitor = newMonitor();
  assert.deepEqual(play(monitor, AT_ONCE, "fail / repaired"), ["verifying: alertCyan"]);
  assert.equal(monitor.verifyLeft, 3);
});

test("repairing, remedy failed, attempts left: back-off, then repairing again", () => {
  const monitor = newMonitor();
  assert.deepEqual(play(monitor, AT_ONCE, "fail / notRepaired waited"), [
    "repairing: startBackoff",
    "repairing: startRemedy",
  ]);
  assert.equal(monitor.attempts, 2);
});

test("repairing, remedy failed, no attempts left: down and red", () => {
  expectSteps(AT_ONCE, "fail notRepaired waited / notRepaired", ["down: alertRed"]);
  expectSteps({ ...AT_ONCE, maxAttempts: 1 }, "fail / notRepaired", ["down: alertRed"]);
});

test("verifying, check fails, attempts left: back-off, then repairing again", () => {
  expectSteps(AT_ONCE, "fail repaired pass / fail waited", [
    "repairing: failedAgain startBackoff",
    "repairing: startRemedy",
  ]);
});

test("verifying, check fails, no attempts left: down and red", () => {
  expectSteps({ ...AT_ONCE, maxAttempts: 1 }, "fail repaired pass / fail", ["down: alertRed"]);
});

test("verifying, M-th pass in a row: up, the incident closes with green", () => {
  const monitor = newMonitor();
  assert.deepEqual(play(monitor, AT_ONCE, "fail repaired / pass pass pass"), [
    "verifying",
    "verifying",
    "up: alertGreen closeIncident",
  ]);
  assert.deepEqual(monitor, {
    state: STATE.up,
    failures: 0,
    successes: 3,
    verifyLeft: 0,
    attempts: 0,
    flags: 0,
  });
});

test("down, K-th pass in a row: up, the incident closes with green", () => {
  expectSteps(PLAIN, "fail fail fail / pass fail pass pass", [
    "down",
    "down: failedAgain",
    "down",
    "up: alertGreen closeIncident",
  ]);
});

test("degraded, K-th pass in a row: up with green, since yellow was sent", () => {
  expectSteps(PLAIN, "fail / pass pass", ["degraded", "up: alertGreen"]);
});

test("maintenance begins and ends: reported as maintenance, gray at both ends", () => {
  expectSteps(PLAIN, "pass / begin pass end", ["maintenance: alertGray", "maintenance", "up: alertGray"]);
});

// The sentences under it, and what the table leaves open.

test("the first pass of a pending monitor is silent, its first failure counts like any", () => {
  expectSteps(PLAIN, "pass", ["up"]);
  expectSteps(PLAIN, "fail", ["degraded: alertYellow"]);
  expectSteps(AT_ONCE, "fail", ["repairing: openIncident startRemedy"]);
});

test("a pass breaks the failure streak, a failure breaks the success streak", () => {
  const policy = policyOf({ healthyThreshold: 3, hasRemedy: false });
  expectSteps(policy, "fail fail pass / fail fail pass pass fail pass pass pass", [
    "degraded: failedAgain",
    "degraded: failedAgain",
    "degraded",
    "degraded",
    "degraded: failedAgain",
    "degraded",
    "degraded",
    "up: alertGreen",
  ]);
});

test("yellow is sent once per degradation, and again for the next one", () => {
  expectSteps(PLAIN, "fail / fail pass fail pass pass fail", [
    "degraded: failedAgain",
    "degraded",
    "degraded: failedAgain",
    "degraded",
    "up: alertGreen",
    "degraded: alertYellow",
  ]);
});

test("a local failure changes nothing in any state", () => {
  for (
    const script of [
      "pass",
      "fail",
      "fail fail fail",
      "fail fail fail repaired",
      "begin",
      "pass pass begin fail",
    ]
  ) {
    const monitor = newMonitor();
    play(monitor, policyOf(), script);
    const before = { ...monitor };
    assert.equal(transition(monitor, EVENT.checkLocal, policyOf(), monitor), 0);
    assert.deepEqual(monitor, before, script);
  }
});

test("checks that end while a remedy runs do not count", () => {
  const monitor = newMonitor();
  assert.deepEqual(play(monitor, AT_ONCE, "fail / pass pass pass fail"), Array(4).fill("repairing"));
  assert.deepEqual([monitor.failures, monitor.successes], [1, 0]);
});

test("one intervention at a time: while a remedy runs neither checks nor timers start another", () => {
  expectSteps(AT_ONCE, "fail / fail waited tooLong fail", Array(4).fill("repairing"));
});

test("in back-off the K-th pass in a row closes the incident and cancels the repair", () => {
  expectSteps(AT_ONCE, "fail notRepaired / pass fail pass pass waited", [
    "repairing",
    "repairing: failedAgain",
    "repairing",
    "up: cancelBackoff alertGreen closeIncident",
    "up",
  ]);
});

test("passes from before a repair do not count after it", () => {
  expectSteps(AT_ONCE, "fail notRepaired pass waited notRepaired / pass pass", [
    "down",
    "up: alertGreen closeIncident",
  ]);
});

test("verification that takes too long is a repair that did not help", () => {
  const monitor = newMonitor();
  assert.deepEqual(play(monitor, AT_ONCE, "fail repaired pass pass / tooLong waited"), [
    "repairing: startBackoff",
    "repairing: startRemedy",
  ]);
  assert.equal(monitor.verifyLeft, 0);
  expectSteps({ ...AT_ONCE, maxAttempts: 1 }, "fail repaired pass / tooLong", ["down: alertRed"]);
});

test("attempts are counted per incident", () => {
  const monitor = newMonitor();
  const policy = policyOf({ unhealthyThreshold: 1, maxAttempts: 1 });
  assert.deepEqual(play(monitor, policy, "fail notRepaired pass pass / fail"), [
    "repairing: openIncident startRemedy",
  ]);
  assert.equal(monitor.attempts, 1);
});

test("a second end of a remedy and late timers change nothing", () => {
  expectSteps(AT_ONCE, "pass / repaired notRepaired waited tooLong end", Array(5).fill("up"));
  expectSteps(AT_ONCE, "fail repaired / repaired notRepaired waited", Array(3).fill("verifying"));
});

test("a remedy that a reload took away during the back-off gives down and red", () => {
  const monitor = newMonitor();
  play(monitor, AT_ONCE, "fail notRepaired");
  assert.deepEqual(play(monitor, { ...AT_ONCE, hasRemedy: false }, "waited"), ["down: alertRed"]);
});

// Maintenance.

test("windows that overlap give one gray at the first begin and one at the last end", () => {
  expectSteps(PLAIN, "begin / begin end end", ["maintenance", "pending: alertGray", "pending"]);
});

test("failures in maintenance open nothing; the incident opens at the end if they still stand at T", () => {
  const quiet = Array(4).fill("maintenance");
  expectSteps(PLAIN, "pass begin / fail fail fail fail end", [
    ...quiet,
    "down: alertGray openIncident alertRed",
  ]);
  expectSteps(policyOf(), "pass begin / fail fail fail fail end", [
    ...quiet,
    "repairing: alertGray openIncident startRemedy",
  ]);
});

test("a failure below T that stands at the end of maintenance gives yellow then", () => {
  expectSteps(PLAIN, "pass begin fail / end", ["degraded: alertGray alertYellow"]);
});

test("a failure in maintenance that was followed by a pass gives no yellow until the next failure", () => {
  expectSteps(PLAIN, "pass begin fail pass / end fail", ["degraded: alertGray", "degraded: alertYellow"]);
  expectSteps(PLAIN, "pass begin fail pass / end pass", ["degraded: alertGray", "up"]);
});

test("a degradation told before maintenance is not told again, and its end is told after it", () => {
  expectSteps(PLAIN, "fail begin fail / end", ["degraded: alertGray"]);
  expectSteps(PLAIN, "fail begin pass pass / end", ["up: alertGray alertGreen"]);
});

test("an incident from before maintenance stays open in silence and goes on after it", () => {
  expectSteps(PLAIN, "fail fail fail begin / fail end pass pass", [
    "maintenance",
    "down: alertGray",
    "down",
    "up: alertGreen closeIncident",
  ]);
});

test("an incident that heals in maintenance closes with green at its end", () => {
  expectSteps(PLAIN, "fail fail fail begin / pass pass pass end", [
    "maintenance",
    "maintenance",
    "maintenance",
    "up: alertGray alertGreen closeIncident",
  ]);
});

test("an incident that healed in maintenance closes even if the monitor is degraded again at the end", () => {
  expectSteps(PLAIN, "fail fail fail begin pass pass fail / end", [
    "degraded: alertGray alertGreen closeIncident alertYellow",
  ]);
});

test("an incident that heals and falls again in maintenance is one incident, without a second red", () => {
  expectSteps(PLAIN, "fail fail fail begin pass pass fail fail fail / end", ["down: alertGray"]);
});

test("a remedy that runs when maintenance begins finishes; success goes on to verification in silence", () => {
  expectSteps(AT_ONCE, "fail begin / repaired pass pass pass end", [
    "maintenance",
    "maintenance",
    "maintenance",
    "maintenance",
    "up: alertGray alertGreen closeIncident",
  ]);
  expectSteps(AT_ONCE, "fail begin repaired pass / end pass pass", [
    "verifying: alertGray",
    "verifying",
    "up: alertGreen closeIncident",
  ]);
  expectSteps(AT_ONCE, "fail begin / end repaired", ["repairing: alertGray", "verifying: alertCyan"]);
});

test("a remedy that fails in maintenance starts no other until the end, which backs off first", () => {
  expectSteps(AT_ONCE, "fail begin / notRepaired waited fail end waited", [
    "maintenance",
    "maintenance",
    "maintenance",
    "repairing: alertGray startBackoff",
    "repairing: startRemedy",
  ]);
});

test("the last attempt that fails in maintenance gives red at its end", () => {
  const once = { ...AT_ONCE, maxAttempts: 1 };
  expectSteps(once, "fail begin notRepaired / end", ["down: alertGray alertRed"]);
  expectSteps(once, "fail repaired begin fail / end", ["down: alertGray alertRed"]);
  expectSteps(once, "fail repaired begin tooLong / end", ["down: alertGray alertRed"]);
});

test("a back-off is cancelled when maintenance begins and starts anew after it", () => {
  expectSteps(AT_ONCE, "fail notRepaired / begin waited end", [
    "maintenance: alertGray cancelBackoff",
    "maintenance",
    "repairing: alertGray startBackoff",
  ]);
});

// Numbers.

test("counters saturate where their columns end", () => {
  const monitor = { ...newMonitor(), state: STATE.down, failures: COUNTER_MAX, flags: FLAG.incidentOpen };
  transition(monitor, EVENT.checkFailed, PLAIN, monitor);
  assert.equal(monitor.failures, COUNTER_MAX);
  Object.assign(monitor, { state: STATE.up, failures: 0, successes: COUNTER_MAX, flags: 0 });
  transition(monitor, EVENT.checkPassed, PLAIN, monitor);
  assert.equal(monitor.successes, COUNTER_MAX);
});

test("effects are named from the lowest bit up, the order in which people read them", () => {
  const everything = effectNames(-1);
  const order = ["alertGray", "alertGreen", "closeIncident", "openIncident", "alertRed", "alertYellow"];
  assert.deepEqual(everything.filter((name) => order.includes(name)), order);
});
