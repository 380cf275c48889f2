/**
 * Real checks of a whole fleet: checks done ÷ due, lateness, CPU and memory, for each mode of connection. `deno task bench
 * fleet`; `hung.ts` and others build on one run of it.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostOfSlot } from "../mock-servers/target_addresses.ts";
import { BINARY, sleep, TARGET_CORE } from "./child.ts";
import { type RunningCpra, startCpra } from "./cpra_run.ts";
import { type MonitorLine, writeManifest } from "./manifest_file.ts";
import { grown, quantileMs, type Span, sumOf } from "./metrics.ts";
import type { Report } from "./report.ts";
import { startTarget, type Target } from "./target.ts";

/** How a check reaches its target. A mode that this build of cpra does not know is named as such. */
export const MODES = {
  "http, new connection": { type: "http", config: httpConfig },
  "http, keep-alive": {
    type: "http",
    config: (place: Place) => ({ ...httpConfig(place), keep_alive: true }),
  },
  "tcp connect": { type: "tcp", config: ({ host, port }: Place) => ({ host, port }) },
  "icmp": { type: "icmp", config: ({ host }: Place) => ({ host }) },
} as const;
export type Mode = keyof typeof MODES;

interface Place {
  readonly host: string;
  readonly port: number;
}

export interface FleetRun {
  readonly mode: Mode;
  readonly monitors: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Before the measurement: every target was checked at least once, and sizing has settled. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Of the monitors, so many have a target that accepts and never answers. */
  readonly hung?: number;
}

export interface FleetFigures {
  /** Between the two readings: more than was asked for on a busy machine. */
  readonly seconds: number;
  readonly checksPerSecond: number;
  readonly doneOfDue: number;
  readonly passed: number;
  readonly failed: number;
  readonly local: number;
  readonly missed: number;
  readonly deferred: number;
  readonly cpuUsPerCheck: number;
  /** Of one core. */
  readonly engineShare: number;
  readonly lagMs: readonly [p50: number, p95: number, p99: number];
  readonly latencyMs: readonly [p50: number, p95: number, p99: number];
  readonly rssMb: number;
  readonly slots: number;
  readonly workers: number;
}

export interface FleetOptions {
  readonly runs: readonly FleetRun[];
}

export async function benchFleet({ runs }: FleetOptions): Promise<Report> {
  const rows: Report["tables"][number]["rows"][number][] = [];
  await using target = await startTarget({ core: TARGET_CORE });
  for (const run of runs) {
    const figures = knowsMode(run.mode, target) ? await runFleet(run, target) : undefined;
    rows.push([
      run.mode,
      run.monitors,
      run.intervalSeconds,
      ...figures === undefined ? UNKNOWN : cellsOf(figures),
    ]);
  }
  return {
    name: "fleet",
    conditions: `cpra on one core, targets (${target.made}) on another; no retries`,
    tables: [{ title: "Checks of a fleet", columns: ["mode", "monitors", "every s", ...COLUMNS], rows }],
    remarks: rows.some((row) => row[3] === null) ? ["–: a mode that this build does not have"] : [],
  };
}

const COLUMNS = [
  "checks/s",
  "done ÷ due",
  "passed",
  "failed",
  "local",
  "CPU µs/check",
  "engine % of core",
  "lag P50 ms",
  "lag P95",
  "lag P99",
  "due→result P95",
  "P99",
  "RSS MB",
  "slots",
  "threads",
] as const;
const UNKNOWN = COLUMNS.map(() => null);

function cellsOf(figures: FleetFigures): number[] {
  return [
    figures.checksPerSecond,
    figures.doneOfDue,
    figures.passed,
    figures.failed,
    figures.local,
    figures.cpuUsPerCheck,
    figures.engineShare * 100,
    ...figures.lagMs,
    figures.latencyMs[1],
    figures.latencyMs[2],
    figures.rssMb,
    figures.slots,
    figures.workers,
  ];
}

export async function runFleet(run: FleetRun, target: Target): Promise<FleetFigures> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  try {
    const manifest = join(folder, "fleet.jsonl");
    writeManifest(manifest, fleetLines(run, target));
    await using cpra = await startCpra({ manifest });
    await sleep(run.warmUpSeconds * 1000);
    return await watch(cpra, run.seconds);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What cpra did within the next seconds, then stops it. */
async function watch(cpra: RunningCpra, seconds: number): Promise<FleetFigures> {
  const [before, costBefore, startedMs] = [await cpra.metrics(), cpra.cost(), performance.now()];
  await sleep(seconds * 1000);
  const [after, cost, endedMs] = [await cpra.metrics(), cpra.cost(), performance.now()];
  await cpra.stop();
  const span: Span = { before, after };
  const done = grown(span, "cpra_checks_total");
  const outcome = (name: string) => grown(span, "cpra_checks_total", [`outcome="${name}"`]);
  const quantiles = (name: string): [number, number, number] => [
    quantileMs(span, name, { q: 0.5 }),
    quantileMs(span, name, { q: 0.95 }),
    quantileMs(span, name, { q: 0.99 }),
  ];
  const measured = (endedMs - startedMs) / 1000;
  return {
    seconds: measured,
    checksPerSecond: done / measured,
    doneOfDue: done / grown(span, "cpra_checks_due_total"),
    passed: outcome("pass"),
    failed: outcome("fail"),
    local: outcome("local"),
    missed: grown(span, "cpra_checks_missed_total"),
    deferred: grown(span, "cpra_deferred_total", [PULSE]),
    cpuUsPerCheck: (cost.cpuUs - costBefore.cpuUs) / done,
    engineShare: (cost.engineUs - costBefore.engineUs) / 1000 / (endedMs - startedMs),
    lagMs: quantiles("cpra_schedule_lag_seconds"),
    latencyMs: quantiles("cpra_check_latency_seconds"),
    rssMb: cost.rssBytes / 1e6,
    slots: sumOf(after, "cpra_slots", [PULSE]),
    workers: sumOf(after, "cpra_workers", [PULSE]),
  };
}

export const PULSE = 'pipeline="pulse"';

export function* fleetLines(run: FleetRun, target: Target): Generator<MonitorLine> {
  const { type, config } = MODES[run.mode];
  for (let index = 0; index < run.monitors; index++) {
    // Hung ones lie evenly among the others.
    const hung = run.hung !== undefined && Math.floor((index + 1) * run.hung / run.monitors) >
        Math.floor(index * run.hung / run.monitors);
    const place = { host: hostOfSlot(index), port: target.ports[hung ? "hung" : "ok"] };
    const { intervalSeconds, timeoutSeconds } = run;
    yield { name: `m-${index}`, type, intervalSeconds, timeoutSeconds, config: config(place) };
  }
}

function httpConfig({ host, port }: Place): Readonly<Record<string, unknown>> {
  return { method: "GET", url: `http://${host}:${port}/health` };
}

/** Whether this build takes a monitor of that mode. */
function knowsMode(mode: Mode, target: Target): boolean {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  const manifest = join(folder, "one.jsonl");
  const run = { mode, monitors: 1, intervalSeconds: 60, timeoutSeconds: 5, warmUpSeconds: 0, seconds: 0 };
  writeManifest(manifest, fleetLines(run, target));
  const { status } = spawnSync(BINARY, ["validate", manifest]);
  rmSync(folder, { recursive: true });
  return status === 0;
}
