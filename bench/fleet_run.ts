/**
 * One run of the binary on the mock fleet: what it did of what was due, how late, and what it cost. The fleet is another
 * process; on a machine with two or more cores the two are pinned apart.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";

const ROOT = new URL("..", import.meta.url).pathname;

export interface RunningFleet extends AsyncDisposable {
  readonly port: number;
  readonly control: string;
}

export interface RunningCpra extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  log(): string;
  metrics(): Promise<ReadonlyMap<string, number>>;
  status(): Promise<StatusFigures>;
  /** CPU time of the process so far, user and system, µs. */
  cpuUs(): number;
  rssBytes(): number;
  stop(): Promise<number | null>;
}

export interface StatusFigures {
  readonly checksPerSecond: number;
  readonly lagMs: Quantiles;
  readonly latencyMs: Quantiles;
}

interface Quantiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** Pinned to the last core where there is more than one. */
export async function startFleet(
  options: { readonly port: number; readonly own?: number },
): Promise<RunningFleet> {
  const control = options.port + 1;
  const args = [
    "mock",
    "--port",
    String(options.port),
    "--control",
    String(control),
    "--own",
    String(options.own ?? 0),
  ];
  const child = pinned(args, { core: availableParallelism() - 1, log: () => {} });
  await until(async () => (await fetch(`http://127.0.0.1:${control}/stats`)).ok, "the mock fleet");
  return {
    port: options.port,
    control: `http://127.0.0.1:${control}`,
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** Not pinned unless a core is named. */
export async function startCpra(
  args: readonly string[],
  options: { readonly core?: number | undefined } = {},
): Promise<RunningCpra> {
  let log = "";
  const child = pinned([...args, "--pprof.addr", "localhost:0"], {
    core: options.core,
    log: (text) => log += text,
  });
  const pid = child.pid as number;
  let url = "";
  await until(() => {
    if (child.exitCode !== null) throw new Error(`cpra ended:\n${log}`);
    url = /Metrics, API and page at (http:\/\/[^\s/]+)/.exec(log)?.[1] ?? "";
    return Promise.resolve(url !== "" && /Controller started successfully/.test(log));
  }, "cpra");
  return {
    url,
    pid,
    log: () => log,
    metrics: async () => parseMetrics(await (await fetch(`${url}/metrics`)).text()),
    status: async () => await (await fetch(`${url}/api/v1/status`)).json() as StatusFigures,
    cpuUs: () => cpuUs(pid),
    rssBytes: () => rssBytes(pid),
    async stop() {
      process.kill(pid, "SIGTERM");
      return await closed(child);
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

function pinned(
  args: readonly string[],
  { core, log }: { readonly core: number | undefined; readonly log: (text: string) => void },
): ChildProcess {
  const command = core === undefined
    ? [`${ROOT}cpra`, ...args]
    : ["taskset", "-c", String(core), `${ROOT}cpra`, ...args];
  const child = spawn(command[0] as string, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout?.on("data", (chunk) => log(String(chunk)));
  child.stderr?.on("data", (chunk) => log(String(chunk)));
  return child;
}

/** Series (name and labels as written) → value. */
function parseMetrics(text: string): ReadonlyMap<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    series.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return series;
}

export function sumOf(metrics: ReadonlyMap<string, number>, name: string): number {
  let sum = 0;
  for (const [series, value] of metrics) if (series === name || series.startsWith(`${name}{`)) sum += value;
  return sum;
}

/** Fields 14 and 15 of /proc/PID/stat are clock ticks of 10 ms (proc(5)). */
function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) * 1024;
}

async function until(ready: () => Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (
    !await ready().catch((error) => {
      if (error instanceof TypeError) return false;
      throw error;
    })
  ) {
    if (performance.now() > endMs) throw new Error(`${what} did not come up within 60 s`);
    await sleep(50);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function closed(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.on("close", resolve));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) process.kill(child.pid as number, "SIGKILL");
  await closed(child);
}
