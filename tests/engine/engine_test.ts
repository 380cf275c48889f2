import assert from "node:assert/strict";
import { test } from "node:test";
import { FAIL, PASS, reasonIndex } from "../../src/model/outcome.ts";
import { RETRY, SENT } from "../../src/lanes/code.ts";
import {
  FAILS,
  FAILS_LOCALLY,
  PASSES,
  repairableMonitor,
  Sim,
  type SimJob,
  simMonitor,
} from "../support/sim_engine.ts";

const SENDS = { afterMs: 5, outcome: SENT };

/** A target that is down between the two times; remedies succeed unless told, alerts are sent. */
function target(down: readonly [number, number], repair = { afterMs: 50, outcome: PASS }) {
  return (job: SimJob) => {
    if (job.lane === "code") return SENDS;
    if (job.lane === "intervention") return repair;
    return job.atMs >= down[0] && job.atMs < down[1] ? FAILS : PASSES;
  };
}

test("a healthy fleet is checked at its rate, spread over the interval, and nobody is told", () => {
  const monitors = Array.from({ length: 500 }, (_, index) => simMonitor({ name: `web-${index}` }));
  const sim = new Sim({ monitors, behave: () => PASSES });
  sim.run(1500);
  const before = sim.jobs.length;
  const buckets = new Array<number>(10).fill(0);
  sim.run(10_000);
  const checks = sim.jobs.slice(before);
  for (const { atMs } of checks) (buckets[Math.floor((atMs % 1000) / 100)] as number)++;
  assert.ok(Math.abs(checks.length - 5000) <= 20, `${checks.length} checks of 500 monitors in 10 s`);
  assert.ok(Math.max(...buckets) < 1.5 * 500, `spread over the interval: ${buckets}`);
  assert.equal(sim.metrics.total("checksMissed"), 0);
  assert.deepEqual(sim.alerts(), []);
});

test("a certificate that a passed check was shown is kept until another is seen, whatever comes between", () => {
  const day = 20_500;
  const sim = new Sim({
    monitors: [simMonitor()],
    behave: ({ lane, atMs }) => {
      if (lane !== "pulse") return SENDS;
      if (atMs > 4000) return { afterMs: 5, outcome: FAIL, reason: reasonIndex("status"), value: 500 };
      return { afterMs: 5, outcome: PASS, reason: reasonIndex("certificate"), value: day };
    },
  });
  sim.run(3000);
  assert.equal(sim.world.columns.certificateDay[0], day);
  sim.run(6000);
  assert.equal(sim.world.columns.value[0], 500);
  assert.equal(sim.world.columns.certificateDay[0], day);
});

test("each monitor keeps its phase over a restart", () => {
  const monitors = Array.from(
    { length: 20 },
    (_, index) => simMonitor({ name: `web-${index}`, intervalMs: 10_000 }),
  );
  const phases = () => {
    const sim = new Sim({ monitors, behave: () => PASSES });
    sim.run(10_000);
    return new Map(
      sim.jobs.map((job) => [job.monitor, Math.round(sim.clock.wallMs() - sim.nowMs + job.atMs) % 10_000]),
    );
  };
  assert.deepEqual(phases(), phases());
});

test("a target that dies without a remedy: red once, green after it is back", () => {
  const sim = new Sim({ monitors: [simMonitor()], behave: target([4000, 9000]) });
  sim.run(15_000);
  assert.deepEqual(sim.colors(), ["red", "green"]);
  const [red, green] = sim.alerts();
  assert.equal(red?.dedupKey, green?.dedupKey);
  assert.notEqual(red?.key, green?.key);
  assert.match(red?.error ?? "", /refused/);
  assert.equal(sim.state(0), "up");
});

test("yellow, repair, cyan, verification, green: the whole way of a repair that helps", () => {
  let healed = false;
  const sim = new Sim({
    monitors: [repairableMonitor(1, { unhealthyThreshold: 3 })],
    behave: (job) => {
      if (job.lane === "code") return SENDS;
      if (job.lane === "intervention") {
        healed = true;
        return { afterMs: 300, outcome: PASS, text: "restarted container web" };
      }
      return job.atMs < 3000 || healed ? PASSES : FAILS;
    },
  });
  sim.run(20_000);
  assert.deepEqual(sim.colors(), ["yellow", "cyan", "green"]);
  assert.deepEqual(sim.events.map(({ to }) => to), ["up", "degraded", "repairing", "verifying", "up"]);
  assert.match(sim.alerts()[1]?.tried.join() ?? "", /restarted container web/);
  assert.equal(new Set(sim.alerts().map(({ incident }) => incident)).size, 1);
});

test("a repair that fails: the next attempt after a back-off, then red, and green once it heals by itself", () => {
  const sim = new Sim({
    monitors: [repairableMonitor(2)],
    behave: target([4000, 40_000], { afterMs: 100, outcome: FAIL }),
  });
  sim.run(60_000);
  const repairs = sim.jobs.filter((job) => job.lane === "intervention");
  assert.equal(repairs.length, 2);
  const waited = (repairs[1]?.atMs ?? 0) - (repairs[0]?.atMs ?? 0);
  assert.ok(waited >= 10_000 && waited < 10_500, `second attempt after ${waited} ms`);
  assert.deepEqual(sim.colors(), ["red", "green"]);
});

test("one repair at a time: checks that fail while it runs change nothing", () => {
  const sim = new Sim({
    monitors: [repairableMonitor(3)],
    behave: target([2000, 60_000], { afterMs: 8000, outcome: PASS }),
  });
  sim.run(9000);
  assert.equal(sim.jobs.filter((job) => job.lane === "intervention").length, 1);
  assert.equal(sim.state(0), "repairing");
  assert.ok(sim.jobs.filter((job) => job.lane === "pulse" && job.atMs > 4000).length >= 4, "checks go on");
});

test("a check that began before the repair ended does not count towards verification", () => {
  let repaired = 0;
  const sim = new Sim({
    monitors: [repairableMonitor(1, { verificationChecks: 1, intervalMs: 2000 })],
    behave: (job) => {
      if (job.lane === "code") return SENDS;
      if (job.lane === "intervention") {
        repaired = job.atMs + 2500;
        return { afterMs: 2500, outcome: PASS };
      }
      if (job.atMs < 5000) return PASSES;
      // The check that is out while the repair ends takes long and passes.
      return repaired > 0 && job.atMs < repaired ? { afterMs: 1900, outcome: PASS } : FAILS;
    },
  });
  sim.run(30_000);
  assert.deepEqual(sim.colors().filter((color) => color === "green"), []);
  assert.equal(sim.state(0), "down");
});

test("local failures are never counted as the target's", () => {
  const sim = new Sim({
    monitors: [simMonitor()],
    behave: (job) => job.atMs < 3000 ? PASSES : FAILS_LOCALLY,
  });
  sim.run(20_000);
  assert.deepEqual(sim.alerts(), []);
  assert.equal(sim.state(0), "up");
});

test("a hung worker is replaced and its checks run again once; a check that hangs two workers is a local failure", () => {
  const poison = (job: SimJob) => job.monitor === "poison" && job.atMs > 3000;
  const others = Array.from({ length: 20 }, (_, index) => simMonitor({ name: `web-${index}` }));
  const sim = new Sim({
    monitors: [simMonitor({ name: "poison", intervalMs: 60_000 }), ...others],
    behave: (job) => poison(job) ? { ...PASSES, never: true } : PASSES,
    lanes: { pulse: { minWorkers: 2, maxWorkers: 2 } },
  });
  sim.run(90_000);
  const tries = sim.jobs.filter(poison);
  assert.ok(tries.length >= 2, `${tries.length} tries`);
  assert.ok(sim.metrics.value("workerRestarts", [0]) >= 2);
  assert.equal(sim.metrics.value("checks", [0, 2]) >= 1, true, "the second loss is a local outcome");
  assert.deepEqual(sim.alerts(), []);
  for (let row = 1; row <= 20; row++) {
    const times = sim.jobs.filter((job) => job.row === row).map((job) => job.atMs);
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
    assert.ok(Math.max(...gaps) < 4000, `monitor ${row} was left alone for ${Math.max(...gaps)} ms`);
  }
});

test("a remedy whose worker dies is not run again: its outcome is left to the next checks", () => {
  let died = false;
  const sim = new Sim({
    monitors: [repairableMonitor(1)],
    behave: (job) => {
      if (job.lane === "code") return SENDS;
      if (job.lane === "intervention") return { ...PASSES, never: true };
      return job.atMs > 3000 && !died ? FAILS : PASSES;
    },
  });
  assert.ok(sim.runUntil(() => sim.jobs.some((job) => job.lane === "intervention"), 5000));
  died = true;
  sim.workers.find((each) => each.lane === "intervention")?.fail("out of memory");
  sim.run(10_000);
  assert.equal(sim.jobs.filter((job) => job.lane === "intervention").length, 1);
  assert.deepEqual(sim.colors(), ["green"]);
  assert.match(sim.alerts()[0]?.tried.join() ?? "", /outcome unknown/);
});

test("alerts of one monitor stay in order while a channel refuses, and arrive once it is back", () => {
  const sim = new Sim({
    monitors: [simMonitor()],
    behave: (job) => {
      if (job.lane === "code") return job.atMs < 30_000 ? { afterMs: 5, outcome: RETRY, text: "503" } : SENDS;
      return job.atMs >= 4000 && job.atMs < 9000 ? FAILS : PASSES;
    },
  });
  sim.run(400_000);
  const delivered = sim.jobs.filter((job) => job.lane === "code" && job.atMs >= 30_000);
  assert.deepEqual(delivered.map((job) => (job.payload as { color: string }).color), ["red", "green"]);
});

test("nothing acts before the journal has acknowledged it", () => {
  const acknowledge: (() => void)[] = [];
  const sim = new Sim({
    monitors: [repairableMonitor(1)],
    behave: target([2000, 60_000]),
    journal: { commit: (_batch, ack) => void acknowledge.push(ack) },
  });
  sim.run(6000);
  assert.equal(acknowledge.length, 1);
  assert.deepEqual(sim.jobs.filter((job) => job.lane !== "pulse"), []);
  acknowledge[0]?.();
  sim.run(500);
  assert.equal(sim.jobs.filter((job) => job.lane === "intervention").length, 1);
});

test("a step of the wall clock makes no burst, misses nothing and ends no back-off early", () => {
  const monitors = Array.from({ length: 50 }, (_, index) => simMonitor({ name: `web-${index}` }));
  const sim = new Sim({
    monitors: [...monitors, repairableMonitor(2, { name: "broken" })],
    behave: (job) =>
      job.monitor === "broken" ? target([3000, 90_000], { afterMs: 100, outcome: FAIL })(job) : PASSES,
  });
  sim.run(8000);
  for (const step of [3_600_000, -7_200_000]) {
    sim.wallStepMs += step;
    const before = sim.jobs.length;
    sim.run(1000);
    const checks = sim.jobs.slice(before).filter((job) => job.lane === "pulse");
    assert.ok(
      checks.length >= 50 && checks.length <= 52,
      `${checks.length} checks in the second after a step of ${step}`,
    );
  }
  sim.run(10_000);
  const repairs = sim.jobs.filter((job) => job.lane === "intervention").map((job) => job.atMs);
  assert.equal(repairs.length, 2);
  assert.ok((repairs[1] as number) - (repairs[0] as number) >= 10_000);
});

test("overload: checks are deferred and counted, never queued twice, and no target is called down", () => {
  const monitors = Array.from({ length: 400 }, (_, index) => simMonitor({ name: `web-${index}` }));
  const slow = { afterMs: 200, outcome: PASS };
  const sim = new Sim({
    monitors,
    behave: (job) => job.atMs < 20_000 ? slow : PASSES,
    lanes: { pulse: { minSlots: 16, maxSlots: 16, queueCapacity: 64 } },
  });
  sim.run(19_000);
  assert.ok(sim.metrics.value("deferred", [0]) > 0);
  assert.ok(sim.metrics.total("checksMissed") > 0);
  assert.deepEqual(sim.alerts(), []);
  const checks = new Array<number>(monitors.length).fill(0);
  for (const { row } of sim.jobs) (checks[row] as number)++;
  assert.ok(Math.max(...checks) - Math.min(...checks) <= 1, "each waits its turn");
  sim.run(3000);
  const before = { missed: sim.metrics.total("checksMissed"), jobs: sim.jobs.length };
  sim.run(10_000);
  assert.equal(sim.metrics.total("checksMissed"), before.missed, "recovers when the load falls");
  assert.ok(sim.jobs.length - before.jobs >= 3990);
});

test("always: a failed check repeats the alert at most once per cool-down", () => {
  const code = {
    dispatch: "always" as const,
    channels: [{ kind: "log", config: {} }],
    cooldownMs: 5000,
    repeatMs: 0,
  };
  const sim = new Sim({ monitors: [simMonitor({ codes: { red: code } })], behave: target([2000, 60_000]) });
  sim.run(24_000);
  const times = sim.jobs.filter((job) => job.lane === "code").map((job) => job.atMs);
  const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
  assert.ok(times.length >= 4, `${times.length} alerts`);
  assert.ok(Math.min(...gaps) >= 4900, `gaps ${gaps}`);
});

test("repeat: a reminder comes while the incident stays open, and stops with it", () => {
  const code = {
    dispatch: "transition" as const,
    channels: [{ kind: "log", config: {} }],
    cooldownMs: 0,
    repeatMs: 4000,
  };
  const sim = new Sim({ monitors: [simMonitor({ codes: { red: code } })], behave: target([2000, 15_000]) });
  sim.run(60_000);
  assert.equal(sim.alerts().length, 4);
  assert.deepEqual(sim.alerts().map(({ transition }) => transition), [
    "down",
    "reminder",
    "reminder",
    "reminder",
  ]);
});

test("every decision is told to the observer, and nothing else", () => {
  const sim = new Sim({ monitors: [simMonitor({ unhealthyThreshold: 2 })], behave: target([3000, 8000]) });
  sim.run(20_000);
  assert.deepEqual(sim.events.map(({ from, to }) => `${from}→${to}`), [
    "pending→up",
    "up→degraded",
    "degraded→down",
    "down→up",
  ]);
  assert.equal(sim.events.at(-1)?.closed, true);
});
