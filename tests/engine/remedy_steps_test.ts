/** Several steps of a remedy through the state machine: each attempt another one, each with its own verification. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { remedyFacts } from "../../src/engine/remedy_facts.ts";
import { SENT } from "../../src/lanes/code.ts";
import type { MonitorSpec, RemedyStep } from "../../src/model/monitor.ts";
import { FAIL, PASS } from "../../src/model/outcome.ts";
import type { Remedy } from "../../src/model/plugin.ts";
import { FAILS, PASSES, Sim, type SimJob, simMonitor } from "../support/sim_engine.ts";

const SENDS = { afterMs: 5, outcome: SENT };

function step(target: string, more: Partial<RemedyStep> = {}): RemedyStep {
  return { kind: "script", target, config: {}, retries: 0, timeoutMs: 1000, attempts: 1, ...more };
}

function steppedMonitor(
  steps: readonly [RemedyStep, ...RemedyStep[]],
  more: Partial<MonitorSpec> = {},
): MonitorSpec {
  const { attempts: _, ...first } = steps[0];
  const maxFailures = steps.reduce((sum, { attempts }) => sum + attempts, 0);
  return simMonitor({ remedy: { ...first, maxFailures, steps }, verificationChecks: 2, ...more });
}

/** What the lane would have run, by the plug-in's words. */
function wordsOf(sim: Sim): string {
  const script = { kind: "script", describe: (target: string) => target } as unknown as Remedy;
  return remedyFacts(sim.world, [script]).describe(0);
}

const alertsOf = (sim: Sim) =>
  sim.jobs.filter(({ lane }) => lane === "code").map(({ payload }) => (payload as { color: string }).color);

test("each failed attempt is followed by the next step, and red comes only when all of them are used up", () => {
  const ran: string[] = [];
  const sim: Sim = new Sim({
    monitors: [steppedMonitor([step("restart", { attempts: 2 }), step("scale"), step("reboot")])],
    behave: (job: SimJob) => {
      if (job.lane === "code") return SENDS;
      if (job.lane !== "intervention") return FAILS;
      ran.push(wordsOf(sim));
      return { afterMs: 50, outcome: FAIL, text: "it did not help" };
    },
  });
  sim.run(200_000);
  assert.deepEqual(ran, ["restart", "restart", "scale", "reboot"]);
  assert.equal(sim.state(0), "down");
  assert.deepEqual(alertsOf(sim), ["red"]);
});

test("a step that does not help within its own verification gives way to the next; one that does ends the incident", () => {
  const ran: string[] = [];
  let healthy = false;
  const sim: Sim = new Sim({
    monitors: [
      steppedMonitor([step("restart"), step("scale", { verificationChecks: 5 })]),
    ],
    behave: (job: SimJob) => {
      if (job.lane === "code") return SENDS;
      if (job.lane === "intervention") {
        ran.push(wordsOf(sim));
        healthy = ran.length === 2;
        return { afterMs: 50, outcome: PASS };
      }
      return healthy ? PASSES : FAILS;
    },
  });
  sim.run(30_000);
  assert.deepEqual(ran, ["restart", "scale"]);
  assert.equal(sim.state(0), "up");
  const verifying = sim.events.findLast(({ to }) => to === "verifying");
  const up = sim.events.findLast(({ to }) => to === "up");
  const checks = ((up?.wallMs ?? 0) - (verifying?.wallMs ?? 0)) / 1000;
  assert.ok(checks > 4 && checks <= 5.1, `five checks prove the second step, seen ${checks}`);
});

test("the time a step has to prove itself is its own", () => {
  const ran: number[] = [];
  const sim: Sim = new Sim({
    monitors: [
      // What passes between two attempts does not close the incident here.
      steppedMonitor([
        step("restart", { verificationChecks: 60, verificationTimeoutMs: 3000 }),
        step("scale", { verificationChecks: 1 }),
      ], { healthyThreshold: 60 }),
    ],
    behave: (job: SimJob) => {
      if (job.lane === "code") return SENDS;
      if (job.lane === "intervention") {
        ran.push(job.atMs);
        return { afterMs: 50, outcome: PASS };
      }
      return ran.length > 0 ? PASSES : FAILS;
    },
  });
  sim.run(60_000);
  assert.equal(ran.length, 2, "it passed for three seconds, which was not proof enough in its time");
  assert.equal(sim.state(0), "up");
});
