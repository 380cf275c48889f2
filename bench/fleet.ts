/**
 * Checks done ÷ due, lateness and cost per check on the mock fleet: `deno run -A bench/fleet.ts [monitors] [interval s]
 * [seconds] [hung]`; environment: MIX=tcp:100, TARGET=cheap (bench/target.c). New connection per check; 10,000 monitors at 5 s for two minutes by default. `hung` targets never answer.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type RunningFleet, sleep, startCpra, startFleet, sumOf } from "./fleet_run.ts";
import { startTarget } from "./raw_loop.ts";

export interface FleetBench {
  readonly monitors: number;
  readonly intervalSeconds: number;
  readonly seconds: number;
  readonly hung: number;
  readonly mix: string;
  /** bench/target.c instead of the mock fleet, which cannot keep up with 10,000 connections a second; has no faults. */
  readonly cheap?: boolean;
}

export interface FleetFigures {
  readonly checksPerSecond: number;
  readonly doneOfDue: number;
  readonly missed: number;
  readonly passed: number;
  readonly failed: number;
  readonly local: number;
  readonly lagMs: readonly (number | null)[];
  readonly latencyMs: readonly (number | null)[];
  readonly cpuUsPerCheck: number;
  readonly rssMb: number;
  readonly slots: number;
  readonly workers: number;
  readonly load: number;
  readonly exitCode: number | null;
}

const PORT = 18_280;
const WARM_UP_MS = 8000;

export async function benchFleet(bench: FleetBench): Promise<FleetFigures> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  await using fleet = await (bench.cheap === true ? startCheapFleet(PORT) : startFleet({ port: PORT }));
  const manifest = join(folder, "fleet.jsonl");
  const root = new URL("..", import.meta.url).pathname;
  const { monitors, intervalSeconds, mix } = bench;
  const generate = [
    "generate",
    "--count",
    String(monitors),
    "--interval",
    `${intervalSeconds}s`,
    "--timeout",
  ];
  const terms = [
    `${Math.min(5, intervalSeconds)}s`,
    "--mix",
    mix,
    "--format",
    "jsonl",
    "--port",
    String(fleet.port),
  ];
  spawnSync(`${root}cpra`, [...generate, ...terms, "--out", manifest]);
  if (bench.hung > 0) {
    const fault = { match: { range: [0, bench.hung - 1] }, fault: { kind: "hang" } };
    await fetch(`${fleet.control}/faults`, { method: "POST", body: JSON.stringify(fault) });
  }
  await using cpra = await startCpra(["--yaml", manifest]);
  await sleep(WARM_UP_MS);
  const [before, cpuBefore, startedMs] = [await cpra.metrics(), cpra.cpuUs(), performance.now()];
  await sleep(bench.seconds * 1000);
  const [after, cpuAfter, endedMs] = [await cpra.metrics(), cpra.cpuUs(), performance.now()];
  const { lagMs, latencyMs } = await cpra.status();
  const grown = (name: string) => sumOf(after, name) - sumOf(before, name);
  const outcome = (name: string) =>
    [...after].filter(([series]) =>
      series.startsWith("cpra_checks_total{") && series.includes(`outcome="${name}"`)
    )
      .reduce((sum, [series, value]) => sum + value - (before.get(series) ?? 0), 0);
  const rssMb = cpra.rssBytes() / 1e6;
  const exitCode = await cpra.stop();
  rmSync(folder, { recursive: true });
  const done = grown("cpra_checks_total");
  return {
    checksPerSecond: done / ((endedMs - startedMs) / 1000),
    doneOfDue: done / grown("cpra_checks_due_total"),
    missed: grown("cpra_checks_missed_total"),
    passed: outcome("pass"),
    failed: outcome("fail"),
    local: outcome("local"),
    lagMs: [lagMs.p50, lagMs.p95, lagMs.p99],
    latencyMs: [latencyMs.p50, latencyMs.p95, latencyMs.p99],
    cpuUsPerCheck: (cpuAfter - cpuBefore) / done,
    rssMb,
    slots: after.get('cpra_slots{pipeline="pulse"}') ?? 0,
    workers: after.get('cpra_workers{pipeline="pulse"}') ?? 0,
    load: loadavg()[0] as number,
    exitCode,
  };
}

async function startCheapFleet(port: number): Promise<RunningFleet> {
  const target = startTarget(port);
  if (!await target.ready) throw new Error("Cannot build or start bench/target.c: is cc installed?");
  return { port, control: "", [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
}

if (import.meta.main) {
  const [monitors = 10_000, intervalSeconds = 5, seconds = 120, hung = 0] = process.argv.slice(2).map(Number);
  const figures = await benchFleet({
    monitors,
    intervalSeconds,
    seconds,
    hung,
    mix: process.env["MIX"] ?? "http:100",
    cheap: process.env["TARGET"] === "cheap",
  });
  process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`);
}
