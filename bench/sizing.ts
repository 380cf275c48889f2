/**
 * Does the sizing's model hold? The wait for a slot that it predicts beside the wait that was measured, while the arrivals
 * double (half of the fleet is checked in the second half of each period only, see phasedNames) and then the service time
 * triples (the targets answer later).
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostOfSlot } from "../mock-servers/target_addresses.ts";
import { sleep, TARGET_CORE } from "./child.ts";
import { startCpra } from "./cpra_run.ts";
import { PULSE } from "./fleet.ts";
import { type MonitorLine, phasedNames, writeManifest } from "./manifest_file.ts";
import { grown, type Metrics, quantileMs, sumOf } from "./metrics.ts";
import type { Report } from "./report.ts";
import { startTarget, type Target } from "./target.ts";

export interface SizingOptions {
  /** Of the half that is always there; the other half has as many. */
  readonly checksPerSecond: number;
  readonly serviceMs: number;
  /** Arrivals are doubled in the second half of each. */
  readonly periodSeconds: number;
  readonly sampleSeconds: number;
}

/** One sample: what was predicted at its start, what was measured within it. */
interface Sample {
  readonly atSeconds: number;
  readonly phase: string;
  readonly arrivals: number;
  readonly serviceMs: number;
  readonly slots: number;
  readonly predictedP95Ms: number;
  readonly measuredP95Ms: number;
  readonly measuredMeanMs: number;
}

export async function benchSizing(options: SizingOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  try {
    await using target = await startTarget({ core: TARGET_CORE });
    await target.delay(options.serviceMs);
    const manifest = join(folder, "fleet.jsonl");
    writeManifest(manifest, sizingLines(options, target));
    const config = join(folder, "settings.yaml");
    writeFileSync(config, "pulse:\n  min_slots: 1\n");
    await untilPeriod(options.periodSeconds);
    await using cpra = await startCpra({ manifest, config });
    const samples: Sample[] = [];
    const beganMs = performance.now();
    const take = async (periods: number, service: string) => {
      let before = await cpra.metrics();
      const endMs = performance.now() + periods * options.periodSeconds * 1000 - options.sampleSeconds * 1000;
      while (performance.now() < endMs) {
        await sleep(options.sampleSeconds * 1000);
        const after = await cpra.metrics();
        const half = Date.now() / 1000 % options.periodSeconds < options.periodSeconds / 2 ? "λ" : "2λ";
        samples.push(sampleOf({ before, after }, {
          atSeconds: (performance.now() - beganMs) / 1000,
          phase: `${half}, ${service}`,
          seconds: options.sampleSeconds,
        }));
        before = after;
      }
    };
    await take(1, "τ");
    await target.delay(options.serviceMs * 3);
    await take(1, "3τ");
    await cpra.stop();
    return reportOf(options, samples, target);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const STEADY_INTERVAL_SECONDS = 1;

function* sizingLines(
  { checksPerSecond, periodSeconds }: SizingOptions,
  target: Target,
): Generator<MonitorLine> {
  let index = 0;
  const line = (name: string, intervalSeconds: number): MonitorLine => ({
    name,
    type: "http",
    intervalSeconds,
    timeoutSeconds: 1,
    config: { method: "GET", url: `http://${hostOfSlot(index++)}:${target.ports.slow}/health` },
  });
  for (let i = 0; i < checksPerSecond; i++) yield line(`steady-${i}`, STEADY_INTERVAL_SECONDS);
  const count = checksPerSecond * periodSeconds / 2;
  const names = phasedNames({ prefix: "second-half", count, from: 0.5, to: 1 });
  for (const name of names) yield line(name, periodSeconds);
}

/** cpra's lattice starts at 0 of the wall clock. */
async function untilPeriod(periodSeconds: number): Promise<void> {
  const periodMs = periodSeconds * 1000;
  // Starting takes a moment: a little before is best.
  await sleep((2 * periodMs - 500 - Date.now() % periodMs) % periodMs);
}

function sampleOf(
  span: { readonly before: Metrics; readonly after: Metrics },
  { atSeconds, phase, seconds }: {
    readonly atSeconds: number;
    readonly phase: string;
    readonly seconds: number;
  },
): Sample {
  const waits = grown(span, "cpra_queue_wait_seconds_count", [PULSE]);
  return {
    atSeconds,
    phase,
    arrivals: grown(span, "cpra_queue_enqueued_total", [PULSE]) / seconds,
    serviceMs: grown(span, "cpra_check_duration_seconds_sum") /
      grown(span, "cpra_check_duration_seconds_count") * 1000,
    slots: sumOf(span.after, "cpra_slots", [PULSE]),
    predictedP95Ms: sumOf(span.before, "cpra_sizing_predicted_wait_seconds", [PULSE, 'percentile="95"']) *
      1000,
    measuredP95Ms: quantileMs(span, "cpra_queue_wait_seconds", { q: 0.95, labels: [PULSE] }),
    measuredMeanMs: grown(span, "cpra_queue_wait_seconds_sum", [PULSE]) / waits * 1000,
  };
}

function reportOf(options: SizingOptions, samples: readonly Sample[], target: Target): Report {
  const line = (label: string, value: (sample: Sample) => number) => ({
    label,
    points: samples.map((sample) => [sample.atSeconds, value(sample)] as const),
  });
  const x = "seconds";
  return {
    name: "sizing",
    conditions:
      `http, new connection, ${options.checksPerSecond}/s and twice that, service ${options.serviceMs} ms and ` +
      `three times that, SLO 100 ms at P95, headroom 15 %; cpra and targets (${target.made}) on different cores`,
    tables: [{
      title: "Wait for a slot, predicted and measured",
      columns: [
        "s",
        "load",
        "arrivals/s",
        "service ms",
        "slots",
        "predicted P95 ms",
        "measured P95 ms",
        "mean ms",
      ],
      rows: samples.map((sample) => [
        Math.round(sample.atSeconds),
        sample.phase,
        sample.arrivals,
        sample.serviceMs,
        sample.slots,
        sample.predictedP95Ms,
        sample.measuredP95Ms,
        sample.measuredMeanMs,
      ]),
    }],
    charts: [
      {
        kind: "lines",
        title: "P95 of the wait for a slot",
        x,
        y: "ms",
        lines: [line("predicted", (s) => s.predictedP95Ms), line("measured", (s) => s.measuredP95Ms)],
      },
      {
        kind: "lines",
        title: "Load and slots",
        x,
        y: "erlangs, slots",
        lines: [line("offered load", (s) => s.arrivals * s.serviceMs / 1000), line("slots", (s) => s.slots)],
      },
    ],
  };
}
