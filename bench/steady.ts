/**
 * Whether memory stands still: `bun bench/steady.ts [seconds] [checks a second] [mode]`, ten minutes at 10,000 new connections
 * a second by default. Needs ./cpra; as root in a network namespace of its own. Prints RSS at each tenth of the time, once
 * the start has settled, and the slope of a line through all samples.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { sleep, TARGET_CORE } from "./child.ts";
import { startCpra } from "./cpra_run.ts";
import { fleetLines, type Mode, MODES } from "./fleet.ts";
import { writeManifest } from "./manifest_file.ts";
import { grown } from "./metrics.ts";
import { inOwnNetwork, runToEnd } from "./network.ts";
import { startTarget } from "./target.ts";

export interface SteadyRun {
  readonly mode: Mode;
  readonly seconds: number;
  readonly checksPerSecond: number;
  /** Before the first sample. */
  readonly settleSeconds: number;
}

export interface SteadyFigures {
  readonly checksPerSecond: number;
  readonly notPassed: number;
  /** At each tenth of the time. */
  readonly rssMb: readonly number[];
  /** Of a line through all samples by least squares. */
  readonly slopeMbPerMinute: number;
  readonly load: number;
}

const INTERVAL_SECONDS = 5;

export async function benchSteady(run: SteadyRun): Promise<SteadyFigures> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-steady-"));
  try {
    await using target = await startTarget({ core: TARGET_CORE });
    const manifest = join(folder, "fleet.jsonl");
    const monitors = run.checksPerSecond * INTERVAL_SECONDS;
    const fleet = {
      ...run,
      monitors,
      intervalSeconds: INTERVAL_SECONDS,
      timeoutSeconds: 2,
      warmUpSeconds: 0,
    };
    writeManifest(manifest, fleetLines(fleet, target));
    await using cpra = await startCpra({ manifest });
    await sleep(run.settleSeconds * 1000);
    const before = await cpra.metrics();
    const samples: { readonly minute: number; readonly mb: number }[] = [];
    const startedMs = performance.now();
    while (performance.now() - startedMs < run.seconds * 1000) {
      samples.push({ minute: (performance.now() - startedMs) / 60_000, mb: cpra.cost().rssBytes / 1e6 });
      await sleep(1000);
    }
    const span = { before, after: await cpra.metrics() };
    const done = grown(span, "cpra_checks_total");
    const tenth = (index: number) => samples[Math.floor(index * (samples.length - 1) / 10)]?.mb ?? 0;
    return {
      checksPerSecond: Math.round(done / ((performance.now() - startedMs) / 1000)),
      notPassed: done - grown(span, "cpra_checks_total", ['outcome="pass"']),
      rssMb: Array.from({ length: 11 }, (_, index) => Math.round(tenth(index) * 10) / 10),
      slopeMbPerMinute: Number(slope(samples).toFixed(3)),
      load: loadavg()[0] as number,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function slope(samples: readonly { readonly minute: number; readonly mb: number }[]): number {
  const mean = (of: (sample: typeof samples[number]) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const minute = mean((sample) => sample.minute);
  const mb = mean((sample) => sample.mb);
  const spread = mean((sample) => (sample.minute - minute) ** 2);
  return spread === 0 ? 0 : mean((sample) => (sample.minute - minute) * (sample.mb - mb)) / spread;
}

if (import.meta.main) {
  const INSIDE = "--inside-own-network";
  const args = process.argv.slice(2).filter((each) => each !== INSIDE);
  const again = [process.execPath, ...process.execArgv, new URL(import.meta.url).pathname, ...args, INSIDE];
  const own = process.argv.includes(INSIDE) ? undefined : inOwnNetwork(again);
  if (own !== undefined) process.exit(await runToEnd(own));
  const [seconds = "600", checksPerSecond = "10000", mode = "http, new connection"] = args;
  const figures = await benchSteady({
    mode: mode in MODES ? mode as Mode : "http, new connection",
    seconds: Number(seconds),
    checksPerSecond: Number(checksPerSecond),
    settleSeconds: 20,
  });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
