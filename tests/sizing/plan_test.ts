import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Estimate } from "../../src/sizing/estimate.ts";
import { decide, type Prior, type SizingInput, type SizingState } from "../../src/sizing/plan.ts";
import { predictWait } from "../../src/sizing/queueing.ts";

const PRIOR: Prior = { arrivalsPerSecond: 1000, serviceMs: 20, cpuMs: 0.1, ca2: 1, cs2: 1 };
const UNMEASURED: Estimate = {
  ...PRIOR,
  arrivalsPerSecond: 0,
  serviceMs: 0,
  waitMs: 0,
  arrivals: 0,
  services: 0,
};
const LIMITS = {
  minSlots: 1,
  maxSlots: 10_000,
  minThreads: 1,
  maxThreads: 8,
  slotsPerThread: 1024,
  cores: 8,
};

function input(changes: Partial<SizingInput> = {}): SizingInput {
  return { limits: LIMITS, sloMs: 100, headroom: 0.15, measured: UNMEASURED, prior: PRIOR, ...changes };
}

function measured(changes: Partial<Estimate>): Estimate {
  return { ...PRIOR, waitMs: 0, arrivals: 10_000, services: 10_000, ...changes };
}

/** Decides once a second until it has settled; returns the numbers of slots on the way. */
function run(
  from: SizingState,
  options: { readonly input: SizingInput; readonly fromMs: number; readonly seconds: number },
) {
  const slots: number[] = [];
  let state = from;
  for (let second = 0; second < options.seconds; second++) {
    state = decide(options.input, state, options.fromMs + second * 1000).state;
    slots.push(state.slots.value);
  }
  return { state, slots };
}

test("the first decision takes what the manifest promises, and what it needs at once", () => {
  const decision = decide(input(), undefined, 0);
  assert.equal(decision.arrivalsAre, "assumed");
  assert.equal(decision.serviceIs, "assumed");
  assert.equal(decision.offeredErlangs, 20);
  assert.equal(decision.state.slots.value, decision.wantedSlots);
  const withHeadroom = { ...PRIOR, arrivalsPerSecond: 1150 };
  assert.ok(predictWait(decision.wantedSlots, withHeadroom).p95Ms <= 100);
  assert.ok(predictWait(decision.wantedSlots - 1, withHeadroom).p95Ms > 100);
  assert.equal(decision.state.threads.value, 1);
  assert.deepEqual(decision.shortfalls, []);
});

test("measured values replace the assumed ones when there are enough of them, each for itself", () => {
  const few = { arrivals: 100, services: 99 };
  const decision = decide(
    input({ measured: measured({ ...few, arrivalsPerSecond: 50, serviceMs: 7 }) }),
    undefined,
    0,
  );
  assert.deepEqual([decision.arrivalsAre, decision.serviceIs], ["measured", "assumed"]);
  assert.equal(decision.traffic.arrivalsPerSecond, 50);
  assert.equal(decision.traffic.serviceMs, PRIOR.serviceMs);
});

test("growth at most doubles a step, until what is needed is there", () => {
  const start = decide(input(), undefined, 0).state;
  const busy = input({ measured: measured({ arrivalsPerSecond: 10_000 }) });
  const { slots } = run(start, { input: busy, fromMs: 1000, seconds: 10 });
  let before = start.slots.value;
  for (const value of slots) {
    assert.ok(value <= before * 2 && value >= before, slots.join(" "));
    before = value;
  }
  assert.equal(before, decide(busy, undefined, 0).wantedSlots);
});

test("shrinking waits for the cool-down, goes by halves at most, and ends at what is needed", () => {
  const start = decide(input({ prior: { ...PRIOR, arrivalsPerSecond: 50_000 } }), undefined, 0).state;
  const quiet = input({ measured: measured({ arrivalsPerSecond: 100 }) });
  const { slots } = run(start, { input: quiet, fromMs: 1000, seconds: 29 });
  assert.ok(slots.every((value) => value === start.slots.value), "nothing within 30 s");
  const later = run(start, { input: quiet, fromMs: 30_000, seconds: 600 });
  let before = start.slots.value;
  for (const value of later.slots) {
    assert.ok(value >= before / 2, later.slots.join(" "));
    before = value;
  }
  const wanted = decide(quiet, undefined, 0).wantedSlots;
  assert.ok(before >= wanted && before * 0.8 < wanted, `${before} for ${wanted}`);
});

test("traffic that flutters by a tenth does not move the pool back and forth", () => {
  let state = decide(input(), undefined, 0).state;
  const values = new Set<number>();
  for (let second = 1; second < 600; second++) {
    const arrivalsPerSecond = 1000 * (1 + (second % 7 - 3) / 30);
    state = decide(input({ measured: measured({ arrivalsPerSecond }) }), state, second * 1000).state;
    if (second > 10) values.add(state.slots.value);
  }
  assert.equal(values.size, 1, [...values].join(" "));
});

test("a load beyond the limits runs at the limits and says which to raise", () => {
  const tight = { ...LIMITS, maxSlots: 10, maxThreads: 2 };
  const heavy = { ...PRIOR, cpuMs: 5 };
  const decision = decide(input({ limits: tight, prior: heavy }), undefined, 0);
  assert.deepEqual([decision.state.slots.value, decision.state.threads.value], [10, 2]);
  assert.deepEqual(decision.shortfalls, [
    "slots: with headroom, the load of 23 erlangs needs more than the 10 allowed; raise max_slots (now 10)",
    "workers: with headroom, the load of 5.75 erlangs needs more than the 2 allowed; raise max_workers (now 2)",
  ]);
  assert.equal(decision.wait.p95Ms, Infinity);
});

test("threads are never more than processors unless it takes them to hold the slots", () => {
  const busy = { ...PRIOR, arrivalsPerSecond: 20_000, cpuMs: 0.2 };
  const two = decide(input({ limits: { ...LIMITS, cores: 2 }, prior: busy }), undefined, 0);
  assert.equal(two.wantedThreads, 2);
  assert.match(two.shortfalls[0] ?? "", /this machine has 2 processors/);
  const small = { ...LIMITS, cores: 2, slotsPerThread: 64 };
  const holding = decide(
    input({ limits: small, prior: { ...PRIOR, arrivalsPerSecond: 10_000 } }),
    undefined,
    0,
  );
  assert.equal(holding.wantedThreads, Math.ceil(holding.wantedSlots / 64));
  assert.deepEqual(holding.shortfalls, []);
});

test("the minimum holds however little there is to do, and nothing at all is no fault", () => {
  const idle = { ...PRIOR, arrivalsPerSecond: 0 };
  const decision = decide(
    input({ limits: { ...LIMITS, minSlots: 5, minThreads: 2 }, prior: idle }),
    undefined,
    0,
  );
  assert.deepEqual([decision.state.slots.value, decision.state.threads.value], [5, 2]);
  assert.equal(decision.wait.p95Ms, 0);
});

test("whatever is measured, the decision is whole, within its limits and at most a doubling away", () => {
  const value = fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constantFrom(0, 1e-300, 1e300));
  const estimates = fc.record({
    arrivalsPerSecond: value,
    serviceMs: value,
    cpuMs: value,
    waitMs: value,
    ca2: value,
    cs2: value,
    arrivals: fc.constantFrom(0, 1000),
    services: fc.constantFrom(0, 1000),
  });
  fc.assert(
    fc.property(
      fc.array(estimates, { minLength: 2, maxLength: 10 }),
      fc.nat({ max: 60_000 }),
      (all, stepMs) => {
        const limits = { ...LIMITS, maxSlots: 500 };
        let state: SizingState | undefined;
        for (const [index, estimate] of all.entries()) {
          const decision = decide(input({ limits, measured: estimate }), state, index * stepMs);
          for (const name of ["slots", "threads"] as const) {
            const now = decision.state[name].value;
            const most = name === "slots" ? limits.maxSlots : limits.maxThreads;
            assert.ok(Number.isInteger(now) && now >= 1 && now <= most, `${name} ${now}`);
            if (state !== undefined) {
              assert.ok(
                now <= state[name].value * 2 && now >= state[name].value / 2,
                `${name} ${state[name].value} → ${now}`,
              );
            }
          }
          for (const figure of Object.values(decision.wait)) {
            assert.ok(
              figure >= 0,
              JSON.stringify(decision.wait),
            );
          }
          state = decision.state;
        }
      },
    ),
  );
});

test("jobs that wait longer than the formula says get more slots, while the threads have time to spare", () => {
  const limits = { ...LIMITS, maxSlots: 512, maxThreads: 1, cores: 1 };
  const from = { slots: { value: 16, changedAtMs: 0 }, threads: { value: 1, changedAtMs: 0 } };
  const waiting = measured({ arrivalsPerSecond: 100, serviceMs: 1, waitMs: 80 });
  const grown = run(from, { input: input({ limits, measured: waiting }), fromMs: 10_000, seconds: 10 });
  assert.deepEqual(grown.slots.slice(0, 5), [32, 64, 128, 256, 256]);
  const busy = measured({ arrivalsPerSecond: 100, serviceMs: 1, waitMs: 80, cpuMs: 9 });
  const held = run(from, { input: input({ limits, measured: busy }), fromMs: 10_000, seconds: 10 });
  assert.deepEqual(held.slots, Array(10).fill(16));
});
