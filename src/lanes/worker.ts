/**
 * A lane's worker from its first message to its end: attach the shared memory, agree on a clock, run the lane.
 * The files in workers/ are its callers; each brings its plug-ins.
 */
import type { LogFields, LogLevel } from "../base/log.ts";
import { collectRegularly } from "../host/collect.ts";
import { createThreadCpu } from "../host/thread_cpu.ts";
import { EngineWake } from "../shm/wake.ts";
import { WorkerEnd } from "../shm/worker_end.ts";
import { attachWorld, type WorldView } from "../world/world.ts";
import { createClockSync } from "./clock_sync.ts";
import type { FromWorker, LaneBoot, ToWorker } from "./messages.ts";
import { type Execution, type LaneOptions, runLane } from "./run_lane.ts";
import { serveControl } from "./thread_control.ts";

/** The part of a worker's global scope that is used; the same in every runtime. */
export interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
}

export interface LaneContext {
  readonly world: WorldView;
  readonly log: (level: LogLevel, message: string, fields?: LogFields) => void;
}

export interface LaneWork {
  readonly execute: LaneOptions["execute"];
  /** SIGUSR1. */
  reopen(): Promise<void>;
  /** After the last job: close what is open. */
  close(): Promise<void>;
}

export function startLaneWorker(
  scope: WorkerScope,
  prepare: (context: LaneContext, boot: LaneBoot) => LaneWork,
): void {
  let work: LaneWork | undefined;
  bootWorker(scope, {
    ready: ({ boot, offsetMs, context }) => {
      serveControl(boot.profile);
      work = prepare(context, boot);
      run({ scope, boot, work, offsetMs });
    },
    reopen: () => void work?.reopen(),
  });
}

/** What a worker knows once it has booted. */
export interface Booted {
  readonly boot: LaneBoot;
  /** What to add to this thread's monotonic ms to get the engine's. */
  readonly offsetMs: number;
  readonly context: LaneContext;
}

/** First message, clock, then `ready`, once. A worker that leaves its event loop there gets no further messages. */
export function bootWorker(
  scope: WorkerScope,
  on: { ready(booted: Booted): void; reopen(): void },
): void {
  let boot: LaneBoot | undefined;
  const sync = createClockSync();
  const requestSync = () => scope.postMessage({ type: "sync", workerMs: performance.now() });

  scope.onmessage = (event) => {
    const message = event.data;
    if (message.type === "boot") {
      boot = message;
      requestSync();
    } else if (message.type === "sync") {
      const sample = { sentMs: message.workerMs, receivedMs: performance.now(), engineMs: message.engineMs };
      if (sync.answer(sample)) return requestSync();
      const context = { world: attachWorld((boot as LaneBoot).world), log: createWorkerLog(scope) };
      on.ready({ boot: boot as LaneBoot, offsetMs: sync.offsetMs(), context });
    } else {
      on.reopen();
    }
  };
}

interface Run {
  readonly scope: WorkerScope;
  readonly boot: LaneBoot;
  readonly work: LaneWork;
  readonly offsetMs: number;
}

async function run({ scope, boot, work, offsetMs }: Run): Promise<void> {
  const wake = new EngineWake(boot.engineWake);
  const cpu = createThreadCpu(() => performance.now());
  const done = runLane({
    end: new WorkerEnd(boot.channel),
    wakeEngine: () => wake.wake(),
    engineUs: () => ((performance.now() + offsetMs) * 1000) >>> 0,
    threadCpuUs: cpu.cpuUs,
    execute: work.execute,
  });
  const stopCollecting = collectRegularly();
  scope.postMessage({ type: "ready" });
  await done;
  stopCollecting();
  cpu.close();
  await work.close();
}

function createWorkerLog(scope: WorkerScope): LaneContext["log"] {
  return (level, message, fields = {}) => scope.postMessage({ type: "log", level, message, fields });
}

export function emptyExecution(): Execution {
  return {
    outcome: 0,
    reason: 0,
    attempts: 1,
    value: 0,
    dnsUs: 0,
    connectUs: 0,
    firstByteUs: 0,
    aux0: 0,
    aux1: 0,
    text: undefined,
  };
}

const ENCODER = new TextEncoder();

/** UTF-8 of at most `limit` bytes, cut at a code-point boundary. */
export function encodeBounded(text: string, limit: number): Uint8Array {
  const bytes = ENCODER.encode(text);
  if (bytes.length <= limit) return bytes;
  let end = limit;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
