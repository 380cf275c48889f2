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
/** Results between two looks at the clock. */
const RESULTS_AT_ONCE = 64;
const GROW_AFTER_TICKS = 50;
const SHRINK_AFTER_TICKS = 15_000;

export class Pipeline {
  readonly lane: Lane;
  readonly pool: Pool;
  readonly #options: PipelineOptions;
  readonly #queue: JobQueue;
  #measured: Measured = noneMeasured();
  #drained = 0;
  /** The worker whose results were taken first in the last turn. */
  #firstEnd = 0;

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

  /**
   * Takes results from all workers in turn, at most `batchSize` from each and no more once `timeIsUp`, which is asked after
   * every few; returns how many. A failure costs ten times as much as a pass: in a storm it is the time that ends a turn.
   */
  collect(timeIsUp: () => boolean): number {
    const ends = this.pool.allEnds();
    let taken = 0;
    this.#firstEnd = (this.#firstEnd + 1) % Math.max(1, ends.length);
    for (let index = 0; index < ends.length; index++) {
      const end = ends[(this.#firstEnd + index) % ends.length] as EngineEnd;
      taken += this.#collectFrom(end, timeIsUp);
      if (timeIsUp()) break;
    }
    return taken;
  }

  #collectFrom(end: EngineEnd, timeIsUp: () => boolean): number {
    const { batchSize } = this.#options.settings;
    let taken = 0;
    while (taken < batchSize) {
      const most = Math.min(RESULTS_AT_ONCE, batchSize - taken);
      const some = this.#drain(end, most);
      taken += some;
      if (some < most || timeIsUp()) break;
    }
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

  #drain(end: EngineEnd, most: number): number {
    return end.drain((result) => {
      const serviceMs = result.serviceUs / 1000;
      this.#measured.services++;
      this.#measured.serviceMs += serviceMs;
      this.#measured.serviceMsSquared += serviceMs * serviceMs;
      this.#measured.cpuMs += result.cpuUs / 1000;
      this.#measured.waitMs += result.waitUs / 1000;
      this.#drained++;
      this.#options.onResult(result, end.resultText(result.slot, result.textBytes));
    }, most);
  }

  #orphan(end: EngineEnd, lost: boolean): void {
    while (this.#drain(end, this.#options.settings.batchSize) > 0);
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
