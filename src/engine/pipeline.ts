/**
 * One of the three pipelines on the engine's side: its queue, its pool of workers, and what was measured of its jobs since
 * the sizing loop last looked. The engine offers jobs and gets results; which worker runs what is settled here.
 */
import type { Logger } from "../base/log.ts";
import type { Lane } from "../lanes/lane.ts";
import type { EngineEnd } from "../shm/engine_end.ts";
import type { JobFields, JobRequest, ResultFields } from "../shm/records.ts";
import { Pool } from "./pool.ts";
import { createQueue, type JobQueue, type Offer, type QueueKind, type QueueStats } from "./queue.ts";
import type { SpawnWorker } from "./worker_port.ts";

export interface PipelineSettings {
  readonly queue: QueueKind;
  /** Jobs out per worker; a power of two. */
  readonly queueCapacity: number;
  /** Most results taken in one go. */
  readonly batchSize: number;
}

export interface PipelineOptions {
  readonly lane: Lane;
  readonly settings: PipelineSettings;
  readonly spawn: SpawnWorker;
  readonly log: Logger;
  /** A result, and its text as a view that is valid during the call. */
  readonly onResult: (result: Readonly<ResultFields>, text: Uint8Array) => void;
  /** A job whose worker is gone; `lost` is false when the worker drained without having begun it. */
  readonly onOrphan: (job: Readonly<JobFields>, payload: Uint8Array, lost: boolean) => void;
}

/** Sums since the last takeMeasured(): what the sizing estimates need. Times in ms. */
export interface Measured {
  arrivals: number;
  services: number;
  serviceMs: number;
  serviceMsSquared: number;
  cpuMs: number;
  waitMs: number;
}

/** An adaptive queue starts this much smaller than the ring it may grow to. */
const ADAPTIVE_GROWTH = 16;
const GROW_AFTER_TICKS = 50;
const SHRINK_AFTER_TICKS = 15_000;

export class Pipeline {
  readonly lane: Lane;
  readonly pool: Pool;
  readonly #options: PipelineOptions;
  readonly #queue: JobQueue;
  #measured: Measured = noneMeasured();
  #drained = 0;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.lane = options.lane;
    const { queue, queueCapacity } = options.settings;
    this.pool = new Pool({
      lane: options.lane,
      spawn: options.spawn,
      capacity: queueCapacity,
      log: options.log,
      orphaned: (end, lost) => this.#orphan(end, lost),
    });
    const capacity = queue === "adaptive" ? Math.max(1, queueCapacity / ADAPTIVE_GROWTH) : queueCapacity;
    this.#queue = createQueue(queue, {
      capacity,
      maxCapacity: queueCapacity,
      growAfterTicks: GROW_AFTER_TICKS,
      shrinkAfterTicks: SHRINK_AFTER_TICKS,
    }, () => this.pool.ends());
  }

  offer(job: JobRequest, text?: Uint8Array): Offer {
    const offer = this.#queue.offer(job, text);
    if (offer !== "deferred") this.#measured.arrivals++;
    return offer;
  }

  /** Takes results from all workers, at most `batchSize` from each; returns how many. */
  collect(): number {
    let taken = 0;
    for (const end of this.pool.allEnds()) taken += this.#drain(end);
    return taken;
  }

  /** Makes what was offered visible to the workers, and what overflowed follow. */
  pump(): void {
    this.#queue.pump();
    this.#queue.tick();
  }

  get hasResults(): boolean {
    return this.pool.allEnds().some((end) => end.hasResults);
  }

  get stats(): QueueStats {
    return this.#queue.stats;
  }

  /** Jobs out at workers, waiting or running. */
  get out(): number {
    return this.pool.allEnds().reduce((sum, end) => sum + end.out, 0);
  }

  /** Results taken since the start. */
  get completed(): number {
    return this.#drained;
  }

  /** Jobs that one worker can hold. */
  get workerCapacity(): number {
    return this.#options.settings.queueCapacity;
  }

  takeMeasured(): Measured {
    const measured = this.#measured;
    this.#measured = noneMeasured();
    return measured;
  }

  #drain(end: EngineEnd): number {
    return end.drain((result) => {
      const serviceMs = result.serviceUs / 1000;
      this.#measured.services++;
      this.#measured.serviceMs += serviceMs;
      this.#measured.serviceMsSquared += serviceMs * serviceMs;
      this.#measured.cpuMs += result.cpuUs / 1000;
      this.#measured.waitMs += result.waitUs / 1000;
      this.#drained++;
      this.#options.onResult(result, end.resultText(result.slot, result.textBytes));
    }, this.#options.settings.batchSize);
  }

  #orphan(end: EngineEnd, lost: boolean): void {
    while (this.#drain(end) > 0);
    end.forEachOut((job) => this.#options.onOrphan(job, end.jobText(job.slot, job.textBytes), lost));
  }
}

function noneMeasured(): Measured {
  return {
    arrivals: 0,
    services: 0,
    serviceMs: 0,
    serviceMsSquared: 0,
    cpuMs: 0,
    waitMs: 0,
  };
}
