/** What the engine makes of what an earlier process left. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SENT } from "../../src/lanes/code.ts";
import type { RemedyJob } from "../../src/lanes/intervention.ts";
import { channelIdentity } from "../../src/model/channel_identity.ts";
import { NOTHING_RESTORED, type PendingAlert, type Restored } from "../../src/model/journal_record.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { PASS } from "../../src/model/outcome.ts";
import { FLAG, STATE } from "../../src/model/state.ts";
import { alertMessage } from "../support/alert_message.ts";
import { FAILS, PASSES, repairableMonitor, Sim, simMonitor } from "../support/sim_engine.ts";
import { NaiveStore } from "../support/sim_journal.ts";

const WALL_MS = 1_700_000_000_000;
const CHANNEL = channelIdentity({ kind: "log", config: { file: "a" } });

function restored(over: Partial<Restored>): Restored {
  return { ...NOTHING_RESTORED, boot: 2, lastAlertId: 50, ...over };
}

function pending(id: number, over: Partial<PendingAlert> = {}): PendingAlert {
  const message = alertMessage({ key: `k${id}`, seq: id });
  const entry = { id, monitor: "web", incident: "i1.1", channelId: CHANNEL, color: "red" as const };
  return { ...entry, message, attempt: 0, dueWallMs: 0, ...over };
}

function cutOffRepair(): Partial<Restored> {
  const incident = {
    id: "i1.7",
    sinceWallMs: WALL_MS - 60_000,
    opened: true,
    seq: 1,
    error: "connection refused",
    output: "",
    tried: [],
    sentAtWallMs: {},
    backoffDueWallMs: 0,
  };
  const stands = {
    state: STATE.repairing,
    failures: 1,
    successes: 0,
    verifyLeft: 0,
    attempts: 1,
    flags: FLAG.incidentOpen,
    sinceWallMs: WALL_MS - 60_000,
    incident,
  };
  return {
    monitors: [{ type: "monitor", monitor: "web", atWallMs: WALL_MS, stands }],
    repairs: [{ incident: "i1.7", attempt: 1, monitor: "web", startedWallMs: WALL_MS, error: "refused" }],
  };
}

function start(monitors: readonly MonitorSpec[], given: Partial<Restored>, healthy = true) {
  const store = new NaiveStore();
  for (const alert of given.alerts ?? []) store.alerts.set(alert.id, alert);
  const sim = new Sim({
    monitors,
    restored: restored(given),
    behave: ({ lane }) => {
      if (lane === "code") return { afterMs: 5, outcome: SENT };
      if (lane === "intervention") return { afterMs: 50, outcome: PASS };
      return healthy ? PASSES : FAILS;
    },
    journal: {
      commit(batch, acknowledge) {
        for (const record of batch) store.write(record);
        acknowledge();
      },
    },
  });
  return { sim, store };
}

test("alerts go out again in order under their keys, those of monitors that are gone too", () => {
  const alerts = [
    pending(40),
    pending(41, { monitor: "gone" }),
    pending(42),
    pending(43, { monitor: "gone" }),
  ];
  const { sim, store } = start([simMonitor()], { alerts });
  sim.run(3000);
  const keys = sim.alerts().map(({ key }) => key);
  assert.deepEqual(keys.filter((key) => ["k40", "k42"].includes(key)), ["k40", "k42"]);
  assert.deepEqual(keys.filter((key) => ["k41", "k43"].includes(key)), ["k41", "k43"]);
  assert.deepEqual([...store.settled.keys()].sort(), [40, 41, 42, 43]);
});

test("an alert whose channel is gone is a dead letter, counted", () => {
  const { sim, store } = start([simMonitor()], { alerts: [pending(40, { channelId: "no such" })] });
  sim.run(12_000);
  assert.deepEqual(sim.alerts(), []);
  assert.equal(store.settled.get(40), "dead");
  assert.equal(sim.metrics.total("alertsDead"), 1);
  assert.equal(sim.metrics.total("alertsUnaccounted"), 0);
});

test("an alert that waits for its next attempt waits on", () => {
  const { sim } = start([simMonitor()], {
    alerts: [pending(40, { attempt: 3, dueWallMs: WALL_MS + 1000 + 5000 })],
  });
  sim.run(4000);
  assert.deepEqual(sim.alerts(), []);
  sim.run(2000);
  assert.deepEqual(sim.alerts().map(({ key }) => key), ["k40"]);
});

test("a repair that was cut off is not run again: checks verify, and nobody is told that it succeeded", () => {
  const { sim, store } = start([repairableMonitor(1)], cutOffRepair());
  assert.equal(sim.state(0), "verifying");
  sim.run(5000);
  assert.deepEqual(sim.jobs.filter(({ lane }) => lane === "intervention"), []);
  assert.deepEqual(sim.colors(), ["green"]);
  assert.equal(sim.alerts()[0]?.incident, "i1.7");
  assert.match(sim.alerts()[0]?.tried.join() ?? "", /outcome unknown/);
  assert.ok(store.ended.has("i1.7 1"));
});

test("a repair that was cut off and says it is idempotent runs again, as the same attempt", () => {
  const monitor = repairableMonitor(1);
  const remedy = { ...monitor.remedy as NonNullable<MonitorSpec["remedy"]>, idempotent: true as const };
  const { sim, store } = start([{ ...monitor, remedy }], cutOffRepair());
  sim.run(5000);
  const runs = sim.jobs.filter(({ lane }) => lane === "intervention").map(({ payload }) =>
    payload as RemedyJob
  );
  assert.deepEqual(runs.map(({ incident, attempt }) => [incident, attempt]), [["i1.7", 1]]);
  assert.deepEqual(sim.colors(), ["cyan", "green"]);
  assert.ok(store.ended.has("i1.7 1"));
});

test("a monitor that left the manifest keeps its state in the journal for when it comes back", () => {
  const { sim, store } = start([simMonitor({ name: "other" })], cutOffRepair());
  sim.run(3000);
  assert.deepEqual(sim.alerts(), []);
  assert.ok(store.ended.has("i1.7 1"));
  assert.equal(sim.metrics.total("incidentsOpen"), 0);
});
