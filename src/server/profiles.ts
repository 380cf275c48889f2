/**
 * The profiles themselves: asks the threads through the profiler and makes the formats that tools read. One function per
 * profile; limits, queries and HTTP are profile_routes.ts's.
 */
import process from "node:process";
import { type KernelThread, kernelThreads, SAMPLING_THREADS } from "../host/kernel_threads.ts";
import type { CpuSlice } from "../host/profile_messages.ts";
import { chromeTrace } from "../telemetry/chrome_trace.ts";
import { cpuPprof, type OtherCpu } from "../telemetry/cpu_pprof.ts";
import { joinCpuProfiles } from "../telemetry/cpuprofile_file.ts";
import { allocationSamples, heapPprof, snapshotSamples } from "../telemetry/heap_pprof.ts";
import { encodePprof, type PprofSample } from "../telemetry/pprof.ts";
import { createTraceMemory, readTrace } from "../telemetry/tick_trace.ts";
import type { Profiler, ThreadAnswer } from "./profiler.ts";

/** The name of the engine's thread, as app.ts opens it. */
export const ENGINE_THREAD = "main";
/** The name of the thread this runs on: only HTTP waits for it. */
export const SERVER_THREAD = "server";

export interface ProfileSource {
  readonly profiler: Profiler;
  readonly commandLine: readonly string[];
  readonly wallMs: () => number;
}

export interface Timed {
  readonly seconds: number;
  /** The asker has gone away: what was taken up to then is answered, to nobody. */
  readonly signal: AbortSignal;
}

/** About 1000 samples a second, as browsers' tools take them. */
const PERIOD_US = 1000;
const SAMPLED_HEAP_BYTES = 32_768;
/** A snapshot stops its thread for 10 to 40 ms per MB: a worker must not count as lost (1.5 s). */
const WORKER_HEAP_BYTES = 16 * 2 ** 20;

export async function cpuProfile(source: ProfileSource, { seconds, signal }: Timed): Promise<Uint8Array> {
  const { profiler, wallMs } = source;
  const timeMs = wallMs();
  const before = kernelThreads();
  const answers = await profiler.ask({
    threads: "all",
    request: { type: "cpu", ms: seconds * 1000, intervalUs: PERIOD_US },
    ms: seconds * 1000,
    signal,
  });
  const known = new Set(answers.map(({ kernelId }) => kernelId));
  const threads = answers.map((answer) => ({ thread: answer.thread, slices: slicesOf(answer) }));
  return encodePprof(cpuPprof({
    threads,
    others: otherCpu(
      before,
      kernelThreads().filter(({ id, name }) => !known.has(id) && !SAMPLING_THREADS.includes(name)),
    ),
    periodUs: PERIOD_US,
    timeMs,
    durationUs: seconds * 1e6,
    program: program(source),
    comments: comments(answers),
  }));
}

/** One thread's, as JSON of a .cpuprofile file; undefined when it gave none. */
export async function cpuProfileFile(
  { profiler }: ProfileSource,
  { seconds, signal }: Timed,
  thread: string,
): Promise<string | undefined> {
  const ms = seconds * 1000;
  const request = { type: "cpu", ms, intervalUs: PERIOD_US } as const;
  const [answer] = await profiler.ask({ threads: [thread], request, ms, signal });
  const slices = answer === undefined ? [] : slicesOf(answer);
  if (slices.length === 0) return undefined;
  return JSON.stringify(joinCpuProfiles(slices.map(({ profile }) => profile), PERIOD_US));
}

/** What is on the heaps, by constructor; of one thread when it is named. The engine's only then: its checks would be late. */
export async function heapProfile(source: ProfileSource, thread: string | undefined): Promise<Uint8Array> {
  const { profiler, wallMs } = source;
  const timeMs = wallMs();
  const answers: ThreadAnswer[] = [];
  // One after the other: two stopped threads at a time would be two slow lanes.
  const others = profiler.threads.filter((name) => name !== ENGINE_THREAD);
  for (const name of thread === undefined ? others : [thread]) {
    const limitBytes = name === ENGINE_THREAD || name === SERVER_THREAD ? Infinity : WORKER_HEAP_BYTES;
    const request = { type: "snapshot", limitBytes } as const;
    answers.push(
      ...await profiler.ask({ threads: [name], request, ms: limitBytes === Infinity ? 60_000 : 5000 }),
    );
  }
  const samples = answers.flatMap(({ thread, replies }) =>
    replies.flatMap((reply) =>
      reply.type === "snapshot" ? snapshotSamples(reply.json, thread, reply.heapBytes) : []
    )
  );
  const remark =
    `thread ${ENGINE_THREAD} is left out: it would stand still; ask for it with thread=${ENGINE_THREAD}`;
  return encodeHeap(source, {
    samples,
    remarks: [...comments(answers), ...(thread === undefined ? [remark] : [])],
    timeMs,
    durationUs: 0,
  });
}

/** What is allocated within the time and still alive at its end, by the stack that allocated it. V8 only. */
export async function allocationProfile(
  source: ProfileSource,
  { seconds, signal }: Timed,
): Promise<Uint8Array> {
  const { profiler, wallMs } = source;
  const timeMs = wallMs();
  const ms = seconds * 1000;
  const request = { type: "sample-heap", ms, intervalBytes: SAMPLED_HEAP_BYTES } as const;
  const answers = await profiler.ask({ threads: "all", request, ms, signal });
  const samples = answers.flatMap(({ thread, replies }) =>
    replies.flatMap((reply) => reply.type === "heap" ? allocationSamples(reply.head, thread) : [])
  );
  return encodeHeap(source, { samples, remarks: comments(answers), timeMs, durationUs: seconds * 1e6 });
}

/** The engine's ticks as Chrome trace JSON. */
export async function tickTrace(source: ProfileSource, { seconds, signal }: Timed): Promise<string> {
  const memory = createTraceMemory();
  const ms = seconds * 1000;
  const request = { type: "trace", ms, memory } as const;
  await source.profiler.ask({ threads: [ENGINE_THREAD], request, ms, signal });
  return chromeTrace({ ...readTrace(memory), processId: process.pid, program: program(source) });
}

export interface ThreadReport {
  /** Ours; empty for a thread of the runtime. */
  readonly thread: string;
  readonly kernelName: string;
  readonly kernelId: number;
  readonly state: string;
  readonly cpuSeconds: number;
  /** Ready to run, without a core. */
  readonly waitedSeconds: number;
}

/** Every thread of the process: ours first, then the runtime's. */
export async function threadReports({ profiler }: ProfileSource): Promise<ThreadReport[]> {
  const answers = await profiler.ask({ threads: profiler.threads, request: { type: "hello" }, ms: 0 });
  const names = new Map(answers.map(({ kernelId, thread }) => [kernelId, thread]));
  return kernelThreads().map(({ id, name, state, cpuUs, waitedUs }) => ({
    thread: names.get(id) ?? "",
    kernelName: name,
    kernelId: id,
    state,
    cpuSeconds: cpuUs / 1e6,
    waitedSeconds: waitedUs / 1e6,
  })).sort((a, b) => Number(a.thread === "") - Number(b.thread === "") || b.cpuSeconds - a.cpuSeconds);
}

interface HeapTaken {
  readonly samples: readonly PprofSample[];
  readonly remarks: readonly string[];
  readonly timeMs: number;
  readonly durationUs: number;
}

function encodeHeap(source: ProfileSource, { remarks, ...taken }: HeapTaken): Uint8Array {
  return encodePprof(heapPprof({ ...taken, program: program(source), comments: remarks }));
}

function slicesOf({ replies }: ThreadAnswer): CpuSlice[] {
  return replies.flatMap((reply) => reply.type === "cpu" ? [reply] : []);
}

/** What is not in the profile, and why. */
function comments(answers: readonly ThreadAnswer[]): string[] {
  return answers.flatMap(({ thread, replies, kernelId }) => {
    const stopped = replies.flatMap((reply) =>
      reply.type === "snapshot" ? [`thread ${thread} stood still for ${reply.stoppedMs.toFixed(0)} ms`] : []
    );
    const reasons = replies.flatMap((reply) => reply.type === "left-out" ? [reply.reason] : []);
    if (kernelId === undefined) reasons.push("it ended or did not answer in time");
    return [...stopped, ...reasons.map((reason) => `thread ${thread} is left out: ${reason}`)];
  });
}

/** CPU time between two looks at the runtime's own threads, by name. */
function otherCpu(before: readonly KernelThread[], after: readonly KernelThread[]): OtherCpu[] {
  const start = new Map(before.map(({ id, cpuUs }) => [id, cpuUs]));
  const sums = new Map<string, number>();
  for (const { id, name, cpuUs } of after) {
    sums.set(name, (sums.get(name) ?? 0) + cpuUs - (start.get(id) ?? 0));
  }
  return [...sums].map(([name, cpuUs]) => ({ name, cpuUs }));
}

function program({ commandLine }: ProfileSource): string {
  return commandLine[0] ?? "cpra";
}
