/**
 * The raw engine alone, closed loop: `deno run -A bench/raw_loop.ts [seconds] [in flight] [KIND]` or with bun, KIND one of
 * http (a new connection each), http-keep-alive, tcp, icmp. One
 * thread keeps so many checks running against bench/target.c, built with cc and pinned to the last core.
 */
import { loadavg } from "node:os";
import process from "node:process";
import { EFD_NONBLOCK_CLOEXEC, openLibc } from "../src/host/libc.ts";
import { runtimeName } from "../src/host/runtime.ts";
import { PASS } from "../src/model/outcome.ts";
import type { Probe } from "../src/model/plugin.ts";
import { HTTP } from "../src/probes/http.ts";
import { ICMP } from "../src/probes/icmp.ts";
import { createProbeEngine } from "../src/probes/raw_engine.ts";
import { TCP } from "../src/probes/tcp.ts";
import { TARGET_CORE } from "./child.ts";
import { startTarget } from "./target.ts";

export interface RawLoopFigures {
  readonly runtime: string;
  readonly kind: string;
  readonly checksPerSecond: number;
  readonly cpuUsPerCheck: number;
  readonly failed: number;
  readonly serviceUs: readonly number[];
  readonly load: number;
}

const ADDRESSES = 50;

interface Loop {
  readonly probe: Probe;
  readonly config: unknown;
  readonly target: (host: string, port: number) => string;
}

const httpTarget = (host: string, port: number) => `http://${host}:${port}/health/1`;
const LOOPS = {
  http: { probe: HTTP as Probe, config: { url: "http://h/" }, target: httpTarget },
  "http-keep-alive": {
    probe: HTTP as Probe,
    config: { url: "http://h/", "keep_alive": true },
    target: httpTarget,
  },
  tcp: {
    probe: TCP as Probe,
    config: { host: "h", port: 1 },
    target: (host: string, port: number) => `${host}:${port}`,
  },
  icmp: { probe: ICMP as Probe, config: { host: "h" }, target: (host: string) => host },
} as const satisfies Record<string, Loop>;
export type LoopKind = keyof typeof LOOPS;

/** Undefined where there is no FFI. */
export async function benchRawLoop(
  options: {
    readonly seconds: number;
    readonly inFlight: number;
    readonly kind: LoopKind;
  },
): Promise<RawLoopFigures | undefined> {
  const { seconds, inFlight, kind } = options;
  const libc = await openLibc();
  if (libc === undefined) return undefined;
  await using target = await startTarget({ core: TARGET_CORE });
  const port = target.ports.ok;
  const hosts = Array.from({ length: ADDRESSES }, (_, index) => `127.0.0.${index + 1}`);
  const { probe, config, target: targetAt } = LOOPS[kind];
  const targets = hosts.map((host) => new TextEncoder().encode(targetAt(host, port)));
  const { shared } = probe.split(probe.schema.parse(config));
  const policy = { probe: { kind: probe.kind, config: shared }, timeoutMs: 5000, retries: 0 };
  const serviceUs: number[] = [];
  const free: number[] = Array.from({ length: inFlight }, (_, slot) => slot);
  let failed = 0;
  let done = 0;
  const wakeFd = libc.eventfd(0, EFD_NONBLOCK_CLOEXEC);
  const engine = await createProbeEngine([probe], {
    slots: inFlight,
    wakeFd,
    policyOf: () => policy,
    nowMs: () => performance.now(),
    target(row, into) {
      const bytes = targets[row] as Uint8Array;
      for (let i = 0; i < bytes.length; i++) into[i] = bytes[i] as number;
      return bytes.length;
    },
    ended(end) {
      done++;
      if (end.outcome !== PASS) failed++;
      if (done % 16 === 0) serviceUs.push((performance.now() - end.beganMs) * 1000);
      free.push(end.slot);
    },
  });
  const startedMs = performance.now();
  const before = process.cpuUsage();
  let row = 0;
  while (performance.now() - startedMs < seconds * 1000) {
    while (free.length > 0) engine.start(free.pop() as number, row++ % ADDRESSES);
    engine.poll(10);
  }
  const tookMs = performance.now() - startedMs;
  const cpu = process.cpuUsage(before);
  engine.close();
  libc.close(wakeFd);
  serviceUs.sort((left, right) => left - right);
  const at = (part: number) => Math.round(serviceUs[Math.floor(serviceUs.length * part)] ?? 0);
  return {
    runtime: runtimeName(),
    kind,
    checksPerSecond: Math.round(done / (tookMs / 1000)),
    cpuUsPerCheck: Number(((cpu.user + cpu.system) / done).toFixed(1)),
    failed,
    serviceUs: [at(0.5), at(0.95), at(0.99)],
    load: loadavg()[0] as number,
  };
}

if (import.meta.main) {
  const [seconds = "3", inFlight = "64", kind = "http"] = process.argv.slice(2);
  const figures = await benchRawLoop({
    seconds: Number(seconds),
    inFlight: Number(inFlight),
    kind: kind in LOOPS ? kind as LoopKind : "http",
  });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
