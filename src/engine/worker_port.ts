/** What the engine needs of a worker thread: the rings' end, a few messages, an end. Real threads and simulated ones alike. */
import type { LogFields, LogLevel } from "../base/log.ts";
import type { Lane } from "../lanes/lane.ts";
import type { EngineEnd } from "../shm/engine_end.ts";

export interface WorkerThread {
  readonly end: EngineEnd;
  /** SIGUSR1: close and reopen files. */
  reopen(): void;
  /** Ends the thread at once. The channel stays readable. */
  terminate(): void;
}

export interface WorkerEvents {
  /** The thread cannot go on: an error outside every job. */
  failed(error: string): void;
  log(level: LogLevel, message: string, fields: LogFields): void;
}

export interface SpawnOptions {
  readonly lane: Lane;
  readonly workerIndex: number;
  /** Most jobs out at this worker: a power of two. */
  readonly capacity: number;
}

export type SpawnWorker = (options: SpawnOptions, events: WorkerEvents) => WorkerThread;
