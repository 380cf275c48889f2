import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Random, seededRandom } from "../../src/base/prng.ts";
import { createEstimator, type Estimate, type Sample } from "../../src/sizing/estimate.ts";
import { DETERMINISTIC, type Distribution, erlang, EXPONENTIAL, hyperexponential } from "./simulation.ts";

const SEED = 77;
const NOTHING: Sample = { arrivals: 0, services: 0, serviceMs: 0, serviceMsSquared: 0, cpuMs: 0, waitMs: 0 };

interface Stream {
  readonly gaps: Distribution;
  readonly services: Distribution;
  readonly perSecond: number;
  readonly serviceMs: number;
  readonly seconds: number;
  readonly random: Random;
}

/** What an engine that takes sums once a second would have estimated after the stream. */
function estimateStream({ gaps, services, perSecond, serviceMs, seconds, random }: Stream): Estimate {
  const estimator = createEstimator({ windowMs: seconds * 1000, startMs: 500 });
  let nextMs = 500;
  for (let second = 1; second <= seconds; second++) {
    const sums = { ...NOTHING };
    const untilMs = 500 + second * 1000;
    for (; nextMs < untilMs; nextMs += gaps.draw(random) * 1000 / perSecond) {
      const ms = services.draw(random) * serviceMs;
      sums.arrivals++;
      sums.services++;
      sums.serviceMs += ms;
      sums.serviceMsSquared += ms * ms;
      sums.cpuMs += 0.25;
      sums.waitMs += 3;
    }
    estimator.add(sums, untilMs);
  }
  return estimator.estimate();
}

test("rate, service time and both variabilities of a stream come out as they went in", () => {
  const kinds = [DETERMINISTIC, erlang(4), EXPONENTIAL, hyperexponential(4)];
  for (const gaps of kinds) {
    for (const services of kinds) {
      const random = seededRandom(SEED);
      const found = estimateStream({ gaps, services, perSecond: 400, serviceMs: 20, seconds: 600, random });
      const what = `${gaps.name}/${services.name}, seed ${SEED}: ${JSON.stringify(found)}`;
      assert.ok(Math.abs(found.arrivalsPerSecond / 400 - 1) < 0.03, what);
      assert.ok(Math.abs(found.serviceMs / 20 - 1) < 0.03, what);
      assert.ok(Math.abs(found.cpuMs - 0.25) < 1e-9, what);
      assert.ok(Math.abs(found.waitMs - 3) < 1e-9, what);
      assert.ok(Math.abs(found.ca2 - gaps.scv) < 0.02 + 0.2 * gaps.scv, what);
      assert.ok(Math.abs(found.cs2 - services.scv) < 0.02 + 0.1 * services.scv, what);
    }
  }
});

test("clockwork traffic that arrives in bursts of one tick is not called bursty", () => {
  const estimator = createEstimator({ windowMs: 60_000, startMs: 0 });
  for (let second = 1; second <= 60; second++) {
    estimator.add({ ...NOTHING, arrivals: 10_000 + (second % 2) * 20 }, second * 1000);
  }
  assert.ok(estimator.estimate().ca2 < 0.1, JSON.stringify(estimator.estimate()));
});

test("what is older than the window is forgotten", () => {
  const estimator = createEstimator({ windowMs: 10_000, startMs: 0 });
  for (let second = 1; second <= 20; second++) estimator.add({ ...NOTHING, arrivals: 1000 }, second * 1000);
  for (let second = 21; second <= 30; second++) estimator.add({ ...NOTHING, arrivals: 10 }, second * 1000);
  assert.equal(estimator.estimate().arrivalsPerSecond, 10);
  assert.equal(estimator.estimate().arrivals, 100);
});

test("samples of unequal length count by their length", () => {
  const estimator = createEstimator({ windowMs: 60_000, startMs: 0 });
  let nowMs = 0;
  for (const lengthMs of [100, 1000, 300, 5000, 20, 700]) {
    nowMs += lengthMs;
    estimator.add({ ...NOTHING, arrivals: lengthMs / 10 }, nowMs);
  }
  const found = estimator.estimate();
  assert.ok(Math.abs(found.arrivalsPerSecond - 100) < 1e-9);
  assert.ok(found.ca2 < 1e-9, JSON.stringify(found));
});

test("five samples give the dispersion that pencil and paper give", () => {
  const estimator = createEstimator({ windowMs: 60_000, startMs: 0 });
  [8, 12, 10, 8, 12].forEach((arrivals, index) =>
    estimator.add({ ...NOTHING, arrivals }, (index + 1) * 1000)
  );
  // ((−2)² + 2² + 0² + (−2)² + 2²) / 10 over four degrees of freedom.
  assert.ok(Math.abs(estimator.estimate().ca2 - 0.4) < 1e-12);
});

test("no samples, or empty ones, give zeros and Poisson", () => {
  const estimator = createEstimator({ windowMs: 1000, startMs: 0 });
  const empty = {
    arrivalsPerSecond: 0,
    serviceMs: 0,
    cpuMs: 0,
    waitMs: 0,
    ca2: 1,
    cs2: 0,
    arrivals: 0,
    services: 0,
  };
  assert.deepEqual(estimator.estimate(), empty);
  for (let at = 1; at < 20; at++) estimator.add(NOTHING, at * 100);
  assert.deepEqual(estimator.estimate(), empty);
});

test("any sums give finite, non-negative estimates", () => {
  const sums = fc.record({
    arrivals: fc.nat(),
    services: fc.nat(),
    serviceMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    serviceMsSquared: fc.double({ min: 0, max: 1e24, noNaN: true }),
    cpuMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    waitMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    lengthMs: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
  });
  fc.assert(fc.property(fc.array(sums, { maxLength: 30 }), (samples) => {
    const estimator = createEstimator({ windowMs: 5000, startMs: 0 });
    let nowMs = 0;
    for (const { lengthMs, ...sample } of samples) estimator.add(sample, nowMs += lengthMs);
    for (const [name, value] of Object.entries(estimator.estimate())) {
      assert.ok(Number.isFinite(value) && value >= 0, `${name} ${value}`);
    }
  }));
});
