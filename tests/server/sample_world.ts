/** A small world with known rows, for the tests of the readers and of the thread. */
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { FAIL } from "../../src/model/outcome.ts";
import { reasonIndex } from "../../src/model/outcome.ts";
import { STATE } from "../../src/model/state.ts";
import type { BuildInfo } from "../../src/telemetry/process_metrics.ts";
import type { SharedState } from "../../src/server/messages.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { SAMPLE_CHANNELS, sampleMetrics } from "../telemetry/sample_metrics.ts";

export const BUILD: BuildInfo = {
  version: "0.1.0",
  runtime: "test",
  revision: "abc",
  startedAtMs: 1_700_000_000_000,
};

export const SECRET = "s3cret";

export function sampleSpec(name: string, change: Partial<MonitorSpec> = {}): MonitorSpec {
  return {
    name,
    enabled: true,
    probe: {
      kind: "http",
      target: `http://u:${SECRET}@h.example/${name}?key=${SECRET}`,
      config: { headers: [["X", SECRET]] },
    },
    intervalMs: 30_000,
    timeoutMs: 5000,
    retries: 1,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    verificationChecks: 2,
    verificationTimeoutMs: 0,
    remedy: {
      kind: "webhook",
      target: `https://hooks.example/${SECRET}`,
      config: { token: SECRET },
      retries: 2,
      maxFailures: 1,
      timeoutMs: 60_000,
    },
    codes: {
      red: {
        dispatch: "transition",
        channels: [{ kind: "pagerduty", config: { routingKey: SECRET } }],
        cooldownMs: 0,
        repeatMs: 0,
      },
    },
    groups: ["web"],
    labels: { team: "blue" },
    dependsOn: [],
    metadata: { runbook: "https://wiki.example/web" },
    ...change,
  };
}

/** Rows: 0 "web-0" up and checked, 1 "web-1" down, 2 "größe/ü" pending. */
export function sampleWorld(): World {
  const world = createWorld({ capacity: 100 });
  for (const name of ["web-0", "web-1", "größe/ü"]) world.add(sampleSpec(name));
  const { columns } = world;
  columns.state.set([STATE.up, STATE.down, STATE.pending]);
  columns.checkedAt.set([1_700_000_100, 1_700_000_101]);
  columns.since.set([1_700_000_001, 1_700_000_060]);
  columns.latencyUs.set([1234, 5_000_000]);
  columns.outcome[1] = FAIL;
  columns.reason[1] = reasonIndex("status");
  columns.value[1] = 503;
  columns.failures[1] = 3;
  columns.successes[0] = 9;
  columns.attempts[1] = 1;
  return world;
}

export function sampleShared(world: World, metrics = sampleMetrics()): SharedState {
  return { world: world.handle(), metrics: metrics.handle(), channels: [SAMPLE_CHANNELS[2] as string] };
}
