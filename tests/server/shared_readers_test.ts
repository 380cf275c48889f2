import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonText } from "../../src/model/outcome.ts";
import type { SharedState } from "../../src/server/messages.ts";
import { createSharedReaders } from "../../src/server/shared_readers.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { parseExposition } from "../telemetry/exposition_parser.ts";
import { SAMPLE_DIMENSIONS } from "../telemetry/sample_metrics.ts";
import { BUILD, sampleShared, sampleSpec, sampleWorld, SECRET } from "./sample_world.ts";

function readersOver(shared: SharedState) {
  const clock = { monoMs: 1000, wallMs: BUILD.startedAtMs + 90_500 };
  const readers = createSharedReaders({
    build: BUILD,
    sloMs: 100,
    signalKinds: [],
    shared,
    monoMs: () => clock.monoMs,
    wallMs: () => clock.wallMs,
  });
  return { readers, clock };
}

function running() {
  const metrics = createMetrics(SAMPLE_DIMENSIONS);
  const shared = sampleShared(sampleWorld(), metrics);
  const { readers, clock } = readersOver(shared);
  readers.loaded(shared);
  const second = (lagUs: number) => {
    metrics.observeTick(10);
    for (let i = 0; i < 20; i++) metrics.observeLag(lagUs);
    for (let i = 0; i < 20; i++) metrics.countCheck(0, 0, 1000);
    clock.monoMs += 1000;
    readers.sample();
  };
  return { metrics, readers, clock, second };
}

test("a monitor is listed with what its columns say", () => {
  const { readers } = readersOver(sampleShared(sampleWorld()));
  const page = readers.monitors({ limit: 10 });
  assert.equal(page.nextCursor, null);
  assert.deepEqual(page.monitors[0], {
    name: "web-0",
    kind: "http",
    target: "http://h.example/web-0?key=…",
    state: "up",
    since: "2023-11-14T22:13:21.000Z",
    checkedAt: "2023-11-14T22:15:00.000Z",
    latencyMs: 1.234,
    outcome: "pass",
    error: null,
    failures: 0,
    successes: 9,
  });
  assert.equal(page.monitors[1]?.error, reasonText("status", 503));
  const never = page.monitors[2];
  assert.deepEqual([never?.state, never?.since, never?.checkedAt, never?.outcome], [
    "pending",
    null,
    null,
    null,
  ]);
});

test("lists are cut into pages that join without a gap", () => {
  const { readers } = readersOver(sampleShared(sampleWorld()));
  const first = readers.monitors({ limit: 2 });
  const rest = readers.monitors({ limit: 2, cursor: Number(first.nextCursor) });
  assert.deepEqual([...first.monitors, ...rest.monitors].map(({ name }) => name), [
    "web-0",
    "web-1",
    "größe/ü",
  ]);
  assert.equal(rest.nextCursor, null);
  assert.deepEqual(readers.monitors({ limit: 9, cursor: 1000 }), { monitors: [], nextCursor: null });
});

test("lists are filtered by state and by part of the name", () => {
  const { readers } = readersOver(sampleShared(sampleWorld()));
  assert.deepEqual(readers.monitors({ limit: 9, state: "down" }).monitors.map(({ name }) => name), ["web-1"]);
  assert.deepEqual(readers.monitors({ limit: 9, name: "öß" }).monitors.map(({ name }) => name), ["größe/ü"]);
});

test("a certificate that was seen is told by its last day and the days left", () => {
  const world = sampleWorld();
  const { readers, clock } = readersOver(sampleShared(world));
  assert.equal(readers.monitor("web-0")?.certificate, null);
  world.columns.certificateDay[world.find("web-0")] = Math.floor(clock.wallMs / 86_400_000) + 12;
  assert.deepEqual(readers.monitor("web-0")?.certificate, { validUntil: "2023-11-26", daysLeft: 12 });
  assert.match(readers.exposition(), /^cpra_certificates\{days="14"\} 1$/m);
});

test("one monitor shows its policy, and no secret anywhere", () => {
  const { readers } = readersOver(sampleShared(sampleWorld()));
  const detail = readers.monitor("web-1");
  assert.deepEqual(detail?.remedy, {
    action: "webhook",
    target: "https://hooks.example",
    retries: 2,
    maxFailures: 1,
    timeoutMs: 60_000,
  });
  assert.deepEqual(detail?.codes, {
    red: { dispatch: "transition", channels: ["pagerduty"], cooldownMs: 0, repeatMs: 0 },
  });
  assert.deepEqual([detail?.groups, detail?.labels, detail?.attempts], [["web"], { team: "blue" }, 1]);
  assert.equal(readers.monitor("nobody"), undefined);
  assert.doesNotMatch(JSON.stringify([detail, readers.monitors({ limit: 9 })]), new RegExp(SECRET));
});

test("rows added after the handles were made are listed, and whole once new handles came", () => {
  const world = sampleWorld();
  const { readers } = readersOver(sampleShared(world));
  world.add(sampleSpec("late", { intervalMs: 1234 }));
  assert.equal(readers.monitors({ limit: 9, name: "late" }).monitors[0]?.kind, "");
  assert.equal(readers.monitor("late"), undefined);
  readers.loaded(sampleShared(world));
  assert.equal(readers.monitor("late")?.intervalMs, 1234);
});

test("incidents are shown with their monitor, newest first, and leave when they close", () => {
  const { readers } = readersOver(sampleShared(sampleWorld()));
  const step = {
    id: "i-1",
    row: 1,
    monitor: "web-1",
    target: "http://h.example/web-1?key=secret",
    transition: "opened",
    open: true,
    sinceMs: 1_700_000_000_000,
    atMs: 1_700_000_060_000,
  };
  readers.take([{ ...step, error: "unexpected status 503" }]);
  const report = readers.incidents(10);
  assert.equal(report.openTotal, 1);
  assert.deepEqual(report.open, [{
    id: "i-1",
    monitor: "web-1",
    target: "http://h.example/web-1?key=…",
    state: "down",
    since: "2023-11-14T22:13:20.000Z",
    transition: "opened",
    at: "2023-11-14T22:14:20.000Z",
    error: "unexpected status 503",
    attempts: 1,
  }]);
  assert.equal(readers.monitor("web-1")?.incident?.id, "i-1");
  readers.take([{ ...step, transition: "recovered", open: false, atMs: 1_700_000_090_000, error: "" }]);
  const after = readers.incidents(10);
  assert.deepEqual(after.open, []);
  assert.deepEqual([after.recent[0]?.durationSeconds, after.recent[0]?.error], [90, "unexpected status 503"]);
  assert.equal(readers.monitor("web-1")?.incident, null);
  assert.equal(after.recent[0]?.monitor, "web-1");
});

test("a monitor that a reload removed is in no list, and the totals count without it", () => {
  const world = sampleWorld();
  const { readers } = readersOver(sampleShared(world));
  const before = readers.status().monitors.total;
  world.remove(1);
  assert.equal(readers.status().monitors.total, before - 1);
  assert.equal(readers.monitor("web-1"), undefined);
  assert.ok(!readers.monitors({ limit: 100 }).monitors.some(({ name }) => name === "web-1"));
});

test("the status gives rates and quantiles of the last half minute", () => {
  const { readers, second } = running();
  for (let i = 0; i < 10; i++) second(2000);
  const status = readers.status();
  assert.equal(status.checksPerSecond, 20);
  assert.ok(status.lagMs.p95 !== null && status.lagMs.p95 > 1 && status.lagMs.p95 <= 2);
  assert.equal(status.latencyMs.p95, null);
  assert.equal(status.uptimeSeconds, 90);
  assert.equal(status.startedAt, "2023-11-14T22:13:20.000Z");
  assert.equal(status.monitors.total, 3);
  assert.deepEqual([status.healthy, status.readiness.ok], [true, true]);
});

test("the pipelines show pools, queues and sizing side by side", () => {
  const { readers } = readersOver(sampleShared(sampleWorld()));
  const [pulse, intervention, code] = readers.pipelines();
  assert.deepEqual([pulse?.pipeline, intervention?.pipeline, code?.pipeline], [
    "pulse",
    "intervention",
    "code",
  ]);
  assert.deepEqual([pulse?.workers, pulse?.slots, pulse?.busy, pulse?.workerRestarts], [2, 64, 5, 1]);
  assert.equal(pulse?.sizing.predictedWaitMs.p95, 31);
  assert.equal(pulse?.sizing.serviceMs, 20);
  assert.equal(JSON.parse(JSON.stringify(pulse)).sizing.predictedWaitMs.p99, null);
});

test("before loading it is alive but not ready", () => {
  const { readers, clock } = readersOver(sampleShared(sampleWorld()));
  clock.monoMs += 60_000;
  assert.equal(readers.health().ok, true);
  const ready = readers.readiness();
  assert.deepEqual([ready.ok, ready.why], [false, ["the manifest is still being loaded"]]);
});

test("an engine that ticks and is on time is ready", () => {
  const { readers, second } = running();
  for (let i = 0; i < 5; i++) second(1000);
  assert.deepEqual([readers.health().ok, readers.readiness().ok, readers.readiness().why], [true, true, []]);
});

test("an engine that stopped ticking is neither healthy nor ready, and is again when it ticks", () => {
  const { metrics, readers, clock, second } = running();
  second(1000);
  clock.monoMs += 5001;
  assert.deepEqual(readers.health().why, ["the engine has not ticked for 5001 ms (limit 5000 ms)"]);
  assert.equal(readers.readiness().ok, false);
  metrics.observeTick(10);
  assert.equal(readers.health().ok, true);
});

test("late checks make it unready, with the figures, until the window is past them", () => {
  const { readers, second } = running();
  for (let i = 0; i < 3; i++) second(300_000);
  const late = readers.readiness();
  assert.equal(late.ok, false);
  assert.match(
    late.why[0] ?? "",
    /^checks are late: P95 of the schedule lag is \d+ ms over the last 3 s \(SLO 100 ms\)$/,
  );
  assert.equal(readers.health().ok, true);
  for (let i = 0; i < 34; i++) second(1000);
  assert.equal(readers.readiness().ok, true);
});

test("the exposition has the engine's and the process's metrics and no secret", () => {
  const { readers } = readersOver(sampleShared(sampleWorld()));
  const text = readers.exposition();
  const names = [...parseExposition(text).keys()];
  assert.ok(names.includes("cpra_build_info") && names.includes("cpra_checks_total"));
  assert.doesNotMatch(text, new RegExp(SECRET));
});
