/**
 * Waits for signals instead of asking: a job calls its URL, `/ping/TOKEN`, when it has ended, `/ping/TOKEN/start` when it
 * begins, `/ping/TOKEN/fail` or `/ping/TOKEN/EXITCODE` when it failed, as healthchecks.io takes them (its "Pinging API").
 * The server receives, the engine judges; signals are kept over restarts. A signal makes its monitor be judged at once,
 * its absence is seen at the monitor's interval.
 */
import { formatDuration } from "../base/duration.ts";
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import type { JudgedProbe, JudgeFacts, ProbeResult } from "../model/plugin.ts";
import { signalTarget } from "../model/signal.ts";

interface PushConfig {
  readonly token: string;
  /** Longest time between two signals, ms. */
  readonly period: number;
  /** On top of it, before silence is a failure, ms. */
  readonly grace: number;
  /** Longest time from a start to its end, ms. */
  readonly maxRun: number;
}

type SharedConfig = Omit<PushConfig, "token">;

const GRACE_MS_DEFAULT = 60_000;

export const PUSH: JudgedProbe<PushConfig> = {
  kind: "push",
  aliases: ["heartbeat"],
  summary: "heartbeat: a job calls /ping/TOKEN (/start, /fail, /EXITCODE) in time",
  schema: z.strictObject({
    token: z.string().regex(/^[A-Za-z0-9_-]{16,128}$/, "expected 16 to 128 letters, digits, _ or -"),
    period: durationField(),
    grace: durationField({ zero: true }).default(GRACE_MS_DEFAULT),
    max_run: durationField().optional(),
  }).transform(({ max_run: maxRun, ...config }): PushConfig => ({
    ...config,
    maxRun: maxRun ?? config.period + config.grace,
  })),
  example: `name: nightly-backup
pulse_check:
  type: push
  interval: 30s
  config:
    token: choose-your-own-0123456789
    period: 24h
    grace: 1h
    max_run: 2h
`,
  descriptors: 0,
  estimateMs: 0.01,
  takesSignals: true,
  split: ({ token, ...shared }) => ({ target: signalTarget(token), shared }),
  watches: () => [],
  judge,
};

function judge({ config, nowMs, signals }: JudgeFacts): ProbeResult | undefined {
  const { period, grace, maxRun } = config as SharedConfig;
  const { okMs = -Infinity, failMs = -Infinity, startMs = -Infinity, sinceMs, awakeMs } = signals;
  if (failMs > okMs) return fail("reported", signals.code, signals.text);
  if (startMs > okMs && nowMs - startMs > maxRun) {
    return fail("unfinished", seconds(nowMs - startMs), `longer than ${formatDuration(maxRun)}`);
  }
  const lastMs = Math.max(okMs, sinceMs);
  // What was signalled while nobody listened is not known: silence counts again when a grace has passed since.
  const deadlineMs = Math.max(lastMs + period + grace, awakeMs + grace);
  if (nowMs > deadlineMs) {
    return fail("silent", seconds(nowMs - lastMs), `expected every ${formatDuration(period)}`);
  }
  if (okMs === -Infinity) return undefined;
  const text = `last signal ${seconds(nowMs - okMs)} s ago${startMs > okMs ? ", running" : ""}`;
  return { outcome: "pass", reason: "none", value: 0, text };
}

function fail(reason: "reported" | "unfinished" | "silent", value: number, text: string): ProbeResult {
  return { outcome: "fail", reason, value, ...(text === "" ? {} : { text }) };
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
