/** Readers that answer what a test tells them to: the routes are tested without a world. */
import type { HealthReport, MonitorDetail, MonitorQuery, ServerReaders } from "../../src/server/readers.ts";

export const HEALTHY: HealthReport = {
  ok: true,
  why: [],
  loaded: true,
  tickAgeMs: 3,
  lagP95Ms: 1.5,
  sloMs: 100,
  windowSeconds: 30,
  alertsUnaccounted: 0,
};

const NONE = { p50: null, p95: null, p99: null };

export interface FakeReaders extends ServerReaders {
  /** Queries the routes made. */
  readonly asked: MonitorQuery[];
  readonly askedLimits: number[];
}

export function fakeReaders(change: Partial<ServerReaders> = {}): FakeReaders {
  const asked: MonitorQuery[] = [];
  const askedLimits: number[] = [];
  return {
    asked,
    askedLimits,
    states: ["pending", "up", "down"],
    exposition: () => "# HELP x X.\n# TYPE x gauge\nx 1\n",
    health: () => HEALTHY,
    readiness: () => HEALTHY,
    status: () => ({
      version: "0.1.0",
      runtime: "test",
      revision: "unknown",
      startedAt: "2026-01-01T00:00:00.000Z",
      uptimeSeconds: 5,
      healthy: true,
      readiness: HEALTHY,
      monitors: { total: 2, byState: { up: 1, down: 1 } },
      checksPerSecond: 10,
      lagMs: NONE,
      latencyMs: NONE,
      incidentsOpen: 1,
      alertsPending: 0,
      protection: { frozen: false, repairsWaiting: 0, guard: [], canaries: {} },
    }),
    monitors(query) {
      asked.push(query);
      return { monitors: [], nextCursor: null };
    },
    monitor: (name) => ({ name: name } as MonitorDetail),
    pipelines: () => [],
    incidents(limit) {
      askedLimits.push(limit);
      return { openTotal: 0, open: [], recent: [] };
    },
    ...change,
  };
}
