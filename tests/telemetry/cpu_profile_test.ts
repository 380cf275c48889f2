import assert from "node:assert/strict";
import { test } from "node:test";
import type { CpuNode, CpuProfile } from "../../src/base/cpuprofile.ts";
import { cpuPprof, type CpuPprofInput } from "../../src/telemetry/cpu_pprof.ts";
import { joinCpuProfiles } from "../../src/telemetry/cpuprofile_file.ts";
import { chromeTrace } from "../../src/telemetry/chrome_trace.ts";
import { createTraceMemory, readTrace, TICK_STAGES, TickTrace } from "../../src/telemetry/tick_trace.ts";

const PERIOD_US = 1000;

/** Nodes by name, "parent > child"; the id is the place in the list, from 1. */
function profile(
  paths: readonly string[],
  samples: readonly [id: number, deltaUs: number][],
  startTime = 0,
): CpuProfile {
  const nodes: CpuNode[] = paths.map((path, index) => ({
    id: index + 1,
    callFrame: {
      functionName: path.split(" > ").at(-1) as string,
      scriptId: "1",
      url: path.startsWith("(") && !path.includes(">") ? "" : "file:///a.ts",
      lineNumber: index,
      columnNumber: 0,
    },
    children: paths.flatMap((other, child) =>
      other.startsWith(`${path} > `) && !other.slice(path.length + 3).includes(" > ") ? [child + 1] : []
    ),
  }));
  const timeDeltas = samples.map(([, delta]) => delta);
  const endTime = startTime + timeDeltas.reduce((sum, delta) => sum + delta, 0) + PERIOD_US;
  return { nodes, startTime, endTime, samples: samples.map(([id]) => id), timeDeltas };
}

const INPUT: Omit<CpuPprofInput, "threads"> = {
  others: [],
  periodUs: PERIOD_US,
  timeMs: 0,
  durationUs: 1e6,
  program: "cpra",
  comments: [],
};

/** Stack → CPU µs. */
function shown(slices: readonly CpuProfile[], cpuUs: number) {
  const threads = [{ thread: "main", slices: slices.map((each) => ({ profile: each, cpuUs })) }];
  return Object.fromEntries(
    cpuPprof({ ...INPUT, threads }).samples.map(({ stack, values }) =>
      [stack.map(({ name }) => name).join(" < "), Math.round((values[1] as number) / 1000)] as const
    ),
  );
}

const BUSY = ["(root)", "(root) > tick", "(root) > tick > collect"];

test("samples are summed by stack and stand for the time until the next one", () => {
  assert.deepEqual(shown([profile(BUSY, [[3, 0], [3, 1000], [2, 1000]])], 3000), {
    "collect < tick": 2000,
    "tick": 1000,
  });
});

test("V8's idle samples and JavaScriptCore's gaps are not work", () => {
  const v8 = profile([...BUSY, "(root) > (idle)"], [[3, 0], [4, 1000], [4, 500_000], [2, 1000]]);
  assert.deepEqual(shown([v8], 2000), { "collect < tick": 1000, "tick": 1000 });
  const jsc = profile(BUSY, [[3, 200_000], [2, 500_000]]);
  assert.deepEqual(shown([jsc], 2000), { "collect < tick": 1000, "tick": 1000 });
});

test("time in a function that waits is not work, nor what it calls", () => {
  const paths = ["(root)", "(root) > loop", "(root) > loop > epollWait", "(root) > loop > epollWait > "];
  const raw = profile(paths, [[2, 0], [3, 1000], [4, 1000], [3, 1000], [2, 1000]]);
  assert.deepEqual(shown([raw], 2000), { loop: 2000 });
});

test("functions without a name are told apart by file and line", () => {
  assert.deepEqual(shown([profile(["(root)", "(root) > "], [[2, 0]])], 1000), { "(anonymous a.ts:2)": 1000 });
});

test("the profiler does not show itself", () => {
  const paths = ["(root)", "(root) > tick", "(root) > stopCPUProfiler"];
  assert.deepEqual(shown([profile(paths, [[3, 0], [2, 1000]])], 1000), { tick: 1000 });
});

test("the kernel's CPU time bounds what is shown, and what samples do not explain is named", () => {
  const slice = profile(BUSY, [[3, 0], [3, 1000], [2, 1000], [2, 1000]]);
  assert.deepEqual(shown([slice], 2000), { "collect < tick": 1000, "tick": 1000 });
  assert.deepEqual(shown([slice, slice], 9000), {
    "collect < tick": 4000,
    "tick": 4000,
    "(outside JavaScript)": 10_000,
  });
  assert.deepEqual(shown([profile(BUSY, [])], 0), {});
});

test("threads without JavaScript are one line each", () => {
  const { samples } = cpuPprof({ ...INPUT, threads: [], others: [{ name: "JITWorker", cpuUs: 1500 }] });
  assert.deepEqual(samples.map(({ values, labels }) => [values, labels]), [[[0, 1_500_000], {
    thread: "runtime JITWorker",
  }]]);
});

test("slices join into one .cpuprofile: one tree, time that only rises, idle between", () => {
  const joined = joinCpuProfiles([
    profile(BUSY, [[3, 500], [2, 1000]], 1000),
    profile([], [], 0),
    profile(BUSY, [[2, 0], [3, 50_000]], 200_000),
  ], PERIOD_US);
  const names = new Map(joined.nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  let atUs = joined.startTime;
  const line = joined.samples.map((id, index) => {
    atUs += joined.timeDeltas[index] as number;
    return [names.get(id), atUs];
  });
  assert.deepEqual(line, [
    ["collect", 1500],
    ["tick", 2500],
    ["(idle)", 3500],
    ["tick", 200_000],
    ["(idle)", 201_000],
    ["collect", 250_000],
    ["(idle)", 251_000],
  ]);
  assert.equal(joined.nodes.filter(({ callFrame }) => callFrame.functionName === "tick").length, 1);
  assert.ok(joined.endTime >= atUs);
});

test("ticks are recorded only while asked for, with the end of every stage", () => {
  let nowMs = 100;
  const trace = new TickTrace(() => nowMs += 0.5);
  const tick = (results: number) => {
    trace.begin(nowMs);
    for (const _ of TICK_STAGES) trace.mark();
    trace.end(results);
  };
  tick(1);
  const memory = createTraceMemory();
  trace.record(memory);
  tick(7);
  tick(0);
  trace.record(undefined);
  tick(1);
  const { ticks, missed } = readTrace(memory);
  assert.equal(missed, 0);
  assert.deepEqual(ticks.map(({ startMs, results }) => [startMs, results]), [[100, 7], [103.5, 0]]);
  assert.deepEqual(ticks[0]?.endsMs, [100.5, 101, 101.5, 102, 102.5, 103, 103.5]);
});

test("a full trace counts what found no room", () => {
  const trace = new TickTrace(() => 1);
  const memory = createTraceMemory();
  trace.record(memory);
  for (let tick = 0; tick < 65_540; tick++) {
    trace.begin(1);
    for (const _ of TICK_STAGES) trace.mark();
    trace.end(0);
  }
  const { ticks, missed } = readTrace(memory);
  assert.deepEqual([ticks.length, missed], [65_536, 4]);
});

test("a Chrome trace nests the stages in their tick, in µs from the first one", () => {
  const ticks = [{ startMs: 1000, endsMs: [1001, 1001, 1001, 1001, 1001, 1001, 1003], results: 4 }];
  const { traceEvents } = JSON.parse(chromeTrace({ ticks, missed: 0, processId: 7, program: "cpra" }));
  const spans = traceEvents.filter(({ ph }: { ph: string }) => ph === "X");
  assert.deepEqual(
    spans.map(({ name, ts, dur, pid, tid }: Record<string, unknown>) => [name, ts, dur, pid, tid]),
    [["tick", 0, 3000, 7, 1], ["collect", 0, 1000, 7, 1], ["housekeep", 1000, 2000, 7, 1]],
  );
});
