import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { SENT } from "../../src/lanes/code.ts";
import { FAIL, PASS } from "../../src/model/outcome.ts";
import { HOLD_REASONS, type HoldReason } from "../../src/model/protection.ts";
import {
  CANARIES,
  GUARD_CAUSES,
  INTERVENTION_DRY_RUN,
  INTERVENTION_SUCCEEDED,
} from "../../src/telemetry/metric_table.ts";
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
const AT_ONCE = { holdMs: 0, recheck: false };

/** Targets are down from a time on until they are repaired (or `to`); remedies take a while and help. */
function fleet(down: (monitor: string) => readonly [from: number, to: number], repairMs = 100) {
  const repaired = new Map<string, number>();
  return (job: SimJob) => {
    if (job.lane === "code") return SENDS;
    if (job.lane === "intervention") {
      repaired.set(job.monitor, job.atMs + repairMs);
      return { afterMs: repairMs, outcome: PASS };
    }
    const [from, to] = down(job.monitor);
    const healed = job.atMs >= (repaired.get(job.monitor) ?? Infinity);
    return job.atMs >= from && job.atMs < to && !healed ? FAILS : PASSES;
  };
}

const repairsOf = (sim: Sim) => sim.jobs.filter((job) => job.lane === "intervention");
const held = (sim: Sim, reason: HoldReason) =>
  sim.metrics.value("repairsHeld", [HOLD_REASONS.indexOf(reason)]);
const many = (count: number, over: Parameters<typeof repairableMonitor>[1] = {}) =>
  Array.from({ length: count }, (_, index) => {
    const name = `web-${index}`;
    const remedy = { kind: "script", target: name, config: {}, retries: 0, maxFailures: 1, timeoutMs: 1000 };
    return repairableMonitor(1, { name, remedy, ...over });
  });

test("a repair waits for the hold (interval + 10 s), and a check just before it has to fail", () => {
  const sim = new Sim({
    monitors: [repairableMonitor(1)],
    remediation: {},
    behave: fleet(() => [3000, Infinity]),
  });
  sim.run(60_000);
  const [repair] = repairsOf(sim);
  const opened = sim.events.find(({ to }) => to === "repairing")?.wallMs ?? 0;
  const waited = (repair?.atMs ?? 0) - (opened - 1_700_000_000_000);
  assert.ok(waited >= 11_000 && waited < 11_300, `${waited} ms`);
  const last = sim.jobs.filter((job) => job.lane === "pulse" && job.atMs < (repair?.atMs ?? 0)).at(-1);
  assert.ok((repair?.atMs ?? 0) - (last?.atMs ?? 0) < 50, "checked just before");
  assert.deepEqual(sim.colors(), ["cyan", "green"]);
  assert.equal(held(sim, "hold"), 1);
});

test("a target that heals during the hold is not repaired, and its incident closes", () => {
  const sim = new Sim({
    monitors: [repairableMonitor(1)],
    remediation: {},
    behave: fleet(() => [3000, 9000]),
  });
  sim.run(60_000);
  assert.deepEqual(repairsOf(sim), []);
  assert.deepEqual(sim.colors(), ["green"]);
  assert.equal(sim.metrics.value("repairsWaiting", []), 0);
});

test("when the check just before passes, nothing is done; the repair still comes if it fails again", () => {
  let asked = 0;
  const sim = new Sim({
    monitors: [repairableMonitor(1, { healthyThreshold: 3, intervalMs: 30_000 })],
    remediation: { holdMs: 0 },
    behave: (job) => {
      if (job.lane !== "pulse") return { ...PASSES, outcome: job.lane === "code" ? SENT : PASS };
      asked++;
      return asked === 2 ? PASSES : FAILS;
    },
  });
  sim.runUntil(() => asked === 2, 60_000);
  sim.run(1000);
  assert.deepEqual(repairsOf(sim), []);
  assert.equal(held(sim, "recheck"), 1);
  sim.run(70_000);
  assert.equal(repairsOf(sim).length, 1);
});

test("blast radius: a mass failure without the guard is repaired a few at a time, all of it in the end", () => {
  const monitors = many(40, { groups: ["shop"] });
  const sim = new Sim({ monitors, remediation: AT_ONCE, behave: fleet(() => [3000, Infinity], 5000) });
  let most = 0;
  for (let second = 0; second < 600; second++) {
    sim.run(1000);
    const { nowMs } = sim;
    most = Math.max(most, repairsOf(sim).filter(({ atMs }) => nowMs - atMs < 5000).length);
  }
  const times = repairsOf(sim).map(({ atMs }) => atMs);
  assert.equal(times.length, 40);
  assert.equal(most, 4, "a tenth of the group");
  for (const start of times) {
    assert.ok(times.filter((atMs) => atMs >= start && atMs < start + 60_000).length <= 5, "5 a minute");
  }
  assert.ok(sim.metrics.total("repairsHeld") >= 35, "every one that waits is counted");
  assert.equal(sim.colors().filter((color) => color === "green").length, 40);
  assert.ok(sim.colors().includes("red"), "people are told of repairs that wait for long");
});

test("a target that was repaired shortly before cools down; people are told, and it is repaired after it", () => {
  const breaks = [3000, 30_000];
  let broken = false;
  const sim = new Sim({
    monitors: [repairableMonitor(1)],
    remediation: AT_ONCE,
    behave: (job) => {
      if (job.lane === "code") return SENDS;
      if (job.lane === "intervention") broken = false;
      else if (job.atMs > (breaks[0] ?? Infinity)) broken = breaks.shift() !== undefined;
      return job.lane === "pulse" && broken ? FAILS : PASSES;
    },
  });
  sim.run(700_000);
  const [first, second] = repairsOf(sim);
  assert.equal(repairsOf(sim).length, 2);
  assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 600_000);
  assert.deepEqual(sim.colors(), ["cyan", "green", "red", "cyan", "green"]);
  assert.match(
    sim.alerts()[2]?.recommendedAction ?? "",
    /does not run now: its target was repaired a short time ago/,
  );
});

test("frozen: nothing is repaired, red says so at once; released: what still is down is repaired", () => {
  const sim = new Sim({ monitors: many(3), remediation: AT_ONCE, behave: fleet(() => [3000, Infinity]) });
  sim.engine.freeze(true);
  sim.run(20_000);
  assert.deepEqual(repairsOf(sim), []);
  assert.deepEqual(sim.colors(), ["red", "red", "red"]);
  assert.match(sim.alerts()[0]?.recommendedAction ?? "", /frozen/);
  assert.equal(sim.metrics.value("frozen", []), 1);
  assert.equal(sim.metrics.value("repairsWaiting", []), 3);
  sim.engine.freeze(false);
  sim.run(20_000);
  assert.equal(repairsOf(sim).length, 3);
  assert.equal(sim.colors().filter((color) => color === "green").length, 3);
});

test("a freeze catches repairs that were decided and found no place yet", () => {
  const sim = new Sim({
    monitors: many(4),
    lanes: { intervention: { minSlots: 1, maxSlots: 1 } },
    behave: fleet(() => [3000, Infinity], 60_000),
  });
  sim.runUntil(() => repairsOf(sim).length > 0, 10_000);
  sim.run(2000);
  sim.engine.freeze(true);
  sim.run(120_000);
  assert.equal(repairsOf(sim).length, 1);
  assert.equal(sim.metrics.value("repairsWaiting", []), 3);
});

test("a dry run says what it would do, does nothing, and tells red", () => {
  const sim = new Sim({
    monitors: [repairableMonitor(2)],
    remediation: { dryRun: true, holdMs: 0 },
    behave: fleet(() => [3000, 60_000]),
  });
  sim.run(90_000);
  assert.deepEqual(repairsOf(sim), []);
  assert.equal(sim.metrics.value("interventions", [0, INTERVENTION_DRY_RUN]), 2);
  assert.equal(sim.metrics.value("interventions", [0, INTERVENTION_SUCCEEDED]), 0);
  assert.deepEqual(sim.colors(), ["red", "green"]);
  assert.match(sim.alerts()[0]?.tried.join() ?? "", /dry run, nothing was done: would run fix\.sh/);
});

test("many down together: no repairs, one page that lists them, one resolve; those left are told by themselves", () => {
  const monitors = many(100, { groups: ["shop"] });
  const sim = new Sim({
    monitors,
    remediation: {},
    guard: {},
    behave: fleet((name) => {
      const index = Number(name.slice(4));
      return index < 50 ? [10_000, index === 0 ? 500_000 : 100_000] : [Infinity, Infinity];
    }),
  });
  sim.run(95_000);
  assert.deepEqual(repairsOf(sim), []);
  assert.equal(sim.metrics.value("guard", [0]), 1);
  assert.equal(sim.metrics.value("guardTrips", [GUARD_CAUSES.indexOf("down_together")]) > 0, true);
  const reds = sim.alerts().filter(({ color }) => color === "red");
  assert.equal(reds.length, 1, reds.map(({ title }) => title).join());
  assert.match(reds[0]?.title ?? "", /50 of 100 monitors of the fleet are down/);
  assert.equal(reds[0]?.nextSteps.length, 41);
  sim.run(400_000);
  assert.equal(sim.metrics.value("guard", [0]), 0);
  assert.equal(repairsOf(sim).length, 1, "the one that is still down is repaired after the release");
  const digests = sim.alerts().filter(({ kind }) => kind === "guard");
  assert.deepEqual(digests.map(({ color }) => color), ["red", "green"]);
  assert.equal(digests[0]?.dedupKey, digests[1]?.dedupKey);
  const single = sim.alerts().filter(({ kind }) => kind !== "guard");
  assert.deepEqual(single.map(({ color, monitor }) => `${color} ${monitor}`), ["cyan web-0", "green web-0"]);
});

test("a group goes down together: its repairs wait, those of others go on", () => {
  const group = (name: string) =>
    many(20).map((each) => ({ ...each, name: `${name}-${each.name}`, groups: [name] }));
  const other = group("b").map((each) => ({
    ...each,
    remedy: {
      ...each.remedy,
      kind: "script",
      target: each.name,
      config: {},
      retries: 0,
      maxFailures: 1,
      timeoutMs: 1000,
    },
  }));
  const calm = Array.from(
    { length: 200 },
    (_, index) => simMonitor({ name: `calm-${index}`, groups: ["c"] }),
  );
  const sim = new Sim({
    monitors: [...group("a"), ...other, ...calm],
    remediation: {},
    guard: {},
    behave: fleet((name) => name.startsWith("a-") || name === "b-web-7" ? [10_000, Infinity] : [Infinity, 0]),
  });
  sim.run(60_000);
  assert.deepEqual(repairsOf(sim).map(({ monitor }) => monitor), ["b-web-7"]);
  assert.equal(sim.metrics.value("guard", [0]), 0);
  assert.equal(sim.metrics.value("guard", [1]), 1);
});

test("local failures of more than 1 % of the checks make the fleet suspect; nobody is called down", () => {
  const monitors = [
    ...many(1, {}),
    ...Array.from({ length: 99 }, (_, index) => simMonitor({ name: `calm-${index}` })),
  ];
  const sim = new Sim({
    monitors,
    remediation: { holdMs: 5000 },
    guard: {},
    behave: (job) => {
      if (job.lane === "code") return SENDS;
      if (job.lane === "intervention") return { afterMs: 50, outcome: PASS };
      if (job.monitor === "web-0" && job.atMs > 10_000) return FAILS;
      return job.atMs > 8000 && job.atMs < 40_000 && Number(job.monitor.split("-")[1]) % 10 === 3
        ? FAILS_LOCALLY
        : PASSES;
    },
  });
  sim.run(40_000);
  assert.equal(sim.metrics.value("guardTrips", [GUARD_CAUSES.indexOf("local_errors")]), 1);
  assert.deepEqual(repairsOf(sim), []);
  assert.equal(sim.alerts().filter(({ kind }) => kind === "guard").length, 1);
  sim.run(300_000);
  assert.equal(repairsOf(sim).length, 1, "released in the end");
});

test("a monitor whose parent is down is checked, but not told of and not repaired; its resolve is told", () => {
  const parent = simMonitor({ name: "router", intervalMs: 500 });
  const child = repairableMonitor(1, { name: "web", dependsOn: ["router"], intervalMs: 2000 });
  const sim = new Sim({
    monitors: [child, parent],
    remediation: { holdMs: 0 },
    behave: (job) => {
      if (job.lane === "code") return SENDS;
      return job.atMs > (job.monitor === "web" ? 10_000 : 8000) && job.atMs < 60_000 ? FAILS : PASSES;
    },
  });
  sim.run(100_000);
  assert.deepEqual(repairsOf(sim), []);
  const told = (name: string) =>
    sim.alerts().filter(({ monitor }) => monitor === name).map(({ color }) => color);
  assert.deepEqual(told("router"), ["red", "green"]);
  assert.deepEqual(told("web"), ["green"]);
  assert.ok(held(sim, "dependency") > 0);
});

test("a child that stays down after its parent came back is repaired and told of then", () => {
  const parent = simMonitor({ name: "router", intervalMs: 500 });
  const child = simMonitor({ name: "web", dependsOn: ["router"], intervalMs: 2000 });
  const sim = new Sim({
    monitors: [child, parent],
    remediation: {},
    behave: (job) => {
      if (job.lane === "code") return SENDS;
      const [from, to] = job.monitor === "web" ? [10_000, 200_000] : [8000, 60_000];
      return job.atMs > from && job.atMs < to ? FAILS : PASSES;
    },
  });
  sim.run(250_000);
  const web = sim.jobs.filter(({ lane, monitor }) => lane === "code" && monitor === "web");
  assert.deepEqual(web.map(({ payload }) => (payload as { color: string }).color), ["red", "green"]);
  assert.ok((web[0]?.atMs ?? 0) > 70_000);
});

test("maintenance: gray at both ends, nothing repaired or told between, what is owed at the end", () => {
  const startMs = 1_700_000_010_000;
  const window = {
    name: "night",
    match: { all: false, monitors: ["web"], groups: [], labels: {} },
    time: { kind: "once" as const, startMs, endMs: startMs + 60_000 },
  };
  const sim = new Sim({
    monitors: [repairableMonitor(1), simMonitor({ name: "other" })],
    remediation: { holdMs: 0 },
    maintenance: [window],
    behave: fleet((name) => name === "web" ? [20_000, Infinity] : [Infinity, 0]),
  });
  sim.run(65_000);
  assert.deepEqual(sim.colors(), ["gray"]);
  assert.equal(sim.state(0), "maintenance");
  sim.run(60_000);
  assert.deepEqual(sim.colors(), ["gray", "gray", "cyan", "green"]);
  const [repair] = repairsOf(sim);
  assert.ok((repair?.atMs ?? 0) >= 70_000, `${repair?.atMs}`);
});

test("a canary that is refused has answered, but for our own endpoint over loopback", () => {
  for (const canary of ["gateway", "loopback"] as const) {
    const sim = new Sim({
      monitors: many(1),
      canaries: [canary],
      guard: {},
      behave: ({ monitor, atMs, lane }) => {
        if (lane === "code") return SENDS;
        return monitor === canary && atMs > 10_000 ? FAILS : PASSES;
      },
    });
    sim.run(30_000);
    const answers = sim.metrics.value("canary", [CANARIES.indexOf(canary)]);
    assert.equal(answers, canary === "gateway" ? 1 : 0);
    assert.equal(sim.metrics.value("checks", [0, PASS]), sim.metrics.value("checksDue", []));
  }
});

test("any history: never two repairs of one target at once, never while frozen or suspect, and all are up in the end", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const count = 30;
    const monitors = many(count).map((each, index) => ({
      ...each,
      groups: index < 12 ? ["a"] : [],
      intervalMs: 1000 + Math.floor(random() * 3000),
      unhealthyThreshold: 1 + Math.floor(random() * 3),
      dependsOn: index > 0 && index < 6 ? ["web-0"] : [],
      remedy: {
        kind: "script",
        target: `host-${index % 20}`,
        config: {},
        retries: 0,
        maxFailures: 3,
        timeoutMs: 1000,
      },
    }));
    const brokenUntil = new Map<string, number>();
    const running = new Map<string, number>();
    let frozenSinceMs = Infinity;
    const sim: Sim = new Sim({
      monitors,
      seed,
      remediation: { holdMs: 2000, cooldownMs: 20_000, attemptsPerDay: 50 },
      guard: { windowMs: 30_000, releaseMs: 10_000 },
      behave: (job) => {
        if (job.lane === "code") return SENDS;
        if (job.lane === "pulse") return job.atMs < (brokenUntil.get(job.monitor) ?? 0) ? FAILS : PASSES;
        const target = sim.world.remedyTarget(job.row);
        assert.ok((running.get(target) ?? 0) <= job.atMs, `seed ${seed}: ${target} twice at once`);
        assert.ok(job.atMs < frozenSinceMs + 10, `seed ${seed}: repaired while frozen`);
        assert.notEqual(sim.metrics.value("guard", [0]), 1, `seed ${seed}: repaired while suspect`);
        const afterMs = 500 + Math.floor(random() * 4000);
        running.set(target, job.atMs + afterMs);
        const helps = random() < 0.7;
        if (helps) brokenUntil.set(job.monitor, 0);
        return { afterMs, outcome: helps ? PASS : FAIL };
      },
    });
    for (let step = 0; step < 120; step++) {
      if (random() < 0.3) {
        brokenUntil.set(`web-${Math.floor(random() * count)}`, sim.nowMs + random() * 60_000);
      }
      if (random() < 0.02) { for (const { name } of monitors) brokenUntil.set(name, sim.nowMs + 20_000); }
      if (random() < 0.05) {
        frozenSinceMs = frozenSinceMs === Infinity ? sim.nowMs : Infinity;
        sim.engine.freeze(frozenSinceMs !== Infinity);
      }
      sim.run(1000);
    }
    frozenSinceMs = Infinity;
    sim.engine.freeze(false);
    sim.run(400_000);
    for (let row = 0; row < count; row++) assert.equal(sim.state(row), "up", `seed ${seed}, row ${row}`);
    assert.equal(sim.metrics.value("repairsWaiting", []), 0);
    assert.equal(sim.metrics.value("incidentsOpen", []), 0);
  }
});
