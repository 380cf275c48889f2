/** Checks that the engine judges itself, on a simulated clock, over a crash too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SENT } from "../../src/lanes/code.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { FAIL } from "../../src/model/outcome.ts";
import type { JudgedProbe } from "../../src/model/plugin.ts";
import type { SignalKind } from "../../src/model/signal.ts";
import { GROUP } from "../../src/probes/group.ts";
import { PUSH } from "../../src/probes/push.ts";
import { FAILS, PASSES, Sim, type SimJob, simMonitor, type SimOptions } from "../support/sim_engine.ts";
import { SimJournal } from "../support/sim_journal.ts";

const JUDGED = [GROUP as JudgedProbe, PUSH as JudgedProbe];
const SENDS = { afterMs: 5, outcome: SENT };

function judgedMonitor<Config>(probe: JudgedProbe<Config>, name: string, config: unknown): MonitorSpec {
  const { target, shared } = probe.split(probe.schema.parse(config));
  const spec = { kind: probe.kind, target, config: JSON.parse(JSON.stringify(shared)) as unknown };
  return simMonitor({ name, probe: spec, unhealthyThreshold: 1 });
}

const TOKEN = "0123456789abcdef";
const JOB = judgedMonitor(PUSH, "job", { token: TOKEN, period: "60s", grace: "10s", ["max_run"]: "20s" });

function signal(sim: Sim, kind: SignalKind, more: { code?: number; text?: string; row?: number } = {}): void {
  const { row = 0, code = 0, text = "" } = more;
  sim.engine.takeSignals([{ row, signal: { target: JOB.probe.target, kind, code, text } }]);
}

test("a group follows its monitors without a worker, and alerts and recovers like any other", () => {
  let broken: readonly string[] = [];
  const behave = (job: SimJob) => job.lane === "code" ? SENDS : broken.includes(job.monitor) ? FAILS : PASSES;
  const group = judgedMonitor(GROUP, "all", { monitors: ["a", "b", "c"], ["min_up"]: 2 });
  const monitors = [...["a", "b", "c"].map((name) => simMonitor({ name })), group];
  const sim = new Sim({ monitors, judged: JUDGED, behave });
  sim.run(3000);
  assert.equal(sim.state(3), "up");
  broken = ["a"];
  sim.run(3000);
  assert.equal(sim.state(3), "up");
  broken = ["a", "b"];
  sim.run(3000);
  assert.equal(sim.state(3), "down");
  const incident = sim.events.find(({ row, to }) => row === 3 && to === "down")?.incident;
  assert.equal(incident?.error, "only 1 of its monitors up: 1 of 3 up, 2 wanted; not a, b");
  broken = [];
  sim.run(4000);
  assert.equal(sim.state(3), "up");
  assert.deepEqual(sim.jobs.filter(({ row, lane }) => row === 3 && lane !== "code"), [], "no worker had it");
  assert.ok(sim.metrics.value("checks", [1, FAIL]) > 0, "counted under their kind");
});

test("a push monitor is pending until its first signal, late without, and judged at once when one comes", () => {
  const sim = new Sim({ monitors: [{ ...JOB, intervalMs: 30_000 }], judged: JUDGED, behave: () => SENDS });
  sim.run(31_000);
  assert.equal(sim.state(0), "pending");
  signal(sim, "ok");
  sim.run(300);
  assert.equal(sim.state(0), "up", "without waiting for its interval");
  sim.run(110_000);
  assert.equal(sim.state(0), "down");
  signal(sim, "ok");
  sim.run(300);
  assert.equal(sim.state(0), "up");
  signal(sim, "fail", { code: 3, text: "disk full" });
  sim.run(300);
  assert.equal(sim.state(0), "down");
  assert.equal(sim.events.at(-1)?.incident?.error, "failure reported, exit code 3: disk full");
  signal(sim, "ok");
  sim.run(300);
  signal(sim, "start");
  sim.run(60_000);
  assert.equal(sim.state(0), "down");
  assert.match(
    sim.events.at(-1)?.incident?.error ?? "",
    /^begun \d+ s ago and not finished: longer than 20s$/,
  );
});

test("a signal for a row that is no longer its monitor changes nothing", () => {
  const monitors = [JOB, simMonitor({ name: "web" })];
  const sim = new Sim({ monitors, judged: JUDGED, behave: (job) => job.lane === "code" ? SENDS : PASSES });
  sim.run(2000);
  signal(sim, "fail", { row: 1 });
  signal(sim, "fail", { row: 7 });
  sim.run(2000);
  assert.deepEqual([sim.state(0), sim.state(1)], ["pending", "up"]);
});

test("signals outlive the process, and a silence while there was none is not held against the job", () => {
  let nowMs = 1000;
  const journal = new SimJournal({ nowMs: () => nowMs, random: () => 0, slowestMs: 0 });
  const options: SimOptions = { monitors: [JOB], judged: JUDGED, behave: () => SENDS };
  const next = () => {
    const sim = new Sim({
      ...options,
      journal: journal.port(),
      restored: journal.store.restore(),
      startMs: nowMs,
    });
    const run = (ms: number) => {
      for (let passed = 0; passed < ms; passed++) {
        sim.run(1);
        nowMs = sim.nowMs;
        journal.step();
      }
    };
    return { sim, run };
  };
  const first = next();
  signal(first.sim, "ok");
  first.run(5000);
  assert.equal(first.sim.state(0), "up");
  nowMs += 60_000;
  const second = next();
  second.run(8000);
  assert.equal(second.sim.state(0), "up", "late by its period, but nobody could have heard it");
  second.run(5000);
  assert.equal(second.sim.state(0), "down", "silent for a grace since then");
  assert.equal(second.sim.events.at(-1)?.incident?.error.startsWith("no signal for 7"), true);
});
