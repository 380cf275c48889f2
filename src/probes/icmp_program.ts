/** Echo requests by the system's ping program (iputils or busybox), for where libc cannot be called. */
import { minimalEnvironment } from "../net/command.ts";
import { runProcess } from "../net/process.ts";
import type { ProbeResult } from "../model/plugin.ts";
import type { SharedIcmpConfig } from "./icmp_config.ts";
import { perfdataOf, verdictOf } from "./icmp_raw.ts";

export interface PingRequest {
  readonly address: string;
  readonly config: SharedIcmpConfig;
  readonly timeoutMs: number;
}

const OUTPUT_LIMIT_BYTES = 16 * 1024;

/** Never rejects. */
export async function runPingProgram(request: PingRequest, signal: AbortSignal): Promise<ProbeResult> {
  const { address, config, timeoutMs } = request;
  const result = await runProcess({
    argv: pingCommand(request),
    env: { ...minimalEnvironment(), LC_ALL: "C" },
    // It ends by itself, with its summary, before.
    timeoutMs: timeoutMs + 500,
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    leftovers: "kill",
    settle: "at_deadline",
  }, signal);
  const summary = parsePingSummary(result.output);
  if (summary === undefined) {
    if (result.stopped !== undefined) {
      return { outcome: "fail", reason: "response_timeout", value: Math.round(timeoutMs) };
    }
    const text = result.end.kind === "spawn_error" ? result.end.text : result.errorOutput.trim();
    return { outcome: "local", reason: "local_permission", value: 0, text: `ping ${address}: ${text}` };
  }
  const tally = { ...summary, timeoutMs, error: undefined, droppedHere: false };
  return { ...verdictOf(tally, config), perfdata: perfdataOf(tally) };
}

export function pingCommand({ address, config, timeoutMs }: PingRequest): [string, ...string[]] {
  const intervalMs = Math.min(config.intervalMs, timeoutMs / (config.count + 1));
  return [
    "ping",
    "-n",
    "-q",
    "-c",
    String(config.count),
    "-i",
    // Less is root's privilege (iputils: 2 ms).
    Math.max(0.2, intervalMs / 1000).toFixed(3),
    "-w",
    String(Math.max(1, Math.ceil(timeoutMs / 1000))),
    ...(config.source === "" ? [] : ["-I", config.source]),
    address,
  ];
}

export interface PingSummary {
  readonly count: number;
  readonly answered: number;
  readonly rttLeastUs: number;
  readonly rttMeanUs: number;
  readonly rttMostUs: number;
}

/** The last lines: "3 packets transmitted, 2 received, …" and "rtt min/avg/max/mdev = 0.03/0.04/0.05/0.0 ms". */
export function parsePingSummary(output: string): PingSummary | undefined {
  const counts = /(\d+) packets transmitted, (\d+) (?:packets )?received/.exec(output);
  if (counts === null) return undefined;
  const times = /= ([\d.]+)\/([\d.]+)\/([\d.]+)/.exec(output);
  const us = (index: number) => Math.round(Number(times?.[index] ?? 0) * 1000);
  return {
    count: Math.max(1, Number(counts[1])),
    answered: Math.min(Number(counts[1]), Number(counts[2])),
    rttLeastUs: us(1),
    rttMeanUs: us(2),
    rttMostUs: us(3),
  };
}
