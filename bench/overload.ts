/**
 * More than one machine can check: for half of each period the fleet asks for `factor` times what a calibration run
 * says cpra can do. The lag must show it, checks may be put off or missed and are counted, nothing may be called down,
 * and when the load falls the lag must be gone within seconds.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostOfSlot } from "../mock-servers/target_addresses.ts";
import { sleep, TARGET_CORE } from "./child.ts";
import { startCpra } from "./cpra_run.ts";
import { type FleetRun, PULSE, runFleet } from "./fleet.ts";
import { type MonitorLine, phasedNames, writeManifest } from "./manifest_file.ts";
import { grown, type Metrics, quantileMs, sumOf } from "./metrics.ts";
import type { Report } from "./report.ts";
import { startTarget, type Target } from "./target.ts";

export interface OverloadOptions {
  /** Measures CPU per check, from which the capacity of one core follows. */
  readonly calibration: FleetRun;
  readonly factor: number;
  readonly periodSeconds: number;
  /** Checks per second there may be at most, whatever the calibration says. */
  readonly rateMax: number;
}

interface Second {
  readonly atSeconds: number;
  readonly due: number;
  readonly done: number;
  readonly missed: number;
  readonly deferred: number;
  readonly failed: number;
  readonly local: number;
  readonly lagP99Ms: number;
  /** From due to result. */
  readonly latencyP99Ms: number;
}

/** Of the capacity, always there. */
const BASE_SHARE = 0.3;
const BASE_INTERVAL_SECONDS = 5;
const RECOVERED_MS = 20;

export async function benchOverload(options: OverloadOptions): Promise<Report> {
  const { calibration, factor, periodSeconds, rateMax } = options;
  await using target = await startTarget({ core: TARGET_CORE });
  const { cpuUsPerCheck } = await runFleet(calibration, target);
  const capacity = Math.min(rateMax / factor, 1e6 / cpuUsPerCheck);
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  try {
    const manifest = join(folder, "fleet.jsonl");
    const rates = { base: capacity * BASE_SHARE, burst: capacity * (factor - BASE_SHARE), periodSeconds };
    const monitors = writeManifest(manifest, overloadLines(rates, target));
    await using cpra = await startCpra({ manifest });
    const periodMs = periodSeconds * 1000;
    await sleep(periodMs - Date.now() % periodMs);
    const seconds: Second[] = [];
    let before = await cpra.metrics();
    for (let second = 1; second <= periodSeconds; second++) {
      await sleep(1000 - Date.now() % 1000);
      const after = await cpra.metrics();
      seconds.push(secondOf(second, { before, after }));
      before = after;
    }
    const down = sumOf(before, "cpra_monitors", ['state="down"']);
    await cpra.stop();
    return reportOf({ options, capacity, monitors, seconds, down, target });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Rates {
  readonly base: number;
  readonly burst: number;
  readonly periodSeconds: number;
}

/** The burst fills the first half of the period. */
function* overloadLines({ base, burst, periodSeconds }: Rates, target: Target): Generator<MonitorLine> {
  let index = 0;
  const line = (name: string, intervalSeconds: number): MonitorLine => ({
    name,
    type: "http",
    intervalSeconds,
    timeoutSeconds: 2,
    config: { method: "GET", url: `http://${hostOfSlot(index++)}:${target.ports.ok}/health` },
  });
  const steady = Math.round(base * BASE_INTERVAL_SECONDS);
  for (let i = 0; i < steady; i++) yield line(`steady-${i}`, BASE_INTERVAL_SECONDS);
  const count = Math.round(burst * periodSeconds / 2);
  for (const name of phasedNames({ prefix: "burst", count, from: 0, to: 0.5 })) {
    yield line(name, periodSeconds);
  }
}

function secondOf(atSeconds: number, span: { readonly before: Metrics; readonly after: Metrics }): Second {
  const outcome = (name: string) => grown(span, "cpra_checks_total", [`outcome="${name}"`]);
  return {
    atSeconds,
    due: grown(span, "cpra_checks_due_total"),
    done: grown(span, "cpra_checks_total"),
    missed: grown(span, "cpra_checks_missed_total"),
    deferred: grown(span, "cpra_deferred_total", [PULSE]),
    failed: outcome("fail"),
    local: outcome("local"),
    lagP99Ms: quantileMs(span, "cpra_schedule_lag_seconds", { q: 0.99 }),
    latencyP99Ms: quantileMs(span, "cpra_check_latency_seconds", { q: 0.99 }),
  };
}

interface Result {
  readonly options: OverloadOptions;
  readonly capacity: number;
  readonly monitors: number;
  readonly seconds: readonly Second[];
  readonly down: number;
  readonly target: Target;
}

function reportOf({ options, capacity, monitors, seconds, down, target }: Result): Report {
  const half = options.periodSeconds / 2;
  const sum = (figure: (second: Second) => number, from: number, to: number) =>
    seconds.filter((each) => each.atSeconds > from && each.atSeconds <= to)
      .reduce((total, each) => total + figure(each), 0);
  const worst = (figure: (second: Second) => number, from: number, to: number) =>
    Math.max(...seconds.filter((s) => s.atSeconds > from && s.atSeconds <= to).map((s) => figure(s) || 0));
  const recovered = seconds.find((each) => each.atSeconds > half && each.latencyP99Ms <= RECOVERED_MS);
  const row = (name: string, from: number, to: number) => [
    name,
    sum((s) => s.due, from, to) / (to - from),
    sum((s) => s.done, from, to) / (to - from),
    sum((s) => s.missed, from, to),
    sum((s) => s.deferred, from, to),
    sum((s) => s.failed, from, to),
    sum((s) => s.local, from, to),
    worst((s) => s.lagP99Ms, from, to),
    worst((s) => s.latencyP99Ms, from, to),
  ];
  const line = (label: string, value: (second: Second) => number) => ({
    label,
    points: seconds.map((each) => [each.atSeconds, value(each)] as const),
  });
  return {
    name: "overload",
    conditions:
      `http, new connection, ${monitors} monitors; one core can do ${Math.round(capacity)} checks/s; ` +
      `${options.factor}× that for ${half} s, ${BASE_SHARE}× after; cpra and targets (${target.made}) on different cores`,
    tables: [{
      title: "Overload and recovery",
      columns: [
        "time",
        "due/s",
        "done/s",
        "missed",
        "deferred",
        "failed",
        "local",
        "worst P99 due→result ms",
      ],
      rows: [row(`${options.factor}× load`, 0, half), row("after", half, options.periodSeconds)],
    }],
    charts: [{
      kind: "lines",
      title: "P99 under overload",
      x: "seconds",
      y: "ms",
      lines: [line("due → result", (s) => s.latencyP99Ms), line("schedule lag", (s) => s.lagP99Ms)],
    }],
    remarks: [
      `false DOWN: ${down}`,
      recovered === undefined
        ? `P99 from due to result was not below ${RECOVERED_MS} ms again within ${half} s`
        : `P99 from due to result below ${RECOVERED_MS} ms again ${
          recovered.atSeconds - half
        } s after the load fell`,
    ],
  };
}
