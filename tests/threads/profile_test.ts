/** Real threads profiled by the real profiler, in both runtimes: one with an event loop, one that never returns to it, an idle one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProfiledThread } from "../../src/host/profiled_thread.ts";
import { Profiler } from "../../src/server/profiler.ts";
import {
  allocationProfile,
  cpuProfile,
  cpuProfileFile,
  heapProfile,
  type ProfileSource,
  threadReports,
  tickTrace,
} from "../../src/server/profiles.ts";
import { createThreadLinks } from "../../src/server/thread_links.ts";
import { TickTrace } from "../../src/telemetry/tick_trace.ts";
import { decodePprof } from "../telemetry/pprof_decoder.ts";
import type { ProfiledBoot } from "./fixtures/profiled_worker.ts";

const SIGNAL = new AbortController().signal;

function startThreads(kinds: readonly ProfiledBoot["kind"][]) {
  const links = createThreadLinks((message) => {
    if (message.type === "thread") profiler.addThread(message.name, message.port);
    else if (message.type === "thread-ended") profiler.removeThread(message.name);
  });
  const profiler = new Profiler(links.mail, () => performance.now());
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const start = (kind: ProfiledBoot["kind"]) => {
    const { link, close } = links.open(kind);
    const worker = new Worker(new URL("./fixtures/profiled_worker.ts", import.meta.url), { type: "module" });
    worker.postMessage({ kind, profile: link, stop } satisfies ProfiledBoot, [link.port]);
    return { worker, close };
  };
  const started = kinds.map(start);
  const source: ProfileSource = { profiler, commandLine: ["cpra"], wallMs: () => Date.now() };
  return {
    source,
    links,
    start: (kind: ProfiledBoot["kind"]) => void started.push(start(kind)),
    [Symbol.dispose]() {
      profiler.close();
      Atomics.store(stop, 0, 1);
      for (const { worker } of started) worker.terminate();
    },
  };
}

/** Settles when the threads answer: a profile of a second must not miss one that is still being loaded. */
async function booted({ profiler }: ProfileSource): Promise<void> {
  const answers = await profiler.ask({
    threads: profiler.threads,
    request: { type: "hello" },
    ms: 60_000,
  });
  assert.ok(answers.every(({ kernelId }) => kernelId !== undefined));
}

test(
  "a CPU profile tells every thread's work by function, and no idle time",
  { timeout: 60_000 },
  async () => {
    using threads = startThreads(["hosted", "idle", "raw"]);
    await booted(threads.source);
    const { samples } = decodePprof(await cpuProfile(threads.source, { seconds: 1, signal: SIGNAL }));
    const share = (thread: string, name?: string) =>
      samples.filter((sample) =>
        sample.labels.thread === thread && (name === undefined || sample.stack.includes(name))
      )
        .reduce((sum, { values }) => sum + (values[1] as number) / 1e9, 0);
    for (const [thread, name] of [["hosted", "hashHosted"], ["raw", "hashRaw"]] as const) {
      const [all, worked] = [share(thread), share(thread, name)];
      // 3 of every 13 ms are work; with idle time shown as work it would be all of the second, and more on a busy machine.
      assert.ok(worked > 0 && all < 0.9, `${thread}: ${worked} s of ${all} s`);
    }
    assert.ok(share("idle") < 0.5, `idle: ${share("idle")} s`);
    assert.equal(share("raw", "waitForEvents"), 0);
  },
);

test("a thread that begins during a profile is in it, and one that ends does not hold it up", {
  timeout: 60_000,
}, async () => {
  using threads = startThreads(["hosted", "idle"]);
  await booted(threads.source);
  const taken = cpuProfile(threads.source, { seconds: 2, signal: SIGNAL });
  threads.start("raw");
  threads.source.profiler.removeThread("idle");
  const { samples, comments } = decodePprof(await taken);
  assert.ok(samples.some(({ labels, stack }) => labels.thread === "raw" && stack.includes("hashRaw")));
  assert.deepEqual(comments, ["thread idle is left out: it ended or did not answer in time"]);
});

test("a profile ends when its asker goes away", { timeout: 60_000 }, async () => {
  using threads = startThreads(["hosted", "raw"]);
  await booted(threads.source);
  const asker = new AbortController();
  const startMs = performance.now();
  const taken = cpuProfile(threads.source, { seconds: 60, signal: asker.signal });
  asker.abort();
  assert.deepEqual(decodePprof(await taken).comments, []);
  assert.ok(performance.now() - startMs < 30_000);
});

test("one thread as a .cpuprofile: every sample's node is there, with idle time named", {
  timeout: 60_000,
}, async () => {
  using threads = startThreads(["hosted"]);
  await booted(threads.source);
  const text = await cpuProfileFile(threads.source, { seconds: 1, signal: SIGNAL }, "hosted");
  const profile = JSON.parse(text as string);
  const names = new Map<number, string>(
    profile.nodes.map((node: { id: number; callFrame: { functionName: string } }) => [
      node.id,
      node.callFrame.functionName,
    ]),
  );
  assert.equal(profile.samples.length, profile.timeDeltas.length);
  assert.ok(profile.samples.every((id: number) => names.has(id)));
  assert.ok(profile.timeDeltas.every((delta: number) => delta >= 0));
  assert.ok([...names.values()].includes("hashHosted") && [...names.values()].includes("(idle)"));
});

test("a heap profile tells each thread's objects by constructor", { timeout: 60_000 }, async () => {
  using threads = startThreads(["idle", "raw"]);
  await booted(threads.source);
  const { samples, defaultType, comments } = decodePprof(await heapProfile(threads.source, undefined));
  assert.equal(defaultType, "inuse_space");
  for (const thread of ["idle", "raw"]) {
    const bytes = samples.filter(({ labels }) => labels.thread === thread)
      .reduce((sum, { values }) => sum + (values[1] as number), 0);
    assert.ok(bytes > 100_000 && bytes < 100_000_000, `${thread}: ${bytes} B`);
  }
  assert.match(
    comments.join("\n"),
    /thread idle stood still for \d+ ms[^]*thread main is left out: .*thread=main/,
  );
});

test(
  "allocations by stack are told under Deno, and refused with a reason elsewhere",
  { timeout: 60_000 },
  async () => {
    using threads = startThreads(["hosted"]);
    await booted(threads.source);
    const { comments } = decodePprof(await allocationProfile(threads.source, { seconds: 1, signal: SIGNAL }));
    if (typeof Deno === "undefined") {
      assert.match(
        comments.join(),
        /thread hosted is left out: .*HeapProfiler/,
      );
    } else assert.deepEqual(comments, []);
  },
);

test("the threads are told with their kernel's names, states and times", { timeout: 60_000 }, async () => {
  using threads = startThreads(["idle", "raw"]);
  await booted(threads.source);
  const reports = await threadReports(threads.source);
  assert.deepEqual(reports.slice(0, 2).map(({ thread }) => thread).sort(), ["idle", "raw"]);
  assert.ok(
    reports.length > 2 && reports.every(({ kernelId, state }) => kernelId > 0 && /^[A-Z]$/.test(state)),
  );
});

test("a trace has the ticks of its time", { timeout: 60_000 }, async () => {
  using threads = startThreads([]);
  const trace = new TickTrace(() => performance.now());
  new ProfiledThread(threads.links.open("main").link.port, { trace: (memory) => trace.record(memory) })
    .serve();
  const ticking = setInterval(() => {
    trace.begin(performance.now());
    for (let stage = 0; stage < 7; stage++) trace.mark();
    trace.end(3);
  }, 5);
  const { traceEvents, otherData } = JSON.parse(
    await tickTrace(threads.source, { seconds: 1, signal: SIGNAL }),
  );
  clearInterval(ticking);
  assert.ok(otherData.ticks > 5, JSON.stringify(otherData));
  assert.equal(traceEvents.filter(({ name }: { name: string }) => name === "tick").length, otherData.ticks);
});
