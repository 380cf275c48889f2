/** A reload in the running engine, on the simulated clock: what stays, what goes, what begins, and what nobody notices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tooLarge } from "../../src/engine/swap_plan.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import type { MaintenanceWindow } from "../../src/model/maintenance.ts";
import { FAILS, PASSES, repairableMonitor, Sim, simMonitor, type SimOptions } from "../support/sim_engine.ts";
import { beginReload, type SimManifest } from "../support/sim_reload.ts";

const named = (name: string, over: Partial<MonitorSpec> = {}) => simMonitor({ name, ...over });

function start(monitors: readonly MonitorSpec[], options: Partial<SimOptions> = {}) {
  return new Sim({ monitors, behave: () => PASSES, capacity: 64, ...options });
}

function reload(sim: Sim, manifest: SimManifest, limitMs = 2000) {
  const begun = beginReload(sim, manifest);
  assert.ok(sim.runUntil(() => begun.done, limitMs), "the reload ends");
  return begun.plan;
}

/** Checks of these monitors fail, or of all; alerts arrive. */
const failing =
  (names: readonly string[] | undefined = undefined): SimOptions["behave"] => ({ lane, monitor }) =>
    lane === "pulse" && (names?.includes(monitor) ?? true) ? FAILS : PASSES;

/** Times of the checks of one monitor since then, ms. */
const checksOf = (sim: Sim, name: string, sinceMs = 0) =>
  sim.jobs.filter(({ lane, monitor, atMs }) => lane === "pulse" && monitor === name && atMs >= sinceMs)
    .map(({ atMs }) => atMs);

test("the same manifest again changes nothing at all", () => {
  const monitors = [named("a"), repairableMonitor(1, { name: "b", groups: ["web"] })];
  const sim = start(monitors);
  sim.run(3000);
  const workers = sim.workers.length;
  const plan = reload(sim, { monitors: monitors.map((spec) => structuredClone(spec)) });
  const { added, changed, removed, newPolicies, newChannels } = plan.difference;
  assert.deepEqual(
    [added, changed, removed, newPolicies, newChannels].map(({ length }) => length),
    [0, 0, 0, 0, 0],
  );
  assert.equal(plan.shape, undefined);
  assert.equal(sim.workers.length, workers);
});

test("what is added begins, what is removed ends, the others keep state and phase", () => {
  const sim = start([named("a"), named("b"), named("c")], {
    behave: failing(["b"]),
  });
  sim.run(5000);
  assert.equal(sim.state(1), "down");
  const before = sim.events.length;
  const sinceMs = sim.nowMs;
  reload(sim, { monitors: [named("b"), named("d"), named("c")] });
  sim.run(5000);
  assert.equal(sim.world.monitors, 3);
  assert.equal(sim.world.find("a"), -1);
  assert.deepEqual(checksOf(sim, "a", sinceMs + 20), []);
  assert.ok(checksOf(sim, "d").length >= 4);
  assert.equal(sim.state(sim.world.find("d")), "up");
  assert.equal(sim.state(1), "down");
  assert.deepEqual(sim.events.slice(before).map(({ monitor, to }) => [monitor, to]), [["d", "up"]]);
  // Same lattice: every check of c lies a whole number of intervals after the first.
  const [first, ...later] = checksOf(sim, "c");
  for (const atMs of later) assert.ok(Math.abs((atMs - (first as number) + 500) % 1000 - 500) <= 3);
  assert.equal(sim.metrics.value("monitors", [1]), 2);
});

test("removed while down: its incident is closed with a message that does not claim a recovery", () => {
  const sim = start([named("a"), named("b")], { behave: failing(["a"]) });
  sim.run(3000);
  assert.deepEqual(sim.colors(), ["red"]);
  reload(sim, { monitors: [named("b")] });
  sim.run(3000);
  assert.deepEqual(sim.colors(), ["red", "green"]);
  const [red, green] = sim.alerts();
  assert.equal(green?.dedupKey, red?.dedupKey);
  assert.equal(green?.transition, "removed");
  assert.match(green?.summary ?? "", /taken out of the manifest.*It did not recover/);
  assert.equal(sim.metrics.value("incidentsOpen", []), 0);
  assert.deepEqual(sim.engine.standing().monitors, []);
});

test("a check that is out when its monitor goes or changes comes back as a late result", () => {
  const sim = start([named("a"), named("b")], { behave: () => ({ ...FAILS, afterMs: 400 }) });
  assert.ok(sim.runUntil(() => new Set(sim.jobs.map(({ monitor }) => monitor)).size === 2, 2000));
  const late = () => sim.metrics.value("lateResults", []);
  const target = { kind: "http", target: "http://127.0.0.1/other", config: {} };
  reload(sim, { monitors: [named("b", { probe: target, unhealthyThreshold: 60 })] }, 50);
  sim.run(450);
  assert.ok(late() >= 1, `${late()} late results`);
  assert.equal(sim.metrics.value("incidentsOpen", []), 0);
});

test("a new row is the one that a monitor left, and nothing of that monitor is in it", () => {
  const sim = start([named("a"), named("b")], { behave: failing(["a"]) });
  sim.run(3000);
  reload(sim, { monitors: [named("b")] });
  sim.run(1000);
  reload(sim, { monitors: [named("b"), named("new")] });
  assert.equal(sim.world.count, 2);
  assert.equal(sim.world.find("new"), 0);
  assert.equal(sim.state(0), "pending");
  sim.run(2000);
  assert.equal(sim.state(0), "up");
  assert.deepEqual([...sim.engine.freeRows()], []);
});

test("another interval puts the monitor on its new lattice, and thresholds hold from then on", () => {
  const sim = start([named("a", { unhealthyThreshold: 3 })], { behave: failing() });
  sim.run(1500);
  assert.equal(sim.state(0), "degraded");
  const sinceMs = sim.nowMs;
  reload(sim, { monitors: [named("a", { unhealthyThreshold: 2, intervalMs: 250 })] });
  sim.run(2000);
  assert.equal(sim.state(0), "down");
  const times = checksOf(sim, "a", sinceMs + 50);
  assert.ok(times.length >= 7, `${times.length} checks`);
});

test("a remedy that is taken away while it waits is red, one that is changed runs in its place", () => {
  const remediation = { holdMs: 1500, recheck: false };
  const options = { behave: failing(), remediation };
  const without = start([repairableMonitor(1, { name: "a" })], options);
  without.run(1300);
  assert.equal(without.state(0), "repairing");
  reload(without, { monitors: [named("a")] });
  without.run(3000);
  assert.deepEqual([without.state(0), without.colors()], ["down", ["red"]]);
  assert.equal(without.jobs.filter(({ lane }) => lane === "intervention").length, 0);

  const other = start([repairableMonitor(1, { name: "a" })], options);
  other.run(1300);
  const changed = repairableMonitor(1, { name: "a" });
  const remedy = { ...changed.remedy, target: "other.sh" } as NonNullable<MonitorSpec["remedy"]>;
  reload(other, { monitors: [{ ...changed, remedy }] });
  other.run(4000);
  assert.equal(other.world.remedyTarget(0), "other.sh");
  assert.equal(other.jobs.filter(({ lane }) => lane === "intervention").length, 1);
});

test("a new channel gets the alerts from then on; workers that know it take the place of the old ones", () => {
  const sim = start([named("a")]);
  sim.run(2000);
  const old = sim.workers.length;
  const channel = { kind: "log", config: { file: "other" } };
  const codes = { red: { dispatch: "transition" as const, channels: [channel], cooldownMs: 0, repeatMs: 0 } };
  reload(sim, { monitors: [named("a", { codes }), named("b", { codes })] });
  assert.equal(sim.world.channels.length, 2);
  assert.equal(sim.workers.length, old * 2);
  sim.run(2000);
  assert.ok(sim.workers.slice(0, old).every(({ end }) => end.workerPhase === "drained"));
  assert.ok(checksOf(sim, "b").length > 0);
});

test("windows of the new manifest hold; what they do not cover any more ends its maintenance", () => {
  const always = (monitors: string[]): MaintenanceWindow => ({
    name: `of ${monitors}`,
    match: { all: false, monitors, groups: [], labels: {} },
    time: { kind: "once", startMs: 0, endMs: 4_000_000_000_000 },
  } as unknown as MaintenanceWindow);
  const windowsBefore = [always(["a"])];
  const sim = start([named("a"), named("b")], { maintenance: windowsBefore });
  sim.run(3000);
  assert.deepEqual([sim.state(0), sim.state(1)], ["maintenance", "up"]);
  reload(sim, { monitors: [named("a"), named("b")], windows: [always(["b"])], windowsBefore });
  sim.run(3000);
  assert.deepEqual([sim.state(0), sim.state(1)], ["up", "maintenance"]);
});

test("a step that would empty the fleet or change its remedies is too large, one monitor never is", () => {
  const fleet = Array.from({ length: 20 }, (_, index) => repairableMonitor(1, { name: `m${index}` }));
  const sim = start(fleet);
  const plan = (monitors: readonly MonitorSpec[]) => beginReload(sim, { monitors }).plan;
  const difference = plan(fleet.slice(3)).difference;
  assert.match(tooLarge({ difference }, 20).join(), /3 of 20 monitors would go/);
  const small = start(fleet.slice(0, 2));
  const one = beginReload(small, { monitors: fleet.slice(0, 1) }).plan;
  assert.deepEqual(tooLarge(one, 2), []);
  const remedies = fleet.map((spec, index) => index < 5 ? named(spec.name) : spec);
  const third = start(fleet);
  assert.match(tooLarge(beginReload(third, { monitors: remedies }).plan, 20).join(), /5 of 20 remedies/);
});
