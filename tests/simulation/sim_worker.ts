/** A worker on virtual time at the other end of a real channel: takes jobs, hangs, dies, and may act after it was given up. */
import type { SpawnOptions, WorkerEvents, WorkerThread } from "../../src/engine/worker_port.ts";
import type { Lane } from "../../src/lanes/lane.ts";
import { reasonIndex } from "../../src/model/outcome.ts";
import { createChannel } from "../../src/shm/channel.ts";
import { EngineEnd } from "../../src/shm/engine_end.ts";
import { emptyJob, emptyResult, type JobFields } from "../../src/shm/records.ts";
import { WorkerEnd } from "../../src/shm/worker_end.ts";
import type { Ending } from "./outside.ts";
import type { Timeline } from "./timeline.ts";

/** What becomes of one job; the functions are called only while its thread lives. */
export interface Course {
  readonly ending: Ending;
  /** The world changes. */
  effect?(): void;
  /** The engine has read the answer. */
  consumed?(): void;
  /** The thread stands still from now on, for so long. */
  readonly hangMs?: number;
}

export interface SimWorkerOptions extends SpawnOptions {
  readonly events: WorkerEvents;
  readonly timeline: Timeline;
  readonly monoMs: () => number;
  readonly lanes: SimLanes;
}

export interface SimLanes {
  begin(worker: SimWorker, job: Readonly<JobFields>, payload: unknown): Course;
  /** A thread that was given up goes on. */
  readonly lateResults: boolean;
  /** Of this process. */
  readonly alive: () => boolean;
  /** It has been answered; `read` once the engine took it. */
  answered(read: () => void): void;
}

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

export class SimWorker implements WorkerThread {
  readonly end: EngineEnd;
  readonly lane: Lane;
  readonly #options: SimWorkerOptions;
  readonly #worker: WorkerEnd;
  readonly #job = emptyJob();
  #terminated = false;
  #died = false;
  #hungUntilMs = 0;
  #running = 0;

  constructor(options: SimWorkerOptions) {
    this.#options = options;
    this.lane = options.lane;
    const isCheck = options.lane === "pulse" || options.lane === "hosted";
    const channel = createChannel({ capacity: options.capacity, textBytes: isCheck ? 256 : 16_384 });
    this.end = new EngineEnd(channel);
    this.#worker = new WorkerEnd(channel);
    this.#worker.setPhase("running");
  }

  get gone(): boolean {
    return this.#terminated || this.#died;
  }

  /** An error outside every job. */
  die(): void {
    this.#died = true;
    this.#options.events.failed("out of memory");
  }

  hang(ms: number): void {
    this.#hungUntilMs = Math.max(this.#hungUntilMs, this.#options.timeline.nowMs + ms);
  }

  /** Proof of life, and new jobs. Called after every tick of the engine. */
  step(): void {
    if (this.gone || this.#options.timeline.nowMs < this.#hungUntilMs) return;
    this.#worker.beat();
    if (this.#worker.stopRequested) {
      if (this.#running === 0) this.#worker.setPhase("drained");
      return;
    }
    while (this.#running < this.#worker.slotLimit && this.#worker.take(this.#job)) {
      this.#begin({ ...this.#job });
    }
  }

  reopen(): void {}

  terminate(): void {
    this.#terminated = true;
  }

  #begin(job: JobFields): void {
    const { lanes, monoMs } = this.#options;
    const payload: unknown = job.textBytes > 0
      ? JSON.parse(DECODER.decode(this.#worker.jobText(job.slot, job.textBytes).slice()))
      : undefined;
    const course = lanes.begin(this, job, payload);
    const { ending, effect } = course;
    this.#running++;
    if (course.hangMs !== undefined) this.hang(course.hangMs);
    const beganMs = monoMs();
    if (effect !== undefined) this.#when(ending.effectMs ?? 0, true, () => effect.call(course));
    this.#when(ending.afterMs, false, () => this.#finish(job, course, beganMs));
  }

  /** While its thread lives, and not before it moves again; `late`: even if it was given up meanwhile. */
  #when(ms: number, late: boolean, act: () => void): void {
    const { timeline, lanes } = this.#options;
    timeline.after(ms, () => {
      if (!lanes.alive() || this.#died) return;
      const hungMs = this.#hungUntilMs - timeline.nowMs;
      if (hungMs > 0) return this.#when(hungMs, late, act);
      if (!this.#terminated || (late && lanes.lateResults)) act();
    });
  }

  #finish(job: JobFields, course: Course, beganMs: number): void {
    const { lanes, monoMs } = this.#options;
    const { ending } = course;
    this.#running--;
    const isCheck = this.lane === "pulse" || this.lane === "hosted";
    this.#worker.complete(
      {
        ...emptyResult(),
        slot: job.slot,
        outcome: ending.outcome,
        reason: reasonIndex(ending.reason ?? "none"),
        attempts: 1,
        value: ending.value ?? 0,
        waitUs: ((beganMs * 1000 >>> 0) - job.sentUs) >>> 0,
        serviceUs: Math.round((monoMs() - beganMs) * 1000),
        aux0: job.aux0,
        aux1: isCheck ? job.sentUs : job.aux1,
      },
      ending.text === undefined ? undefined : ENCODER.encode(ending.text),
    );
    lanes.answered(() => course.consumed?.());
  }
}
