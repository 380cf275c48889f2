/** Runs a probe in a test as the pulse lane does: schema, split, JSON, deadline. */
import type { Probe, ProbeResult } from "../../src/model/plugin.ts";

export interface Checked extends ProbeResult {
  readonly tookMs: number;
}

export async function check<Config>(
  probe: Probe<Config>,
  config: unknown,
  options: { timeoutMs?: number; monitor?: string } = {},
): Promise<Checked> {
  const { target, shared } = probe.split(probe.schema.parse(config));
  const timeoutMs = options.timeoutMs ?? 5000;
  const startedMs = performance.now();
  const request = {
    monitor: options.monitor ?? "m",
    target,
    config: JSON.parse(JSON.stringify(shared)) as unknown,
    timeoutMs,
  };
  const result = await probe.run(request, AbortSignal.timeout(timeoutMs));
  return { ...result, tookMs: performance.now() - startedMs };
}

/** Outcome, reason and value in one line, for comparisons that read well when they fail. */
export function verdict(result: ProbeResult): string {
  return `${result.outcome} ${result.reason} ${result.value}`;
}

/** Validation's messages, "" when the configuration is good. */
export function refusal<Config>(probe: Probe<Config>, config: unknown): string {
  const parsed = probe.schema.safeParse(config);
  return parsed.success
    ? ""
    : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
}
