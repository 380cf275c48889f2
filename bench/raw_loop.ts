/**
 * The raw engine alone, closed loop: `deno run -A bench/raw_loop.ts [seconds] [in flight] [http|tcp]` or with bun. One
 * thread keeps so many checks running against bench/target.c, built with cc and pinned to the last core. New connections.
 */
import { loadavg } from "node:os";
import process from "node:process";
import { openLibc } from "../src/host/libc.ts";
import { runtimeName } from "../src/host/runtime.ts";
import { PASS } from "../src/model/outcome.ts";
import { StreamEngine } from "../src/net/raw/stream_engine.ts";
import { HTTP } from "../src/probes/http.ts";
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

/** Undefined where there is no FFI. */
export async function benchRawLoop(
  options: {
    readonly seconds: number;
    readonly inFlight: number;
    readonly kind: "http" | "tcp";
  },
): Promise<RawLoopFigures | undefined> {
  const { seconds, inFlight, kind } = options;
  const libc = await openLibc();
  if (libc === undefined) return undefined;
  await using target = await startTarget({ core: TARGET_CORE });
  const port = target.ports.ok;
  const hosts = Array.from({ length: ADDRESSES }, (_, index) => `127.0.0.${index + 1}`);
  const targets = hosts.map((host) =>
    new TextEncoder().encode(kind === "http" ? `http://${host}:${port}/health/1` : `${host}:${port}`)
  );
  const plan = kind === "http"
    ? HTTP.raw?.plan(HTTP.split(HTTP.schema.parse({ url: "http://h/" })).shared)
    : TCP.raw?.plan(TCP.split(TCP.schema.parse({ host: "h", port })).shared);
  if (plan === undefined) return undefined;
  const check = { plan, timeoutMs: 5000, retries: 0 };
  const serviceUs: number[] = [];
  const free: number[] = Array.from({ length: inFlight }, (_, slot) => slot);
  let failed = 0;
  let done = 0;
  const engine = new StreamEngine({
    libc,
    slots: inFlight,
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
    while (free.length > 0) engine.start(free.pop() as number, row++ % ADDRESSES, check);
    engine.poll(10);
  }
  const tookMs = performance.now() - startedMs;
  const cpu = process.cpuUsage(before);
  engine.close();
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
    kind: kind === "tcp" ? "tcp" : "http",
  });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
