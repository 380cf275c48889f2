/** Storms: many alerts as one, and nothing lost by it. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { SENT } from "../../src/lanes/code.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { Pager } from "../support/pager.ts";
import { FAILS, PASSES, Sim, simMonitor, type SimOptions } from "../support/sim_engine.ts";
import { NaiveStore } from "../support/sim_journal.ts";

const MINUTE = 60_000;
const RUNS = Number(process.env["CPRA_STORM_RUNS"] ?? 4);
const LANES = { lanes: { pulse: { queueCapacity: 16_384 } } } as const;

/** Monitors that fail while `down` says so. */
function storm(
  monitors: readonly MonitorSpec[],
  down: (monitor: string, atMs: number) => boolean,
  over: Partial<SimOptions> = {},
): Sim {
  return new Sim({
    monitors,
    digest: {},
    behave: ({ lane, monitor, atMs }) => {
      if (lane === "code") return { afterMs: 5, outcome: SENT };
      return down(monitor, atMs) ? FAILS : PASSES;
    },
    ...LANES,
    ...over,
  });
}

function many(count: number, over: (index: number) => Partial<MonitorSpec> = () => ({})): MonitorSpec[] {
  return Array.from({ length: count }, (_, index) => simMonitor({ name: `m${index}`, ...over(index) }));
}

const at = (host: string) => ({ kind: "http", target: `http://${host}/`, config: {} });
const isDigest = (message: AlertMessage) => message.kind === "digest";
const total = (sim: Sim, name: "alertsUnaccounted" | "alertsCoalesced" | "alertsCreated" | "digestsOpen") =>
  sim.metrics.total(name);

test(
  "3,000 monitors that fail together are at most 3 messages, with one resolve each",
  { timeout: 60_000 },
  () => {
    const monitors = many(3000, () => ({ intervalMs: 30_000, probe: at("10.1.2.3") }));
    const sim = storm(monitors, (_, atMs) => atMs > MINUTE && atMs < 4 * MINUTE);
    sim.run(4 * MINUTE - 1000);
    const told = sim.alerts();
    assert.ok(told.length >= 1 && told.length <= 3, `${told.length} messages`);
    assert.ok(told.every(isDigest));
    assert.match(told[0]?.summary ?? "", /failed together.*same host 10\.1\.2\.3/);
    assert.match(told.at(-1)?.title ?? "", /3000 monitors failed together/);
    assert.equal(told[0]?.nextSteps[0]?.startsWith("m"), true, "lists members");
    sim.run(1.5 * MINUTE);
    const resolves = sim.alerts().slice(told.length);
    assert.deepEqual(resolves.map(({ color }) => color), ["green"]);
    assert.equal(resolves[0]?.dedupKey, told[0]?.dedupKey, "the resolve finds its trigger");
    assert.equal(total(sim, "alertsCoalesced"), 6000);
    assert.equal(total(sim, "alertsUnaccounted"), 0);
    assert.equal(total(sim, "digestsOpen"), 0);
  },
);

test("a message of a storm fits a slot of the code lane, whatever the names are", () => {
  const monitors = many(300, (index) => ({ name: `${"Überwachung 監視 ".repeat(12)}${index}` }));
  const sim = storm(monitors, (_, atMs) => atMs > 5000);
  sim.run(20_000);
  const [told] = sim.alerts();
  assert.ok(told !== undefined && isDigest(told));
  assert.ok(new TextEncoder().encode(JSON.stringify(told)).length < 15 * 1024);
  assert.match(told.nextSteps.at(-1) ?? "", /^and \d+ more$/);
});

test("a single failure is told within 0.35 s of its decision, and gets its own resolve", () => {
  const sim = storm(many(50), (name, atMs) => name === "m7" && atMs > 5000 && atMs < 15_000);
  sim.run(30_000);
  const sent = sim.jobs.filter(({ lane }) => lane === "code");
  assert.deepEqual(sim.alerts().map(({ color, monitor }) => [color, monitor]), [["red", "m7"], [
    "green",
    "m7",
  ]]);
  for (const job of sent) {
    const decidedMs = Date.parse((job.payload as AlertMessage).at) - 1_700_000_000_000;
    assert.ok(job.atMs - decidedMs <= 350, `${job.atMs - decidedMs} ms`);
  }
});

test("below the threshold all are told by themselves, within a second", () => {
  const failing = new Set(["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9"]);
  const sim = storm(many(50), (name, atMs) => failing.has(name) && atMs > 5000 && atMs < 60_000);
  sim.run(20_000);
  assert.equal(sim.alerts().length, 9);
  assert.ok(!sim.alerts().some(isDigest));
  for (const job of sim.jobs.filter(({ lane }) => lane === "code")) {
    assert.ok(job.atMs - Date.parse((job.payload as AlertMessage).at) + 1_700_000_000_000 <= 1050);
  }
  sim.run(60_000);
  assert.equal(sim.alerts().length, 18, "each has its own resolve");
});

test("two causes are two digests, and each has its resolve", () => {
  const monitors = many(200, (index) => ({
    intervalMs: 2000,
    probe: at(index % 2 === 0 ? "10.0.0.1" : `10.9.${index}.9`),
    groups: index % 2 === 0 ? [] : ["web"],
  }));
  const ends = (name: string) => Number(name.slice(1)) % 2 === 0 ? 2 * MINUTE : 5 * MINUTE;
  const sim = storm(monitors, (name, atMs) => atMs > 10_000 && atMs < ends(name));
  sim.run(MINUTE);
  const begun = sim.alerts();
  assert.deepEqual(begun.map(({ target }) => target).sort(), ["group:web", "host:10.0.0.1"]);
  sim.run(2 * MINUTE);
  const first = sim.alerts().slice(begun.length);
  assert.deepEqual(first.map(({ target, color }) => [target, color]), [["host:10.0.0.1", "green"]]);
  sim.run(5 * MINUTE);
  assert.equal(sim.alerts().length, 4);
  const pager = new Pager();
  for (const message of sim.alerts()) pager.take(message);
  assert.equal(pager.open, 0);
});

test("those that do not recover with the others are told by themselves, and get their own resolve", () => {
  const stay = new Set(["m3", "m4"]);
  const sim = storm(many(100), (name, atMs) => {
    return atMs > 10_000 && atMs < (stay.has(name) ? 10 * MINUTE : 2 * MINUTE);
  });
  sim.run(5 * MINUTE);
  const after = sim.alerts().slice(1);
  assert.equal(after[0]?.color, "green");
  assert.match(after[0]?.title ?? "", /98 of 100 have recovered/);
  assert.deepEqual(after.slice(1).map(({ color, monitor }) => [color, monitor]).sort(), [
    ["red", "m3"],
    ["red", "m4"],
  ]);
  sim.run(10 * MINUTE);
  assert.deepEqual(sim.alerts().slice(4).map(({ color, monitor }) => [color, monitor]).sort(), [
    ["green", "m3"],
    ["green", "m4"],
  ]);
  assert.equal(total(sim, "alertsUnaccounted"), 0);
});

test("a monitor whose trigger went out singly before the storm has its own resolve", () => {
  const sim = storm(many(100), (name, atMs) => atMs > (name === "m0" ? 5000 : 30_000) && atMs < 2 * MINUTE);
  sim.run(5 * MINUTE);
  const own = sim.alerts().filter(({ monitor }) => monitor === "m0");
  assert.deepEqual(own.map(({ color }) => color), ["red", "green"]);
  assert.equal(sim.alerts().filter(isDigest).length, 2);
});

test("a channel that takes no recovery gets no resolve of a digest", () => {
  const red = simMonitor().codes.red as NonNullable<MonitorSpec["codes"]["red"]>;
  const sim = storm(many(50, () => ({ codes: { red } })), (_, atMs) => atMs > 5000 && atMs < 60_000);
  sim.run(3 * MINUTE);
  assert.deepEqual(sim.colors(), ["red"]);
});

test("maintenance of many is one message", () => {
  const wallMs = 1_700_000_000_000;
  const sim = storm(many(500), () => false, {
    maintenance: [{
      name: "night",
      match: { all: true, monitors: [], groups: [], labels: {} },
      time: { kind: "once", startMs: wallMs + 20_000, endMs: wallMs + 60_000 },
    }],
  });
  sim.run(2 * MINUTE);
  assert.ok(sim.alerts().length >= 1 && sim.alerts().length <= 2, `${sim.alerts().length}`);
  assert.ok(sim.colors().every((color) => color === "gray"));
  assert.equal(total(sim, "alertsUnaccounted"), 0);
});

/** Runs a process that keeps its state in the store, until it is cut off. */
function start(store: NaiveStore, startMs: number, down: (name: string, atMs: number) => boolean): Sim {
  return storm(many(120), down, {
    restored: store.restore(),
    startMs,
    journal: {
      commit(batch, acknowledge) {
        for (const record of JSON.parse(JSON.stringify(batch))) store.write(record);
        acknowledge();
      },
    },
  });
}

for (const cutMs of [10_200, 12_000, 14_900, 20_000, 40_000]) {
  test(`a storm goes on after a restart at ${cutMs} ms: one digest, one resolve, nothing open`, () => {
    const store = new NaiveStore();
    const down = (_: string, atMs: number) => atMs > 10_000 && atMs < 2 * MINUTE;
    const first = start(store, 1000, down);
    first.run(cutMs - 1000);
    const second = start(store, cutMs + 2000, down);
    second.run(5 * MINUTE);
    const messages = [...first.alerts(), ...second.alerts()];
    const pager = new Pager();
    for (const message of messages) pager.take(message);
    assert.equal(pager.open, 0);
    assert.ok(messages.length <= 6, messages.map(({ title }) => title).join("; "));
    assert.ok(messages.some((message) => isDigest(message) && message.color === "green"));
    assert.equal(total(second, "alertsUnaccounted"), 0);
    assert.deepEqual([...store.facts.keys()].filter((key) => key.startsWith("storm")), []);
  });
}

for (let seed = 1; seed <= RUNS; seed++) {
  test(`whatever fails when: people know of every failure, and nothing stays open (seed ${seed})`, {
    timeout: 60_000,
  }, () => {
    const random = seededRandom(seed);
    const count = 20 + Math.floor(random() * 100);
    const spans = Array.from({ length: count }, () => {
      const burst = random() < 0.7;
      const from = burst ? 20_000 + random() * 3000 : 20_000 + random() * 240_000;
      return [from, from + (random() < 0.5 ? 5000 + random() * 60_000 : 12 * MINUTE)] as const;
    });
    const monitors = many(count, (index) => ({
      intervalMs: 1000 + Math.floor(random() * 9000),
      probe: at(`10.0.${index % 3}.${index % 7}`),
      groups: index % 5 === 0 ? ["a"] : [],
    }));
    const down = (name: string, atMs: number) => {
      const [from, until] = spans[Number(name.slice(1))] as readonly [number, number];
      return atMs >= from && atMs < until;
    };
    const sim = storm(monitors, down);
    sim.run(10 * MINUTE);
    const pager = new Pager();
    for (const message of sim.alerts()) pager.take(message);
    const known = pager.known();
    for (const { name } of monitors) {
      if (down(name, sim.nowMs)) assert.ok(known.has(name), `seed ${seed}: nobody knows of ${name}`);
    }
    assert.equal(total(sim, "alertsUnaccounted"), 0, `seed ${seed}`);
    sim.run(9 * MINUTE);
    const after = new Pager();
    for (const message of sim.alerts()) after.take(message);
    assert.equal(after.open, 0, `seed ${seed}: ${[...after.known()].join(", ")}`);
    assert.equal(total(sim, "alertsUnaccounted"), 0, `seed ${seed}`);
  });
}
