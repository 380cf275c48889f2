import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../src/base/prng.ts";
import { leastServers, offeredErlangs, predictWait, type Traffic } from "../../src/sizing/queueing.ts";
import {
  DETERMINISTIC,
  type Distribution,
  erlang,
  EXPONENTIAL,
  hyperexponential,
  meanOf,
  simulateWaits,
} from "./simulation.ts";

/** One erlang is one arrival a second: service takes a second. */
function poisson(erlangs: number): Traffic {
  return { arrivalsPerSecond: erlangs, serviceMs: 1000, ca2: 1, cs2: 1 };
}

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

test("M/M/1 and M/M/2 agree with their closed forms", () => {
  for (const load of [0.1, 0.5, 0.9, 0.99]) {
    const one = predictWait(1, poisson(load));
    near(one.waitProbability, load, 1e-12);
    near(one.meanMs, 1000 * load / (1 - load), 1e-6);
    // Kleinrock, Queueing Systems I: with two servers Pw = 2ρ² / (1 + ρ).
    near(predictWait(2, poisson(2 * load)).waitProbability, 2 * load * load / (1 + load), 1e-12);
  }
});

test("Erlang C agrees with the published worked examples", () => {
  // 360 calls in half an hour, 4 minutes each, 55 agents: the example on mitan.co.uk/erlang ("The Erlang-C formula").
  const calls = { arrivalsPerSecond: 0.2, serviceMs: 240_000, ca2: 1, cs2: 1 };
  const wait = predictWait(55, calls);
  near(offeredErlangs(calls), 48, 1e-9);
  near(wait.waitProbability, 0.239, 0.0005);
  near(wait.meanMs, 8_200, 50);
  near(1 - wait.waitProbability * Math.exp(-(55 - 48) * 15 / 240), 0.846, 0.0005);
  // 100 calls in half an hour, 3 minutes each, 14 agents: callcentrehelper.com, "Erlang C formula with worked example".
  const small = predictWait(14, { arrivalsPerSecond: 100 / 1800, serviceMs: 180_000, ca2: 1, cs2: 1 });
  near(small.waitProbability, 0.1741, 0.00005);
  near(small.meanMs, 7_800, 50);
});

test("Erlang B, which Erlang C is made from, agrees with published traffic tables", () => {
  // Servers, offered erlangs, blocking: Erlang Library for Excel, reference of ErlbTrafFromBlockage (abstractmicro.com).
  for (
    const [servers, load, blocking] of [[17, 9.6516, 0.01], [17, 12.4613, 0.05], [25, 16.1245, 0.01]] as const
  ) {
    const waiting = predictWait(servers, poisson(load)).waitProbability;
    const utilization = load / servers;
    near(waiting * (1 - utilization) / (1 - utilization * waiting), blocking, 1e-5);
  }
});

test("the mean wait of M/G/1 is the one of Pollaczek and Khinchine", () => {
  for (const cs2 of [0, 0.5, 1, 4]) {
    const expectedMs = 0.8 / 0.2 * (1 + cs2) / 2 * 1000;
    near(predictWait(1, { ...poisson(0.8), cs2 }).meanMs, expectedMs, 1e-6);
  }
});

test("up to 100,000 servers there is no overflow and no NaN", () => {
  for (
    const [servers, load] of [[100_000, 99_000], [100_000, 0.001], [100_000, 99_999.999], [
      1,
      1e-300,
    ]] as const
  ) {
    const wait = predictWait(servers, poisson(load));
    for (const value of Object.values(wait)) {
      assert.ok(Number.isFinite(value) && value >= 0, JSON.stringify(wait));
    }
  }
  const need = leastServers(poisson(98_000), { p95Ms: 1, maxServers: 100_000 });
  assert.ok(need.feasible && need.servers > 98_000);
});

test("any numbers whatever give numbers, never NaN", () => {
  const any = fc.oneof(
    fc.double(),
    fc.double({ min: 0, max: 1e6 }),
    fc.constantFrom(0, -1, NaN, Infinity, 1e308),
  );
  fc.assert(fc.property(any, any, any, any, fc.integer({ min: 1, max: 500 }), (a, b, c, d, servers) => {
    const traffic = { arrivalsPerSecond: a, serviceMs: b, ca2: c, cs2: d };
    for (const value of Object.values(predictWait(servers, traffic))) {
      assert.ok(value >= 0, JSON.stringify(traffic));
    }
    const need = leastServers(traffic, { p95Ms: 100, maxServers: servers });
    if (need.feasible) assert.ok(need.servers >= 1 && need.servers <= servers);
  }));
});

const traffics = fc.record({
  arrivalsPerSecond: fc.double({ min: 0.01, max: 500, noNaN: true }),
  serviceMs: fc.double({ min: 0.1, max: 1000, noNaN: true }),
  ca2: fc.double({ min: 0, max: 5, noNaN: true }),
  cs2: fc.double({ min: 0, max: 5, noNaN: true }),
});

test("more servers never make anyone wait longer, more traffic never shorter", () => {
  fc.assert(fc.property(traffics, fc.integer({ min: 1, max: 600 }), (traffic, servers) => {
    const now = predictWait(servers, traffic);
    const larger = predictWait(servers + 1, traffic);
    const busier = predictWait(servers, { ...traffic, arrivalsPerSecond: traffic.arrivalsPerSecond * 1.01 });
    const worse = predictWait(servers, { ...traffic, cs2: traffic.cs2 + 0.1 });
    for (const figure of ["meanMs", "p50Ms", "p95Ms", "p99Ms"] as const) {
      assert.ok(larger[figure] <= now[figure] * (1 + 1e-9), figure);
      assert.ok(busier[figure] >= now[figure] * (1 - 1e-9), figure);
      assert.ok(worse[figure] >= now[figure] * (1 - 1e-9), figure);
    }
    assert.ok(now.p50Ms <= now.p95Ms && now.p95Ms <= now.p99Ms);
  }));
});

test("leastServers() gives the number that bisection over the prediction gives", () => {
  fc.assert(fc.property(traffics, fc.double({ min: 0.1, max: 1000, noNaN: true }), (traffic, p95Ms) => {
    const maxServers = 600;
    const meets = (servers: number) => predictWait(servers, traffic).p95Ms <= p95Ms;
    let low = 1;
    let high = maxServers + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (meets(middle)) high = middle;
      else low = middle + 1;
    }
    const need = leastServers(traffic, { p95Ms, maxServers });
    assert.equal(need.feasible ? need.servers : maxServers + 1, low);
  }));
});

test("a load that the servers allowed cannot carry is refused at once with a reason", () => {
  assert.deepEqual(leastServers(poisson(200), { p95Ms: 100, maxServers: 100 }), {
    feasible: false,
    reason: "the load of 200 erlangs needs more than the 100 allowed",
  });
  const nearly = leastServers(poisson(9.99), { p95Ms: 1, maxServers: 10 });
  assert.match(
    nearly.feasible ? "" : nearly.reason,
    /9\.99 erlangs needs more than the 10 allowed for a P95 wait of 1 ms/,
  );
});

/**
 * How close to a simulation, over 48 combinations of arrivals and services with Ca², Cs² of 0, 1/4, 1 and 4. Allen–Cunneen
 * is known to say too much for smooth arrivals, and too little for bursty arrivals at many, lightly loaded servers, where
 * waits are a small part of a service time. The bounds say so; in service times.
 */
const SEED = 20_240_501;
const DISTRIBUTIONS = [DETERMINISTIC, erlang(4), EXPONENTIAL, hyperexponential(4)];

interface Bounds {
  readonly tooHigh: (simulated: number) => number;
  readonly tooLow: (simulated: number) => number;
}

function compareP95(arrivals: Distribution, bounds: Bounds): void {
  for (const services of DISTRIBUTIONS) {
    for (const [servers, utilization] of [[4, 0.8], [20, 0.7], [20, 0.85]] as const) {
      const random = seededRandom(SEED);
      const waits = simulateWaits({ servers, utilization, arrivals, services, jobs: 120_000, random });
      const simulated = waits[Math.floor(waits.length * 0.95)] as number;
      const traffic = { ...poisson(servers * utilization), ca2: arrivals.scv, cs2: services.scv };
      const predicted = predictWait(servers, traffic).p95Ms / 1000;
      const what = `${arrivals.name}/${services.name}/${servers} at ${utilization}, seed ${SEED}: ` +
        `predicted ${predicted}, simulated ${simulated}`;
      assert.ok(predicted <= simulated + bounds.tooHigh(simulated), `too high: ${what}`);
      assert.ok(predicted >= simulated - bounds.tooLow(simulated), `too low: ${what}`);
    }
  }
}

test("for arrivals smoother than Poisson the predicted P95 errs on the safe side, by at most 70 %", () => {
  for (const arrivals of [DETERMINISTIC, erlang(4)]) {
    compareP95(arrivals, {
      tooHigh: (p95) => Math.max(0.35, 0.7 * p95),
      tooLow: (p95) => Math.max(0.01, 0.2 * p95),
    });
  }
});

test("for Poisson arrivals the predicted P95 is within 25 %, or 0.15 service times", () => {
  const within = (p95: number) => Math.max(0.15, 0.25 * p95);
  compareP95(EXPONENTIAL, { tooHigh: within, tooLow: within });
});

test("for bursty arrivals the predicted P95 is within 45 %, or 0.35 service times where waits are short", () => {
  const within = (p95: number) => Math.max(0.35, 0.45 * p95);
  compareP95(hyperexponential(4), { tooHigh: within, tooLow: within });
});

test("for Poisson arrivals at 90 % load the predicted mean wait is within 20 % of a simulation", () => {
  for (const services of DISTRIBUTIONS) {
    for (const servers of [4, 20]) {
      const random = seededRandom(SEED);
      const options = { servers, utilization: 0.9, arrivals: EXPONENTIAL, services, jobs: 200_000, random };
      const simulated = meanOf(simulateWaits(options));
      const predicted = predictWait(servers, { ...poisson(servers * 0.9), cs2: services.scv }).meanMs / 1000;
      const what =
        `M/${services.name}/${servers}, seed ${SEED}: predicted ${predicted}, simulated ${simulated}`;
      assert.ok(Math.abs(predicted / simulated - 1) <= 0.2, what);
    }
  }
});
