/**
 * What a thread did, from the slices of its CPU profile: a line of samples in time, each a stack that runs for a while, with
 * idle time told apart from work.
 *
 * The runtimes say idle in two ways. V8 samples it as "(idle)"; JavaScriptCore takes no sample while no JavaScript runs, so
 * that a gap is idle, or native code, and only the kernel's count of CPU time can tell. A thread that blocks inside a call
 * (epoll_wait through FFI) looks busy to both: its waiting functions are known by name.
 */
import type { CallFrame, CpuNode, CpuProfile } from "../base/cpuprofile.ts";
import type { Frame } from "./pprof.ts";

/** Functions in which a thread waits: time in them and below them is idle. */
export const WAITING_FUNCTIONS: readonly string[] = ["epollWait", "epoll_wait", "waitForEvents"];

/** The profiler's own frames, which are no part of what is measured. */
const PROFILER_FUNCTIONS: readonly string[] = ["startCPUProfiler", "stopCPUProfiler"];
const PROFILER_FILE = /(?:^|\/|:)(?:inspector|profiled_thread)(?:\.[jt]s)?$/;

/** Longer than this between two samples, and the thread was idle between, as JavaScriptCore tells it: periods. */
const IDLE_AFTER_PERIODS = 4;

export interface StackSample {
  /** The innermost first; empty while idle. */
  readonly stack: readonly CallFrame[];
  /** From the beginning of the slice, µs. */
  readonly startUs: number;
  readonly durationUs: number;
}

/** The samples of a slice in time; between two of them the thread may have been idle. `periodUs` is their wanted distance. */
export function stackSamples(profile: CpuProfile, periodUs: number): StackSample[] {
  const stacks = stacksOf(profile.nodes);
  const found: StackSample[] = [];
  let startUs = 0;
  for (const [index, node] of profile.samples.entries()) {
    startUs += profile.timeDeltas[index] ?? 0;
    const nextUs = profile.timeDeltas[index + 1] ?? periodUs;
    const stack = stacks.get(node) ?? [];
    const gap = stack.length > 0 && nextUs > IDLE_AFTER_PERIODS * periodUs;
    const durationUs = Math.max(0, gap ? periodUs : nextUs);
    found.push({ stack, startUs, durationUs });
  }
  return found;
}

/** The stack of every node; empty where the thread waited or profiled itself. */
function stacksOf(nodes: readonly CpuNode[]): Map<number, readonly CallFrame[]> {
  const parents = new Map<number, number>();
  const frames = new Map<number, CallFrame>();
  for (const { id, callFrame, children } of nodes) {
    frames.set(id, callFrame);
    for (const child of children ?? []) parents.set(child, id);
  }
  const stacks = new Map<number, readonly CallFrame[]>();
  for (const { id } of nodes) {
    const stack: CallFrame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at) as CallFrame;
      if (frame.functionName !== "(root)") stack.push(frame);
    }
    stacks.set(id, stack.some(isNoWork) ? [] : stack);
  }
  return stacks;
}

function isNoWork({ functionName, url }: CallFrame): boolean {
  return functionName === "(idle)" || WAITING_FUNCTIONS.includes(functionName) ||
    PROFILER_FUNCTIONS.includes(functionName) || PROFILER_FILE.test(url);
}

/** Functions without a name are told apart by their place: pprof sums up by name. */
export function frameOf({ functionName, url, lineNumber }: CallFrame): Frame {
  const place = url === "" ? "" : ` ${url.slice(url.lastIndexOf("/") + 1)}:${lineNumber + 1}`;
  return { name: functionName || `(anonymous${place})`, file: url, line: lineNumber + 1 };
}
