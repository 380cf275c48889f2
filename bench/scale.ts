/** What a monitor costs, from 100,000 to a million of them: memory, the engine's tick, loading. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, sleep, TARGET_CORE } from "./child.ts";
import { startCpra } from "./cpra_run.ts";
import { grown, quantileMs } from "./metrics.ts";
import type { Report } from "./report.ts";
import { startTarget, type Target } from "./target.ts";

export interface ScaleOptions {
  /** Ascending. */
  readonly counts: readonly number[];
  readonly intervalSeconds: number;
  /** What is measured within; every monitor is checked once when this is the interval. */
  readonly seconds: number;
}

interface Point {
  readonly monitors: number;
  readonly startedMs: number;
  readonly rssAtStart: number;
  readonly rssBytes: number;
  readonly tickMeanUs: number;
  readonly tickP99Ms: number;
  readonly doneOfDue: number;
  readonly cpuPercent: number;
  readonly lagP99Ms: number;
}

export async function benchScale(options: ScaleOptions): Promise<Report> {
  await using target = await startTarget({ core: TARGET_CORE });
  const points: Point[] = [];
  for (const monitors of options.counts) points.push(await measure(monitors, options, target));
  const slope = slopeOf(points);
  const first = points[0] as Point;
  return {
    name: "scale",
    conditions:
      `http, new connection, each monitor every ${options.intervalSeconds} s, watched for ${options.seconds} s, ` +
      `JSON lines from \`cpra generate\`; cpra and targets (${target.made}) on different cores`,
    tables: [{
      title: "By number of monitors",
      columns: [
        "monitors",
        "start s",
        "RSS MB loaded",
        "RSS MB checked",
        "bytes/monitor from first",
        "tick mean µs",
        "tick P99 ms",
        "done ÷ due",
        "lag P99 ms",
        "CPU % of core",
      ],
      rows: points.map((point) => [
        point.monitors,
        point.startedMs / 1000,
        point.rssAtStart / 1e6,
        point.rssBytes / 1e6,
        point === first ? null : (point.rssBytes - first.rssBytes) / (point.monitors - first.monitors),
        point.tickMeanUs,
        point.tickP99Ms,
        point.doneOfDue,
        point.lagP99Ms,
        point.cpuPercent,
      ]),
    }],
    charts: [{
      kind: "lines",
      title: "Resident memory",
      x: "monitors",
      y: "MB",
      lines: [{
        label: "RSS",
        points: points.map(({ monitors, rssBytes }) => [monitors, rssBytes / 1e6] as const),
      }],
    }],
    remarks: [`slope of RSS by least squares: ${Math.round(slope)} bytes per monitor`],
  };
}

async function measure(
  monitors: number,
  { intervalSeconds, seconds }: ScaleOptions,
  target: Target,
): Promise<Point> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  try {
    const manifest = join(folder, "fleet.jsonl");
    const terms = [
      "--interval",
      `${intervalSeconds}s`,
      "--timeout",
      "5s",
      "--mix",
      "http:100",
      "--format",
      "jsonl",
    ];
    const where = ["--count", String(monitors), "--port", String(target.ports.ok), "--out", manifest];
    const { status, stderr } = spawnSync(BINARY, ["generate", ...terms, ...where], { encoding: "utf8" });
    if (status !== 0) throw new Error(`cpra generate failed: ${stderr}`);
    await using cpra = await startCpra({ manifest, startLimitMs: 300_000 });
    const [before, costBefore, beganMs] = [await cpra.metrics(), cpra.cost(), performance.now()];
    await sleep(seconds * 1000);
    const [after, cost, endedMs] = [await cpra.metrics(), cpra.cost(), performance.now()];
    await cpra.stop();
    const span = { before, after };
    return {
      monitors,
      startedMs: cpra.startedMs,
      rssAtStart: costBefore.rssBytes,
      rssBytes: cost.rssBytes,
      tickMeanUs: grown(span, "cpra_engine_tick_seconds_sum") /
        grown(span, "cpra_engine_tick_seconds_count") * 1e6,
      tickP99Ms: quantileMs(span, "cpra_engine_tick_seconds", { q: 0.99 }),
      doneOfDue: grown(span, "cpra_checks_total") / grown(span, "cpra_checks_due_total"),
      cpuPercent: (cost.cpuUs - costBefore.cpuUs) / 10 / (endedMs - beganMs),
      lagP99Ms: quantileMs(span, "cpra_schedule_lag_seconds", { q: 0.99 }),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bytes per monitor. */
function slopeOf(points: readonly Point[]): number {
  const mean = (figure: (point: Point) => number) =>
    points.reduce((sum, point) => sum + figure(point), 0) / points.length;
  const [x, y] = [mean((point) => point.monitors), mean((point) => point.rssBytes)];
  const above = mean((point) => (point.monitors - x) * (point.rssBytes - y));
  return above / mean((point) => (point.monitors - x) ** 2);
}
