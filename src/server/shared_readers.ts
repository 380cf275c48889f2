/**
 * The readers over shared memory: columns, metrics, and the incidents the engine told of. Server thread only; it never
 * writes a cell, and what it shows may be a moment old. Typical load: a scrape every few seconds, a person now and then;
 * the dearest answer scans one column of a million rows in a few ms.
 */
import { STATES } from "../model/state.ts";
import { renderExposition } from "../telemetry/exposition.ts";
import { quantileUs } from "../telemetry/histogram.ts";
import { CANARIES, type EngineMetric } from "../telemetry/metric_table.ts";
import { MetricsView } from "../telemetry/metrics_view.ts";
import { MetricsWindow } from "../telemetry/metrics_window.ts";
import { type BuildInfo, processFamilies } from "../telemetry/process_metrics.ts";
import { certificateFamily } from "../telemetry/certificates.ts";
import { listMonitors } from "../world/view.ts";
import { attachWorld, type WorldView } from "../world/world.ts";
import { milliseconds, quantilesMs, rounded } from "./figures.ts";
import { createIncidentLog } from "./incident_log.ts";
import type { IncidentEvent, SharedState } from "./messages.ts";
import { closedIncident, monitorDetail, monitorSummary, openIncident } from "./monitor_report.ts";
import type { HealthReport, PipelineReport, ProtectionReport, ServerReaders } from "./readers.ts";

/** The engine ticks every few ms and sleeps a fraction of a second at most; silence this long is a hang. */
const TICK_AGE_LIMIT_MS = 5000;

export interface SharedReadersOptions {
  readonly build: BuildInfo;
  readonly sloMs: number;
  readonly shared: SharedState;
  /** Kinds of checks whose monitors take signals. */
  readonly signalKinds: readonly string[];
  /** This thread's monotonic clock, and the wall clock. */
  readonly monoMs: () => number;
  readonly wallMs: () => number;
}

export interface SharedReaders extends ServerReaders {
  /** Once a second, so that the window has a past. */
  sample(): void;
  loaded(shared: SharedState): void;
  take(events: readonly IncidentEvent[]): void;
  /** Rows of the monitors that take signals and have this target. */
  readonly signalRows: (target: string) => readonly number[];
}

/** What the server looks at; replaced when the engine sends new handles. */
interface Attached {
  readonly world: WorldView;
  readonly channels: readonly string[];
  readonly pipelines: readonly string[];
  readonly metrics: MetricsView;
  readonly window: MetricsWindow;
}

export function createSharedReaders(options: SharedReadersOptions): SharedReaders {
  const { build, sloMs, monoMs } = options;
  const log = createIncidentLog();
  let at = attach(options.shared, monoMs());
  let loaded = false;
  let signalTargets: ReadonlyMap<string, readonly number[]> | undefined;

  const sample = () => at.window.sample(monoMs());
  const report = (judge: typeof healthProblems): HealthReport => {
    sample();
    const alertsUnaccounted = at.metrics.value("alertsUnaccounted", []);
    return healthReport({ window: at.window, loaded, sloMs, alertsUnaccounted }, judge);
  };
  const summaryOf = (row: number) => monitorSummary(at.world, row);
  return {
    states: STATES,
    sample,
    loaded(shared) {
      at = attach(shared, monoMs());
      loaded = true;
      signalTargets = undefined;
    },
    signalRows(target) {
      signalTargets ??= indexTargets(at.world, options.signalKinds);
      return signalTargets.get(target) ?? [];
    },
    take: (events) => events.forEach((event) => log.take(event)),
    exposition: () =>
      renderExposition([
        ...processFamilies(build),
        ...at.metrics.families(),
        certificateFamily(at.world, options.wallMs()),
      ]),
    health: () => report(healthProblems),
    readiness: () => report(readinessProblems),
    status() {
      const [healthy, readiness] = [report(healthProblems).ok, report(readinessProblems)];
      return { ...buildReport(build, options.wallMs()), healthy, readiness, ...statusFigures(at) };
    },
    monitors({ state, name, cursor, limit }) {
      const filter = {
        limit,
        ...(state === undefined ? {} : { state: (STATES as readonly string[]).indexOf(state) }),
        ...(name === undefined ? {} : { name }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      const { rows, nextCursor } = listMonitors(at.world, filter);
      return { monitors: rows.map(summaryOf), nextCursor: nextCursor === null ? null : String(nextCursor) };
    },
    monitor(name) {
      const row = at.world.find(name);
      return row < 0 ? undefined : monitorDetail(row, {
        world: at.world,
        channels: at.channels,
        log,
        nowMs: options.wallMs(),
      });
    },
    pipelines: () => at.pipelines.map((name, index) => pipelineReport(at, { name, index })),
    incidents: (limit) => ({
      openTotal: at.metrics.value("incidentsOpen", []),
      open: log.open(limit).map((event) => openIncident(at.world, event)),
      recent: log.closed(limit).map(closedIncident),
    }),
  };
}

function attach(shared: SharedState, nowMs: number): Attached {
  const metrics = new MetricsView(shared.metrics);
  return {
    world: attachWorld(shared.world),
    channels: shared.channels,
    pipelines: shared.metrics.dimensions.pipelines,
    metrics,
    window: new MetricsWindow(metrics, nowMs),
  };
}

/** One pass over the policies of all rows, at the first signal after a load; only monitors of these kinds are read. */
function indexTargets(world: WorldView, kinds: readonly string[]): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  const wanted = world.policies.map((policy) => kinds.includes(policy.probe.kind));
  const { policy } = world.columns;
  for (let row = 0; row < world.count; row++) {
    if (wanted[policy[row] as number] !== true) continue;
    const target = world.target(row);
    const known = rows.get(target);
    if (known === undefined) rows.set(target, [row]);
    else known.push(row);
  }
  return rows;
}

interface Condition {
  readonly window: MetricsWindow;
  readonly loaded: boolean;
  readonly sloMs: number;
  readonly alertsUnaccounted: number;
}

function healthReport(condition: Condition, judge: typeof healthProblems): HealthReport {
  const { window, loaded, sloMs } = condition;
  const lagP95Us = quantileUs(window.histogram("scheduleLag", []), 0.95);
  const lagP95Ms = lagP95Us === undefined ? null : milliseconds(lagP95Us);
  const figures = {
    loaded,
    tickAgeMs: Math.round(window.tickAgeMs),
    lagP95Ms,
    sloMs,
    windowSeconds: Math.round(window.seconds),
    alertsUnaccounted: condition.alertsUnaccounted,
  };
  const why = judge(figures);
  return { ok: why.length === 0, why, ...figures };
}

type Figures = Omit<HealthReport, "ok" | "why">;

/** Before the manifest is loaded the engine has nothing to tick for: being killed for that would never end. */
function healthProblems({ loaded, tickAgeMs }: Figures): string[] {
  if (!loaded || tickAgeMs <= TICK_AGE_LIMIT_MS) return [];
  return [`the engine has not ticked for ${tickAgeMs} ms (limit ${TICK_AGE_LIMIT_MS} ms)`];
}

function readinessProblems(figures: Figures): string[] {
  const { loaded, lagP95Ms, sloMs, windowSeconds, alertsUnaccounted } = figures;
  const why = healthProblems(figures);
  if (!loaded) why.push("the manifest is still being loaded");
  if (alertsUnaccounted !== 0) why.push(`${alertsUnaccounted} alerts are not accounted for`);
  if (lagP95Ms !== null && lagP95Ms > sloMs) {
    why.push(
      `checks are late: P95 of the schedule lag is ${lagP95Ms} ms over the last ${windowSeconds} s (SLO ${sloMs} ms)`,
    );
  }
  return why;
}

function statusFigures({ world, metrics, window }: Attached) {
  const byState = Object.fromEntries(STATES.map((name, state) => [name, metrics.value("monitors", [state])]));
  return {
    monitors: { total: world.monitors, byState },
    checksPerSecond: rounded(window.rate("checks")),
    lagMs: quantilesMs(window.histogram("scheduleLag", [])),
    latencyMs: quantilesMs(window.histogram("checkLatency", [])),
    incidentsOpen: metrics.value("incidentsOpen", []),
    alertsPending: metrics.value("alertsPending", []),
    protection: protectionReport(metrics),
  };
}

function protectionReport(metrics: MetricsView): ProtectionReport {
  const guard: { scope: string; state: "suspect" | "releasing" }[] = [];
  for (const [index, scope] of metrics.scopes.entries()) {
    const state = metrics.value("guard", [index]);
    if (state !== 0) guard.push({ scope, state: state === 1 ? "suspect" : "releasing" });
  }
  const canaries = CANARIES.map((name, index) => {
    const value = metrics.value("canary", [index]);
    return [name, value < 0 ? null : value === 1] as const;
  });
  return {
    frozen: metrics.value("frozen", []) === 1,
    repairsWaiting: metrics.value("repairsWaiting", []),
    guard,
    canaries: Object.fromEntries(canaries),
  };
}

function buildReport({ version, runtime, revision, startedAtMs }: BuildInfo, wallMs: number) {
  const startedAt = new Date(startedAtMs).toISOString();
  return {
    version,
    runtime,
    revision,
    startedAt,
    uptimeSeconds: Math.max(0, Math.floor((wallMs - startedAtMs) / 1000)),
  };
}

function pipelineReport(at: Attached, { name, index }: { name: string; index: number }): PipelineReport {
  const value = (metric: EngineMetric) => at.metrics.value(metric, [index]);
  const predicted = (percentile: number) =>
    rounded(at.metrics.value("predictedWait", [index, percentile]) * 1000);
  return {
    pipeline: name,
    workers: value("workers"),
    slots: value("slots"),
    busy: value("busy"),
    workerRestarts: value("workerRestarts"),
    queue: {
      depth: value("queueDepth"),
      capacity: value("queueCapacity"),
      enqueued: value("enqueued"),
      dequeued: value("dequeued"),
      deferred: value("deferred"),
      waitMs: quantilesMs(at.window.histogram("queueWait", [index])),
    },
    sizing: {
      arrivalRate: rounded(value("arrivalRate")),
      serviceMs: rounded(value("serviceSeconds") * 1000),
      ca2: rounded(value("ca2")),
      cs2: rounded(value("cs2")),
      targetSlots: value("targetSlots"),
      targetWorkers: value("targetWorkers"),
      predictedWaitMs: { p50: predicted(0), p95: predicted(1), p99: predicted(2) },
      sloMs: rounded(value("slo") * 1000),
    },
  };
}
