/** What keeps repairs and alerts from doing harm, over a crash: the next process goes on from the journal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SENT } from "../../src/lanes/code.ts";
import { PASS } from "../../src/model/outcome.ts";
import {
  FAILS,
  PASSES,
  repairableMonitor,
  Sim,
  type SimJob,
  simMonitor,
  type SimOptions,
} from "../support/sim_engine.ts";
import { SimJournal } from "../support/sim_journal.ts";

const SENDS = { afterMs: 5, outcome: SENT };

/** Runs processes one after the other on one journal that writes at once. */
function processes(options: Omit<SimOptions, "journal" | "restored" | "startMs">) {
  let nowMs = 1000;
  const journal = new SimJournal({ nowMs: () => nowMs, random: () => 0, slowestMs: 0 });
  return {
    journal,
    next(over: Partial<SimOptions> = {}) {
      const sim = new Sim({
        ...options,
        journal: journal.port(),
        restored: journal.store.restore(),
        startMs: nowMs,
        ...over,
      });
      return {
        sim,
        run(ms: number) {
          for (let passed = 0; passed < ms; passed++) {
            sim.run(1);
            nowMs = sim.nowMs;
            journal.step();
          }
        },
      };
    },
  };
}

const repairsOf = (sim: Sim) => sim.jobs.filter((job) => job.lane === "intervention");
const AT_ONCE = { holdMs: 0, recheck: false };

test("a cool-down outlives the process that began it", () => {
  let down = true;
  const behave = (job: SimJob) => {
    if (job.lane === "code") return SENDS;
    if (job.lane === "pulse") return down ? FAILS : PASSES;
    down = false;
    return { afterMs: 100, outcome: PASS };
  };
  const all = processes({
    monitors: [repairableMonitor(1)],
    remediation: { ...AT_ONCE, cooldownMs: 300_000 },
    behave,
  });
  const first = all.next();
  first.run(20_000);
  assert.equal(repairsOf(first.sim).length, 1);
  assert.equal(first.sim.state(0), "up");
  all.journal.crash();

  const second = all.next();
  second.run(2000);
  down = true;
  second.run(200_000);
  assert.equal(repairsOf(second.sim).length, 0);
  second.run(120_000);
  assert.equal(repairsOf(second.sim).length, 1);
});

test("a repair that is frozen after its decision has an end in the journal, and is decided again", () => {
  const behave = (job: SimJob) => {
    if (job.lane === "code") return SENDS;
    return job.lane === "pulse" ? FAILS : { afterMs: 60_000, outcome: PASS };
  };
  const all = processes({
    monitors: [0, 1].map((index) =>
      repairableMonitor(1, {
        name: `web-${index}`,
        remedy: {
          kind: "script",
          target: `${index}`,
          config: {},
          retries: 0,
          maxFailures: 1,
          timeoutMs: 90_000,
        },
      })
    ),
    lanes: { intervention: { minSlots: 1, maxSlots: 1 } },
    behave,
  });
  const first = all.next();
  first.run(5000);
  assert.equal(all.journal.store.repairs.size, 2);
  first.sim.engine.freeze(true);
  first.run(5000);
  assert.deepEqual([...all.journal.store.repairs.values()].length, 1);
  assert.equal(first.sim.engine.standing().repairs.length, 1);
  first.sim.engine.freeze(false);
  first.run(60_000);
  assert.equal(repairsOf(first.sim).length, 2);
  assert.equal(all.journal.store.repairs.size, 1);
});

test("an idempotent repair that was cut off runs again, but not while frozen and not in a dry run", () => {
  const remedy = {
    kind: "script",
    target: "fix.sh",
    config: {},
    retries: 0,
    maxFailures: 1,
    timeoutMs: 90_000,
    idempotent: true as const,
  };
  const behave = (job: SimJob) => {
    if (job.lane === "code") return SENDS;
    return job.lane === "pulse" ? FAILS : { afterMs: 60_000, outcome: PASS };
  };
  const all = processes({ monitors: [repairableMonitor(1, { remedy })], behave });
  const first = all.next();
  first.run(5000);
  assert.equal(repairsOf(first.sim).length, 1);
  all.journal.crash();

  const dry = all.next({ remediation: { ...AT_ONCE, dryRun: true } });
  dry.run(500);
  assert.equal(repairsOf(dry.sim).length, 0);
  all.journal.crash();

  const third = processes({ monitors: [repairableMonitor(1, { remedy })], behave });
  const before = third.next();
  before.run(5000);
  third.journal.crash();
  const after = third.next();
  after.sim.engine.freeze(true);
  after.run(30_000);
  assert.equal(repairsOf(after.sim).length, 0);
  after.sim.engine.freeze(false);
  after.run(30_000);
  assert.equal(repairsOf(after.sim).length, 1);
});

test("a digest that was not delivered is delivered by the next process", () => {
  let refuses = true;
  const behave = (job: SimJob) => {
    if (job.lane === "code") return refuses ? { afterMs: 600_000, outcome: SENT } : SENDS;
    return FAILS;
  };
  const monitors = Array.from({ length: 10 }, (_, index) => simMonitor({ name: `web-${index}` }));
  const all = processes({ monitors, guard: {}, behave });
  const first = all.next();
  first.run(30_000);
  const digests = [...all.journal.store.alerts.values()].filter(({ message }) => message.kind === "guard");
  assert.equal(digests.length, 1);
  all.journal.crash();

  refuses = false;
  const second = all.next();
  second.run(2000);
  const told = second.sim.alerts().filter(({ kind }) => kind === "guard");
  assert.deepEqual(told.map(({ key }) => key), digests.map(({ message }) => message.key));
  assert.equal(all.journal.store.monitors.size, 10);
});

test("what a parent kept back is told by the next process once the parent is up", () => {
  let parentDown = true;
  const behave = (job: SimJob) => {
    if (job.lane === "code") return SENDS;
    return job.monitor === "parent" && !parentDown ? PASSES : FAILS;
  };
  const monitors = [
    simMonitor({ name: "parent" }),
    simMonitor({ name: "child", dependsOn: ["parent"], unhealthyThreshold: 4 }),
  ];
  const all = processes({ monitors, behave });
  const first = all.next();
  first.run(10_000);
  const toldOf = (sim: Sim) =>
    sim.alerts().filter(({ monitor, color }) => monitor === "child" && color === "red");
  assert.equal(first.sim.state(1), "down");
  assert.equal(toldOf(first.sim).length, 0);
  all.journal.crash();

  const second = all.next();
  second.run(5000);
  assert.equal(toldOf(second.sim).length, 0);
  parentDown = false;
  second.run(30_000);
  assert.equal(toldOf(second.sim).length, 1);
});

test("maintenance that ended while no process ran ends with the next one", () => {
  const all = processes({ monitors: [simMonitor()], behave: (job) => job.lane === "code" ? SENDS : PASSES });
  const time = { kind: "once", startMs: 0, endMs: 2_000_000_000_000 } as const;
  const match = { all: true, monitors: [], groups: [], labels: {} };
  const first = all.next({ maintenance: [{ name: "move", match, time }] });
  first.run(5000);
  assert.equal(first.sim.state(0), "maintenance");
  all.journal.crash();
  const second = all.next();
  second.run(5000);
  assert.equal(second.sim.state(0), "up");
});

test("a guard that is suspect stays so over a restart, however old, with one end of its page", {
  timeout: 60_000,
}, () => {
  const MINUTE = 60_000;
  const down = { now: false };
  const monitors = Array.from({ length: 20 }, (_, index) => repairableMonitor(1, { name: `web-${index}` }));
  const all = processes({
    monitors,
    remediation: { ...AT_ONCE, cooldownMs: 0 },
    guard: { releaseMs: 30_000 },
    behave: ({ lane }) => {
      if (lane === "code") return SENDS;
      if (lane === "intervention") return { afterMs: 100, outcome: PASS };
      return down.now ? FAILS : PASSES;
    },
  });
  const first = all.next();
  first.run(5000);
  down.now = true;
  first.run(7 * MINUTE);
  const repairs = repairsOf(first.sim).length;
  const second = all.next();
  second.run(2 * MINUTE);
  assert.equal(repairsOf(second.sim).length, 0, `${repairs} before, none after`);
  down.now = false;
  second.run(3 * MINUTE);
  const pages = [...first.sim.alerts(), ...second.sim.alerts()].filter(({ kind }) => kind === "guard");
  assert.deepEqual(pages.map(({ color }) => color), ["red", "green"]);
  assert.equal(pages[0]?.dedupKey, pages[1]?.dedupKey);
  assert.match(pages[1]?.summary ?? "", /^Over after (9m|10m)/);
  assert.deepEqual([...all.journal.store.facts.keys()].filter((key) => key.startsWith("guard")), []);
});
