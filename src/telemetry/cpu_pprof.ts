/**
 * The CPU profile of all threads as one pprof: samples and CPU time by stack, labelled with the thread. The kernel has the
 * last word on time: a thread's samples are scaled down to the CPU it really had (it may have been waiting for a core, or for
 * the disk inside a call), and what it had beyond them is shown as "(outside JavaScript)": event loop, system calls, garbage
 * collection on the thread. Threads that run no JavaScript (compiler, collector) are one line each, by the kernel's name.
 */
import type { CpuProfile } from "../base/cpuprofile.ts";
import { frameOf, stackSamples } from "./cpu_samples.ts";
import type { Frame, Pprof, PprofSample } from "./pprof.ts";

export interface ThreadCpu {
  readonly thread: string;
  readonly slices: readonly { readonly profile: CpuProfile; readonly cpuUs: number }[];
}

export interface OtherCpu {
  /** The kernel's name of the threads. */
  readonly name: string;
  readonly cpuUs: number;
}

export interface CpuPprofInput {
  readonly threads: readonly ThreadCpu[];
  readonly others: readonly OtherCpu[];
  readonly periodUs: number;
  readonly timeMs: number;
  readonly durationUs: number;
  readonly program: string;
  readonly comments: readonly string[];
}

const CPU = { type: "cpu", unit: "nanoseconds" } as const;

export function cpuPprof(input: CpuPprofInput): Pprof {
  const samples = input.threads.flatMap((thread) => threadSamples(thread, input.periodUs));
  for (const { name, cpuUs } of input.others) {
    const stack = [native(`(${name})`)];
    samples.push({ stack, values: [0, Math.round(cpuUs * 1000)], labels: { thread: `runtime ${name}` } });
  }
  return {
    sampleTypes: [{ type: "samples", unit: "count" }, CPU],
    defaultType: CPU.type,
    samples: samples.filter(({ values }) => values.some((value) => value > 0)),
    timeMs: input.timeMs,
    durationUs: input.durationUs,
    periodType: CPU,
    period: input.periodUs * 1000,
    program: input.program,
    comments: input.comments,
  };
}

interface Sum {
  readonly stack: readonly Frame[];
  count: number;
  us: number;
}

function threadSamples({ thread, slices }: ThreadCpu, periodUs: number): PprofSample[] {
  const sums = new Map<string, Sum>();
  let sampledUs = 0;
  let cpuUs = 0;
  for (const slice of slices) {
    cpuUs += slice.cpuUs;
    for (const { stack, durationUs } of stackSamples(slice.profile, periodUs)) {
      if (stack.length === 0) continue;
      const key = stack.map((frame) => `${frame.functionName}\0${frame.url}\0${frame.lineNumber}`).join("\n");
      const sum = sums.get(key) ?? { stack: stack.map(frameOf), count: 0, us: 0 };
      sums.set(key, sum);
      sum.count++;
      sum.us += durationUs;
      sampledUs += durationUs;
    }
  }
  // Without the kernel's figure the samples stand as they are.
  const scale = cpuUs > 0 && sampledUs > cpuUs ? cpuUs / sampledUs : 1;
  const labels = { thread };
  const samples = [...sums.values()].map(({ stack, count, us }) => ({
    stack,
    values: [count, Math.round(us * scale * 1000)],
    labels,
  }));
  const outsideUs = Math.max(0, cpuUs - sampledUs);
  return [...samples, {
    stack: [native("(outside JavaScript)")],
    values: [0, Math.round(outsideUs * 1000)],
    labels,
  }];
}

function native(name: string): Frame {
  return { name, file: "", line: 0 };
}
