/** The raw pulse worker as a real thread under the real app: routing, hand-over, wake-up, drain. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { createApp } from "../../src/app.ts";
import { SYSTEM_CLOCK } from "../../src/base/clock.ts";
import { createLogger } from "../../src/base/log.ts";
import type { LaneSettings } from "../../src/engine/engine_options.ts";
import type { WorkerLike } from "../../src/engine/web_worker.ts";
import { openWakes } from "../../src/host/eventfd.ts";
import type { Lane } from "../../src/lanes/lane.ts";
import { HOSTED, PULSE } from "../../src/lanes/lane.ts";
import { FAIL, PASS } from "../../src/model/outcome.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { HTTP } from "../../src/probes/http.ts";
import { DIGEST_DEFAULTS, FLAP_DEFAULTS } from "../../src/model/delivery.ts";
import { GUARD_DEFAULTS, REMEDIATION_DEFAULTS } from "../../src/model/protection.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { eventually, listen, openSockets, type TestServer } from "../net/sockets.ts";
import { simMonitor } from "../support/sim_engine.ts";

const LANE: LaneSettings = {
  queue: "ring",
  queueCapacity: 256,
  batchSize: 100,
  minWorkers: 1,
  maxWorkers: 1,
  minSlots: 32,
  maxSlots: 32,
  sloMs: 100,
  headroom: 0.15,
  cores: 2,
  prior: { arrivalsPerSecond: 100, serviceMs: 2, cpuMs: 0.1, ca2: 1, cs2: 1 },
};

function makeWorker(lane: Lane): WorkerLike {
  const file = { pulse: "pulse_raw", hosted: "pulse", intervention: "intervention", code: "code" }[lane];
  return new Worker(new URL(`../../workers/${file}.ts`, import.meta.url), { type: "module" });
}

async function start(urls: readonly string[], raw = true) {
  const createWake = raw ? await openWakes() : undefined;
  const app = createApp({
    registries: { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS },
    makeWorker,
    makeServer: () => makeWorker("code"),
    createWake,
    log: createLogger({ level: "error", format: "text", sink: () => {}, wallMs: Date.now }),
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
  for (const [index, url] of urls.entries()) {
    const { target, shared } = HTTP.split(HTTP.schema.parse({ url }));
    const probe = { kind: "http", target, config: JSON.parse(JSON.stringify(shared)) as unknown };
    app.add(simMonitor({ name: `m-${index}`, probe, intervalMs: 100, timeoutMs: 1000, codes: {} }));
  }
  app.start({ pulse: LANE, intervention: LANE, code: LANE, hosted: LANE });
  return { app, raw: createWake !== undefined };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  assert.ok(await eventually(holds, 30_000), `not within 30 s: ${what}`);
}

function serve(): Promise<TestServer> {
  const server = createServer((request, response) => {
    if (request.url === "/redirect") response.writeHead(302, { location: "/" });
    else if (request.url === "/down") response.statusCode = 503;
    response.end("fine");
  });
  return listen(server, "127.0.0.1");
}

test("address literals run raw, names hosted, and a redirect moves its monitor to the hosted lane for good", async (context) => {
  await using server = await serve();
  const base = `http://127.0.0.1:${server.port}`;
  const held = openSockets();
  const { app, raw } = await start([
    ...Array.from({ length: 10 }, () => `${base}/`),
    `${base}/down`,
    `${base}/redirect`,
    `http://localhost:${server.port}/`,
  ]);
  if (!raw) {
    await app.stop({ checksMs: 100, sendsMs: 100 });
    return context.skip("no FFI here");
  }
  const done = (lane: number) => app.engine.pipelines[lane]?.completed ?? 0;
  await until(() => done(PULSE) >= 200 && done(HOSTED) >= 40, "200 raw checks, 40 hosted ones");
  assert.ok(app.metrics.value("checks", [0, FAIL]) >= 10, "the 503 fails");
  assert.ok(app.metrics.value("checks", [0, PASS]) >= 200);
  for (let row = 0; row < app.world.count; row++) {
    assert.equal(app.world.columns.outcome[row], row === 10 ? FAIL : PASS, app.world.target(row));
  }
  const rawBefore = done(PULSE);
  const hostedBefore = done(HOSTED);
  await until(() => done(PULSE) >= rawBefore + 110, "another 110 raw checks");
  // 11 rows run raw and 2 hosted, at one interval: a redirect that were tried raw each time would make it 12 to 2.
  const hosted = done(HOSTED) - hostedBefore;
  assert.ok(hosted >= 10 && hosted <= 40, `${hosted} hosted in the time of 110 raw ones`);
  assert.equal(app.metrics.value("workerRestarts", [PULSE]), 0);
  assert.equal(await app.stop({ checksMs: 3000, sendsMs: 1000 }), true);
  assert.ok(await eventually(() => openSockets() <= held + 4), `${openSockets()} sockets, ${held} before`);
});

test("without the raw engine every check runs on the event loop, as the pulse lane", async () => {
  await using server = await serve();
  const { app } = await start([`http://127.0.0.1:${server.port}/`], false);
  await until(() => app.metrics.value("checks", [0, PASS]) >= 10, "ten checks");
  assert.ok((app.engine.pipelines[PULSE]?.completed ?? 0) >= 10);
  assert.equal(app.engine.pipelines[HOSTED]?.completed, 0);
  assert.equal(await app.stop({ checksMs: 3000, sendsMs: 1000 }), true);
});
