/** A cpra under measurement: the binary on one core, what it says of itself, and what the kernel says it cost. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { BINARY, CLIENT_CORE, closed, endChild, hasEnded, pinned, poll } from "./child.ts";
import { type Metrics, parseMetrics } from "./metrics.ts";

export interface RunningCpra extends AsyncDisposable {
  readonly pid: number;
  /** From its start to "Controller started successfully", ms. */
  readonly startedMs: number;
  /** What "Monitor loading completed in" says. */
  readonly loading: string;
  log(): string;
  metrics(): Promise<Metrics>;
  cost(): CpraCost;
  /** SIGTERM; its exit code. */
  stop(): Promise<number | null>;
}

export interface CpraCost {
  /** CPU time so far, user and system, µs. */
  readonly cpuUs: number;
  /** The part of the engine thread, which is the process's first. */
  readonly engineUs: number;
  readonly rssBytes: number;
}

export interface CpraOptions {
  readonly manifest: string;
  /** Further settings, as a file of `--config`. */
  readonly config?: string;
  /** Further flags; default: state in memory. */
  readonly args?: readonly string[];
  readonly core?: number | undefined;
  /** For loading, ms. */
  readonly startLimitMs?: number;
}

const TICK_US = 10_000;

export async function startCpra(options: CpraOptions): Promise<RunningCpra> {
  const { manifest, config, args = ["--state", "memory"], core = CLIENT_CORE, startLimitMs = 60_000 } =
    options;
  let log = "";
  const command = [BINARY, "--yaml", manifest, "--pprof.addr", "localhost:0", ...args];
  if (config !== undefined) command.push("--config", config);
  const beganMs = performance.now();
  const child = pinned(command, { core, log: (text) => log += text });
  const url = await poll(() => {
    if (hasEnded(child)) throw new Error(`cpra ended:\n${log}`);
    return /Controller started successfully/.test(log)
      ? /Metrics, API and page at (http:\/\/[^\s/]+)/.exec(log)?.[1]
      : undefined;
  }, { limitMs: startLimitMs, everyMs: 10, otherwise: () => `cpra did not start:\n${log}` });
  const startedMs = performance.now() - beganMs;
  const pid = child.pid as number;
  return {
    pid,
    startedMs,
    loading: /Monitor loading completed in (\S+)/.exec(log)?.[1] ?? "",
    log: () => log,
    metrics: async () => parseMetrics(await (await fetch(`${url}/metrics`)).text()),
    cost: () => ({
      cpuUs: cpuUs(`/proc/${pid}/stat`),
      engineUs: cpuUs(`/proc/${pid}/task/${pid}/stat`),
      rssBytes: rssBytes(pid),
    }),
    async stop() {
      process.kill(pid, "SIGTERM");
      return await closed(child);
    },
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

/** Fields 14 and 15 of stat are clock ticks of 10 ms (proc(5)). */
function cpuUs(path: string): number {
  const stat = readFileSync(path, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) * 1024;
}
