import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { EFFECT } from "../../src/model/effect.ts";
import { EVENT, type EventName, EVENTS } from "../../src/model/event.ts";
import { FLAG, type MonitorState, STATE, STATES } from "../../src/model/state.ts";
import { transition, type TransitionPolicy } from "../../src/model/transition.ts";
import { NaiveMonitor } from "./naive_model.ts";
import { effectNames, newMonitor } from "./support_monitor.ts";

const HISTORIES = 100_000;

/** How often each event comes up in 20: checks most, so that streaks get long enough to matter. */
const WEIGHTED: readonly EventName[] = [
  ...Array<EventName>(6).fill("checkPassed"),
  ...Array<EventName>(6).fill("checkFailed"),
  ...EVENTS.slice(2),
  "remedyFailed",
];

const HISTORY = fc.array(fc.nat({ max: WEIGHTED.length - 1 }), { maxLength: 40, size: "max" });

const POLICY: fc.Arbitrary<TransitionPolicy> = fc.nat({ max: 3 * 3 * 3 * 5 - 1 }).map((number) => ({
  unhealthyThreshold: 1 + number % 3,
  healthyThreshold: 1 + Math.floor(number / 3) % 3,
  verificationChecks: 1 + Math.floor(number / 9) % 3,
  hasRemedy: Math.floor(number / 27) > 0,
  maxAttempts: Math.max(0, Math.floor(number / 27) - 1),
}));

test(
  "transition() agrees with the naive model on 100,000 random histories, which enter every cell of the table",
  { timeout: 120_000 },
  () => {
    const cells = new Set<string>();
    let effectsSeen = 0;
    fc.assert(
      fc.property(POLICY, HISTORY, (policy, history) => {
        const naive = new NaiveMonitor(policy);
        const watch = new InvariantWatch(policy);
        let real = newMonitor();
        for (const [step, choice] of history.entries()) {
          const event = WEIGHTED[choice] as EventName;
          cells.add(`${naive.inMaintenance ? "maintenance over " : ""}${naive.mode} × ${event}`);
          // A write to `from` throws when it is frozen; every other step `from` and `into` are one object.
          const into = step % 2 === 0 ? newMonitor() : real;
          const effects = transition(into === real ? real : Object.freeze(real), EVENT[event], policy, into);
          real = into;
          const expected = naive.happen(event);
          effectsSeen |= effects;
          if (effects !== maskOf(expected)) {
            same(effectNames(effects).join(), expected.join(), `${event}, step ${step}`);
          }
          sameState(real, naive, `${event}, step ${step}`);
          watch.step(event, effects, real);
        }
        watch.finish(real);
      }),
      { numRuns: HISTORIES },
    );
    assert.deepEqual(effectNames(effectsSeen), Object.keys(EFFECT));
    assert.deepEqual([...cells].sort(), everyCell().sort());
  },
);

test("transition() refuses a state that nothing leads to and an event that does not exist", () => {
  const monitor = newMonitor();
  const policy = {
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    verificationChecks: 1,
    hasRemedy: false,
    maxAttempts: 0,
  };
  assert.throws(() => transition(monitor, EVENTS.length, policy, newMonitor()), /assertion failed/);
  assert.throws(
    () => transition({ ...monitor, state: STATE.suspect }, EVENT.checkPassed, policy, monitor),
    /assertion failed/,
  );
});

/** Back-off is cancelled when maintenance begins, so that one situation does not exist. */
function everyCell(): string[] {
  const modes = ["pending", "up", "degraded", "down", "running", "backoff", "verifying"];
  const covered = modes.filter((mode) => mode !== "backoff").map((mode) => `maintenance over ${mode}`);
  return [...modes, ...covered].flatMap((mode) => EVENTS.map((event) => `${mode} × ${event}`));
}

/** What must hold along any history, whatever the model says. */
class InvariantWatch {
  readonly #policy: TransitionPolicy;
  #running = false;
  #waiting = false;
  #open = false;
  #reds = 0;
  #runs = 0;
  #unresolved = false;
  #maintenance = false;
  #withheld = false;

  constructor(policy: TransitionPolicy) {
    this.#policy = policy;
  }

  step(event: EventName, effects: number, state: MonitorState): void {
    const wasMaintenance = this.#maintenance;
    if (event === "maintenanceBegan") this.#maintenance = true;
    if (event === "maintenanceEnded") this.#maintenance = false;
    if (event === "remedySucceeded" || event === "remedyFailed") this.#running = false;
    if (event === "backoffElapsed") this.#waiting = false;
    if (event === "remedyPutOff" && this.#running) {
      this.#running = false;
      this.#waiting = !this.#maintenance;
      this.#runs--;
    }
    this.#withheld = event === "remedyWithheld";
    for (let bit = 1; bit <= effects; bit <<= 1) if (effects & bit) this.#act(bit);
    if (wasMaintenance && this.#maintenance) same(effects, 0, "effects within maintenance");
    same(Boolean(effects & EFFECT.alertGray), wasMaintenance !== this.#maintenance, "gray at both ends only");
    same(state.state === STATE.maintenance, this.#maintenance, "reported as maintenance");
    same(Boolean(state.flags & FLAG.incidentOpen), this.#open, "incident flag");
    same(Boolean(state.flags & FLAG.backoff), this.#waiting, "back-off flag");
    const incidentState = [STATE.down, STATE.repairing, STATE.verifying].some((each) => each === state.state);
    if (!this.#maintenance) same(incidentState, this.#open, "an incident is open in its states only");
    if (state.failures > 0) same(state.successes, 0, "one streak at a time");
    if (state.state !== STATE.maintenance) {
      same(state.verifyLeft > 0, state.state === STATE.verifying, "verifyLeft");
    }
    if (state.attempts > this.#policy.maxAttempts || state.attempts !== this.#runs) {
      fail("attempts out of bounds", state);
    }
    for (const value of Object.values(state)) {
      if (!Number.isInteger(value) || value < 0) fail("not a count", state);
    }
    if (state.flags > 0xff || state.state > 0xff) fail("does not fit u8", state);
  }

  #act(bit: number): void {
    const told = EFFECT.alertRed | EFFECT.alertYellow | EFFECT.alertCyan;
    if (bit & told) this.#unresolved = true;
    switch (bit) {
      case EFFECT.openIncident:
        if (this.#open) fail("opened twice");
        this.#open = true;
        this.#reds = 0;
        this.#runs = 0;
        break;
      case EFFECT.alertRed:
        if (!this.#open || ++this.#reds > 1) fail("red without an incident, or twice in one");
        if (!this.#withheld && (this.#running || this.#waiting)) fail("red while a remedy will run");
        break;
      case EFFECT.alertGreen:
        if (!this.#open && !this.#unresolved) fail("green for nothing");
        this.#unresolved = false;
        break;
      case EFFECT.closeIncident:
        if (!this.#open || this.#unresolved) fail("closed without an incident or without green");
        this.#open = false;
        this.#runs = 0;
        break;
      case EFFECT.startRemedy:
        if (!this.#open || this.#running || this.#waiting) fail("a remedy started beside another");
        this.#running = true;
        this.#runs++;
        break;
      case EFFECT.startBackoff:
        if (!this.#open || this.#running || this.#waiting) fail("a back-off started beside another repair");
        this.#waiting = true;
        break;
      case EFFECT.cancelBackoff:
        if (!this.#waiting) fail("no back-off to cancel");
        this.#waiting = false;
    }
  }

  /** Whatever happened, when maintenance ends, the remedy succeeds and checks pass, all is well and people know it. */
  finish(state: MonitorState): void {
    const passes = Math.max(this.#policy.healthyThreshold, this.#policy.verificationChecks);
    const calm: EventName[] = [
      "maintenanceEnded",
      "remedySucceeded",
      ...Array<EventName>(passes).fill("checkPassed"),
    ];
    for (const event of calm) this.step(event, transition(state, EVENT[event], this.#policy, state), state);
    same(state.state, STATE.up, "up in the end");
    same(state.flags, 0, "nothing left to tell");
    if (this.#open || this.#unresolved) fail("an alert without its resolve");
  }
}

function describe(monitor: MonitorState): string {
  const { failures, successes, verifyLeft, attempts, flags } = monitor;
  return [STATES[monitor.state], failures, successes, verifyLeft, attempts, flags & 0b1111].join();
}

function sameState(real: MonitorState, naive: NaiveMonitor, when: string): void {
  const repairing = naive.mode === "running" || naive.mode === "backoff";
  same(STATES[real.state], naive.inMaintenance ? "maintenance" : repairing ? "repairing" : naive.mode, when);
  same(real.failures, naive.failures, `failures after ${when}`);
  same(real.successes, naive.successes, `successes after ${when}`);
  same(real.verifyLeft, naive.verifyLeft, `verifyLeft after ${when}`);
  same(real.attempts, naive.attempts, `attempts after ${when}`);
  same(Boolean(real.flags & FLAG.yellowSent), naive.yellowSent, `yellowSent after ${when}`);
  same(Boolean(real.flags & FLAG.redSent), naive.redSent, `redSent after ${when}`);
  same(Boolean(real.flags & FLAG.incidentOpen), naive.incidentOpen, `incidentOpen after ${when}`);
  same(Boolean(real.flags & FLAG.backoff), naive.mode === "backoff", `backoff after ${when}`);
}

const BITS: Readonly<Record<string, number>> = EFFECT;

function maskOf(names: readonly string[]): number {
  return names.reduce((mask, name) => mask | Number(BITS[name]), 0);
}

/** assert.equal() costs more than the rest of the step together. */
function same<T>(actual: T, expected: T, what: string): void {
  if (actual !== expected) fail(`${what}: got ${String(actual)}, expected ${String(expected)}`);
}

function fail(what: string, state?: MonitorState): never {
  throw new Error(state === undefined ? what : `${what}: ${describe(state)}`);
}
