/**
 * `cpra demo`: a mock fleet in this process and cpra on it, with targets failing and being repaired before one's eyes. The
 * same app as a run, on the same manifest form; only the targets and the sink of the alerts are its own.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type App, createApp } from "../app.ts";
import { SYSTEM_CLOCK } from "../base/clock.ts";
import { createLogger } from "../base/log.ts";
import { seededRandom } from "../base/prng.ts";
import type { LifeEvent } from "../engine/monitor_life.ts";
import { openWakes } from "../host/eventfd.ts";
import { LANES } from "../lanes/lane.ts";
import { streamManifests } from "../manifest/load.ts";
import { resolveSettings } from "../manifest/settings.ts";
import { type Color, COLORS } from "../model/color.ts";
import { type StateName, STATES } from "../model/state.ts";
import { formatListenAddress, parseListenAddress } from "../server/listen_address.ts";
import { quantileUs } from "../telemetry/histogram.ts";
import { ALERT_SENT, INTERVENTION_FAILED, INTERVENTION_SUCCEEDED } from "../telemetry/metric_table.ts";
import { buildInfo } from "./build_info.ts";
import type { DemoOptions } from "./command.ts";
import { type DemoFleetThread, startDemoFleet } from "./demo_fleet.ts";
import { DEMO_REPAIRED, demoManifest, demoSchedule } from "./demo_plan.ts";
import { processTerminal, showDemo } from "./demo_screen.ts";
import type { DemoSnapshot, DemoTransition } from "./demo_view.ts";
import { createFleetLoad } from "./fleet_load.ts";
import type { Io } from "./io.ts";
import { laneSettings, thisMachine } from "./lane_settings.ts";
import type { ProgramContext } from "./program_context.ts";
import { logShutdown } from "./shutdown_report.ts";
import { stopSignal } from "./signals.ts";

const TRANSITIONS_KEPT = 40;
const RATE_WINDOW_MS = 5000;
/** The failures of the demo are small and have nothing in common: repairs may run at once, so that one can watch them. */
const DEMO_SETTINGS = {
  remediation: {
    hold: 0,
    cooldown: 0,
    attempts_per_day: 1_000_000,
    at_once: 64,
    group_pct: 1,
    fleet_per_minute_min: 1000,
  },
  guard: { enabled: false },
};

/** Exit code: 0 after a signal or the duration, 1 when it cannot start. */
export async function runDemo(options: DemoOptions, context: ProgramContext, io: Io): Promise<number> {
  const address = parseListenAddress(options.listen);
  if (address === undefined) {
    io.err(`error: --listen is ${JSON.stringify(options.listen)}; expected HOST:PORT`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), "cpra-demo-"));
  const own = Math.min(DEMO_REPAIRED, Math.floor(options.monitors / 2));
  let targets: DemoFleetThread;
  try {
    const fleet = {
      ports: [0],
      count: options.monitors - own,
      own,
      ownPort: 0,
      control: 0,
      seed: options.seed,
    };
    targets = await startDemoFleet(context.makeTargets(), fleet, (error) => io.err(`mock fleet: ${error}`));
  } catch (error) {
    io.err(`Cannot start the demo: ${(error as Error).message}`);
    return 1;
  }
  const stop = stopSignal({ afterMs: options.durationMs });
  try {
    return await play({ options, context, io, targets, folder, address, signal: stop.signal });
  } finally {
    stop.dispose();
    await targets.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Play {
  readonly options: DemoOptions;
  readonly context: ProgramContext;
  readonly io: Io;
  readonly targets: DemoFleetThread;
  readonly folder: string;
  readonly address: { readonly hostname: string; readonly port: number };
  readonly signal: AbortSignal;
}

async function play({ options, context, io, targets, folder, address, signal }: Play): Promise<number> {
  const { settings } = resolveSettings([DEMO_SETTINGS], { cores: availableParallelism() });
  const log = createLogger({
    level: "warn",
    format: "text",
    sink: (line) => io.err(line),
    wallMs: SYSTEM_CLOCK.wallMs,
  });
  const transitions: DemoTransition[] = [];
  const startedMs = SYSTEM_CLOCK.monoMs();
  const createWake = await openWakes();
  const app = createApp({
    createWake,
    registries: context.registries,
    makeWorker: context.makeWorker,
    makeServer: context.makeServer,
    log,
    clock: SYSTEM_CLOCK,
    random: Math.random,
    build: buildInfo(),
    commandLine: context.commandLine,
    maxMonitors: options.monitors,
    sloMs: settings.pipelines.pulse.sizingSloMs,
    listen: [{ ...address, pprof: true, option: "--listen" }],
    protection: settings,
    delivery: settings,
    observe: (event) => keep(transitions, event),
  });
  let url: string;
  try {
    url = (await app.listen())[0] as string;
  } catch (error) {
    io.err(`Cannot start the demo: ${(error as Error).message}`);
    return 1;
  }
  const fleet = createFleetLoad(context.registries);
  const manifest = join(folder, "demo.jsonl");
  const lines = [
    ...demoManifest({ targets, notify: "log", notifyConfig: { file: join(folder, "alerts.log") } }),
  ];
  writeFileSync(manifest, lines.map((line) => JSON.stringify(line)).join("\n"));
  const loaded = await streamManifests([manifest], { registries: context.registries, env: {} }, (monitor) => {
    fleet.add(monitor);
    app.add(monitor);
  });
  if (!loaded.ok) throw new Error(`the demo's own manifest is wrong: ${JSON.stringify(loaded.problems[0])}`);
  const machine = thisMachine({ raw: createWake !== undefined });
  app.start(laneSettings(settings, { fleet, machine, channels: app.world.channels.length }));
  const breaking = breakTargets({ targets, options, signal });
  const snapshot = createSnapshot({ app, url: url || formatListenAddress(address), startedMs, transitions });
  await showDemo({ snapshot, terminal: processTerminal }, signal);
  await breaking;
  const stoppingMs = SYSTEM_CLOCK.monoMs();
  const clean = await app.stop({ checksMs: 3000, sendsMs: 15_000 });
  const words = createLogger({
    level: "info",
    format: "text",
    sink: (line) => io.out(line),
    wallMs: SYSTEM_CLOCK.wallMs,
  });
  const nowMs = SYSTEM_CLOCK.monoMs();
  logShutdown(words, {
    metrics: app.metrics,
    upMs: stoppingMs - startedMs,
    stopMs: nowMs - stoppingMs,
    clean,
  });
  return 0;
}

/** Goes through the seeded schedule until the signal fires. */
async function breakTargets(
  { targets, options, signal }: Pick<Play, "targets" | "options" | "signal">,
): Promise<void> {
  const own = Math.min(DEMO_REPAIRED, Math.floor(options.monitors / 2));
  for (const failure of demoSchedule(seededRandom(options.seed), { shared: options.monitors - own, own })) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, failure.afterMs);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
    });
    if (signal.aborted) return;
    targets.set(failure.index, failure.fault, failure.terms);
  }
}

function keep(transitions: DemoTransition[], { wallMs, monitor, from, to, incident }: LifeEvent): void {
  if (from === "pending" && to === "up") return;
  const repair = to === "verifying" || to === "repairing" ? incident?.tried.at(-1) : undefined;
  const detail = to === "up" ? "" : repair ?? incident?.error ?? "";
  transitions.unshift({ wallMs, monitor, from: from as StateName, to: to as StateName, detail });
  if (transitions.length > TRANSITIONS_KEPT) transitions.pop();
}

interface SnapshotSource {
  readonly app: App;
  readonly url: string;
  readonly startedMs: number;
  readonly transitions: readonly DemoTransition[];
}

function createSnapshot({ app, url, startedMs, transitions }: SnapshotSource): () => DemoSnapshot {
  const { metrics } = app;
  const samples: { readonly atMs: number; readonly checks: number }[] = [];
  const quantileMs = (metric: "scheduleLag" | "checkLatency", q: number) =>
    (quantileUs(metrics.histogram(metric, []), q) ?? 0) / 1000;
  return () => {
    const nowMs = SYSTEM_CLOCK.monoMs();
    const checks = metrics.total("checks");
    samples.push({ atMs: nowMs, checks });
    while (samples.length > 2 && nowMs - (samples[0] as { atMs: number }).atMs > RATE_WINDOW_MS) {
      samples.shift();
    }
    const first = samples[0] as { readonly atMs: number; readonly checks: number };
    const seconds = (nowMs - first.atMs) / 1000;
    const states = STATES.map((state, index) => [state, metrics.value("monitors", [index])]);
    return {
      address: url,
      uptimeMs: nowMs - startedMs,
      monitors: app.world.count,
      states: Object.fromEntries(states) as Record<StateName, number>,
      checksTotal: checks,
      checksPerSecond: seconds > 0 ? (checks - first.checks) / seconds : 0,
      checkP95Ms: quantileMs("checkLatency", 0.95),
      lagMs: {
        p50: quantileMs("scheduleLag", 0.5),
        p95: quantileMs("scheduleLag", 0.95),
        p99: quantileMs("scheduleLag", 0.99),
      },
      pipelines: app.engine.pipelines.map(({ pool, stats, out, lane }) => ({
        name: lane,
        queueDepth: stats.depth,
        workers: pool.threads,
        slots: pool.slots,
        busy: out,
      })),
      repairs: {
        running: app.engine.pipelines[LANES.indexOf("intervention")]?.out ?? 0,
        succeeded: metrics.labelTotal("interventions", 1, INTERVENTION_SUCCEEDED),
        failed: metrics.labelTotal("interventions", 1, INTERVENTION_FAILED),
      },
      alerts: Object.fromEntries(COLORS.map((color) => [color, sentOf(app, color)])) as Record<Color, number>,
      alertsWaiting: metrics.total("alertsPending"),
      transitions,
    };
  };
}

/** Alerts of one colour that a channel took. */
function sentOf(app: App, color: Color): number {
  let sum = 0;
  for (let channel = 0; channel < app.world.channels.length; channel++) {
    sum += app.metrics.value("alerts", [channel, COLORS.indexOf(color), ALERT_SENT]);
  }
  return sum;
}
