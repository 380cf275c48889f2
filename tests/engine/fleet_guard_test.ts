import assert from "node:assert/strict";
import { test } from "node:test";
import { SILENT_LOGGER } from "../../src/base/log.ts";
import { FleetGuard, type GuardEvent } from "../../src/engine/fleet_guard.ts";
import { LOCAL, PASS } from "../../src/model/outcome.ts";
import { GUARD_DEFAULTS } from "../../src/model/protection.ts";
import { CANARIES } from "../../src/telemetry/metric_table.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createWorld } from "../../src/world/world.ts";
import { simMonitor } from "../support/sim_engine.ts";

const GATEWAY = CANARIES.indexOf("gateway");

function guardOf(count: number) {
  const world = createWorld({ capacity: count });
  for (let row = 0; row < count; row++) world.add(simMonitor({ name: `web-${row}`, groups: ["shop"] }));
  const metrics = createMetrics({ probes: ["http"], remedies: [], pipelines: [], states: [] });
  const pages: GuardEvent[] = [];
  const guard = new FleetGuard({
    world,
    metrics,
    settings: GUARD_DEFAULTS,
    log: SILENT_LOGGER,
    groupSizes: new Map([["shop", count]]),
    page: (event) => pages.push(event),
    newPageId: String,
    clock: { monoMs: () => 0, wallMs: () => 0 },
    store: { setFact() {} },
  });
  return { guard, pages };
}

test("a canary that passed before and fails twice in a row makes the fleet suspect; one that never passed tells nothing", () => {
  const { guard } = guardOf(10);
  for (let nowMs = 0; nowMs < 20_000; nowMs += 1000) {
    guard.canary(GATEWAY, false);
    guard.tick(nowMs);
  }
  assert.equal(guard.suspects(undefined), false);
  guard.canary(GATEWAY, true);
  guard.canary(GATEWAY, false);
  guard.tick(20_000);
  assert.equal(guard.suspects(undefined), false, "once may be chance");
  guard.canary(GATEWAY, false);
  guard.tick(21_000);
  assert.equal(guard.suspects(undefined), true);
});

test("local failures count over 10 s: more than 1 % and at least five", () => {
  const few = guardOf(10).guard;
  for (let check = 0; check < 100; check++) few.checked(check < 4 ? LOCAL : PASS);
  few.tick(0);
  assert.equal(few.suspects(undefined), false);
  const rare = guardOf(10).guard;
  for (let check = 0; check < 1000; check++) rare.checked(check < 10 ? LOCAL : PASS);
  rare.tick(0);
  assert.equal(rare.suspects(undefined), false, "1 % is allowed");
  rare.checked(LOCAL);
  rare.tick(1000);
  assert.equal(rare.suspects(undefined), true);
});

test("the fleet and its groups going down together are one page, and what opens and closes is counted once", () => {
  const { guard, pages } = guardOf(10);
  for (let row = 0; row < 10; row++) {
    guard.incident(row, true, 1000);
    guard.incident(row, true, 2000);
  }
  for (let nowMs = 2000; nowMs < 20_000; nowMs += 1000) guard.tick(nowMs);
  assert.deepEqual(pages.map(({ scope, begun }) => [scope.name, begun]), [["fleet", true]]);
  assert.deepEqual([...guard.membersOf(pages[0]?.scope as GuardEvent["scope"])].length, 10);
  for (let row = 0; row < 10; row++) guard.incident(row, false, 20_000);
  for (let nowMs = 20_000; nowMs < 300_000; nowMs += 1000) guard.tick(nowMs);
  assert.deepEqual(pages.map(({ scope, begun }) => [scope.name, begun]), [["fleet", true], ["fleet", false]]);
  assert.equal(pages[0]?.id, pages[1]?.id);
  assert.equal(guard.suspects(["shop"]), false);
});
