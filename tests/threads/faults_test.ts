/** Real threads with probes that misbehave, under the real app: nothing else suffers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/app.ts";
import { SYSTEM_CLOCK } from "../../src/base/clock.ts";
import { createLogger } from "../../src/base/log.ts";
import { z } from "../../src/base/schema.ts";
import type { LaneSettings } from "../../src/engine/engine_options.ts";
import type { WorkerLike } from "../../src/engine/web_worker.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { LOCAL, PASS } from "../../src/model/outcome.ts";
import type { Probe } from "../../src/model/plugin.ts";
import { DIGEST_DEFAULTS, FLAP_DEFAULTS } from "../../src/model/delivery.ts";
import { GUARD_DEFAULTS, REMEDIATION_DEFAULTS } from "../../src/model/protection.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { simMonitor } from "../support/sim_engine.ts";

const KINDS = ["healthy", "throws", "endless", "blocking"];
const PROBES: readonly Probe[] = KINDS.map((kind) => ({
  kind,
  aliases: [],
  summary: "",
  schema: z.unknown(),
  example: "",
  split: () => ({ target: "", shared: {} }),
  descriptors: 1,
  estimateMs: 2,
  run: () => Promise.reject(new Error("runs in the worker only")),
}));

const LANE: LaneSettings = {
  queue: "ring",
  queueCapacity: 256,
  batchSize: 100,
  minWorkers: 2,
  maxWorkers: 2,
  minSlots: 32,
  maxSlots: 32,
  sloMs: 100,
  headroom: 0.15,
  cores: 2,
  prior: { arrivalsPerSecond: 100, serviceMs: 2, cpuMs: 0.1, ca2: 1, cs2: 1 },
};

function start(monitors: readonly { readonly kind: string; readonly intervalMs: number }[]) {
  const log: string[] = [];
  const make = (): WorkerLike =>
    new Worker(new URL("./fixtures/faulty_pulse.ts", import.meta.url), { type: "module" });
  const app = createApp({
    registries: { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS },
    makeWorker: make,
    makeServer: make,
    log: createLogger({ level: "info", format: "text", sink: (line) => log.push(line), wallMs: Date.now }),
    clock: SYSTEM_CLOCK,
    random: Math.random,
    build: { version: "0", runtime: "test", revision: "test", startedAtMs: 0 },
    commandLine: [],
    maxMonitors: 100,
    sloMs: 100,
    listen: [],
    protection: { remediation: REMEDIATION_DEFAULTS, guard: GUARD_DEFAULTS },
    delivery: { digest: DIGEST_DEFAULTS, flapping: FLAP_DEFAULTS },
  });
  for (const [index, { kind, intervalMs }] of monitors.entries()) {
    const probe = { kind, target: "", config: {} };
    app.add(simMonitor({ name: `${kind}-${index}`, probe, intervalMs, timeoutMs: 100, codes: {} }));
  }
  const few = { ...LANE, minWorkers: 1 };
  app.start({ pulse: LANE, intervention: few, code: few, hosted: few });
  return { app, log };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = performance.now() + 30_000; performance.now() < end;) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`not within 30 s: ${what}`);
}

const healthy = Array.from({ length: 20 }, () => ({ kind: "healthy", intervalMs: 100 }));

test("a probe that throws is a local fault, told with its monitor; the others go on", async () => {
  const { app, log } = start([...healthy, { kind: "throws", intervalMs: 100 }]);
  await until(() => app.metrics.value("checks", [1, LOCAL]) >= 5, "five thrown checks");
  assert.ok(app.metrics.value("checks", [0, PASS]) >= 50);
  assert.ok(log.some((line) => line.includes("throws-20") && line.includes("on purpose")));
  assert.equal(app.metrics.value("workerRestarts", [0]), 0);
  assert.equal(await app.stop({ checksMs: 2000, sendsMs: 1000 }), true);
});

test("a probe that never ends is given up at its deadline; the others go on", async () => {
  const { app } = start([...healthy, { kind: "endless", intervalMs: 100 }]);
  await until(() => app.metrics.value("checks", [2, 1]) >= 5, "five timeouts");
  assert.ok(app.metrics.value("checks", [0, PASS]) >= 50);
  assert.equal(await app.stop({ checksMs: 2000, sendsMs: 1000 }), true);
});

test("a probe that blocks its thread costs that thread: it is replaced, and every other check goes on", async () => {
  const { app, log } = start([...healthy, { kind: "blocking", intervalMs: 8000 }]);
  await until(() => app.metrics.value("workerRestarts", [0]) >= 1, "the worker is replaced");
  assert.ok(log.some((line) => line.includes("Worker lost")));
  const before = app.metrics.value("checks", [0, PASS]);
  await until(() => app.metrics.value("checks", [0, PASS]) >= before + 200, "the healthy ones go on");
  await until(() => app.metrics.value("checks", [3, LOCAL]) >= 1, "the second loss is a local outcome");
  await app.stop({ checksMs: 1000, sendsMs: 1000 });
});
