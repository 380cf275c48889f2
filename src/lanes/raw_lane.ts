/**
 * The raw pulse lane: takes checks from its ring and runs them on an engine of sockets that owns this thread: after boot the
 * event loop is left for good, and sleep is the kernel's, ended by sockets, deadlines or the engine's event descriptor.
 * Typical load: 10,000 checks a second, some hundred in flight. Nothing is allocated for a check that passes.
 *
 * A stop is cooperative, as in run_lane.ts: no new jobs, running ones finish, the phase becomes `drained`.
 */
import { oneLine } from "../base/log.ts";
import { createThreadCpu } from "../host/thread_cpu.ts";
import { emptyJob, emptyResult, type ResultReport } from "../shm/records.ts";
import { EngineWake } from "../shm/wake.ts";
import { WorkerEnd } from "../shm/worker_end.ts";
import type { Policy } from "../world/policy.ts";
import { createControlCheck } from "./thread_control.ts";
import { bootWorker, encodeBounded, type LaneContext, type WorkerScope } from "./worker.ts";

/** What the lane needs of an engine; net/raw has it. */
export interface RawEngine {
  readonly inFlight: number;
  /** Begins a check; its end may come before this returns. */
  start(slot: number, row: number): void;
  /** Handles what there is, waiting at most so long. */
  poll(waitMs: number): void;
  waitMs(mostMs: number): number;
  close(): void;
}

/** How a check ended, in the indices of model/outcome.ts; valid during the call. */
export interface RawEnd {
  readonly slot: number;
  readonly outcome: number;
  readonly reason: number;
  readonly value: number;
  readonly text: string | undefined;
  readonly attempts: number;
  readonly beganMs: number;
  readonly connectUs: number;
  readonly firstByteUs: number;
}

export interface RawEngineOptions {
  readonly slots: number;
  readonly wakeFd: number;
  readonly nowMs: () => number;
  readonly policyOf: (row: number) => Policy;
  readonly target: (row: number, into: Uint8Array) => number;
  readonly ended: (end: RawEnd) => void;
}

/** Proof of life, and how late an order is seen by a worker whose slots are all taken. */
const BEAT_MS = 200;
/** Checks begun in a row: at 20 µs each, sockets wait no longer than a millisecond for them. */
const BURST = 32;
const TEXT_BYTES = 200;

export function startRawWorker(
  scope: WorkerScope,
  createEngine: (options: RawEngineOptions) => Promise<RawEngine>,
): void {
  bootWorker(scope, {
    ready: ({ boot, offsetMs, context }) => {
      const wake = new EngineWake(boot.engineWake);
      const end = new WorkerEnd(boot.channel);
      const lane = new RawLane({
        end,
        offsetMs,
        wakeEngine: () => wake.wake(),
        checkControl: createControlCheck(boot.profile),
      });
      const engine = createEngine({
        slots: boot.channel.capacity,
        wakeFd: boot.wakeFd as number,
        nowMs: () => performance.now(),
        ...sourceOf(context),
        ended: (ended) => lane.complete(ended),
      });
      scope.postMessage({ type: "ready" });
      engine.then((opened) => lane.run(opened));
    },
    reopen: () => {},
  });
}

function sourceOf({ world }: LaneContext): Pick<RawEngineOptions, "policyOf" | "target"> {
  return {
    policyOf: (row) => world.policies[world.columns.policy[row] as number] as Policy,
    target: (row, into) => world.copyTarget(row, into),
  };
}

export interface RawLaneOptions {
  readonly end: WorkerEnd;
  /** What to add to this thread's monotonic ms to get the engine's. */
  readonly offsetMs: number;
  readonly wakeEngine: () => void;
  /** Looks for what this thread is asked beside its jobs (thread_control.ts); a promise must be awaited. */
  readonly checkControl: () => Promise<void> | undefined;
}

export class RawLane {
  readonly #options: RawLaneOptions;
  readonly #job = emptyJob();
  readonly #result: ResultReport = emptyResult();
  /** Per slot, from its job: when it was sent, and its lateness then. */
  readonly #sentUs: Uint32Array;
  readonly #lateUs: Uint32Array;
  readonly #cpu = createThreadCpu(() => performance.now());
  #reportedCpuUs = this.#cpu.cpuUs();
  #completed = 0;

  constructor(options: RawLaneOptions) {
    this.#options = options;
    this.#sentUs = new Uint32Array(options.end.capacity);
    this.#lateUs = new Uint32Array(options.end.capacity);
  }

  /** Settles when the lane was asked to stop and its last check has ended. */
  async run(engine: RawEngine): Promise<void> {
    const { end, wakeEngine, checkControl } = this.#options;
    end.setPhase("running");
    while (!end.stopRequested) {
      end.beat();
      const limit = end.slotLimit;
      this.#take(engine, limit);
      this.#wakeIfDone();
      // With every slot taken no job could be begun: only sockets and deadlines matter then.
      if (engine.inFlight >= limit && limit > 0) engine.poll(engine.waitMs(BEAT_MS));
      else if (end.lieDown()) {
        engine.poll(engine.waitMs(BEAT_MS));
        end.rise();
      } else engine.poll(0);
      this.#wakeIfDone();
      const asked = checkControl();
      if (asked !== undefined) await asked;
    }
    end.setPhase("draining");
    while (engine.inFlight > 0) {
      end.beat();
      engine.poll(engine.waitMs(BEAT_MS));
      this.#wakeIfDone();
    }
    engine.close();
    this.#cpu.close();
    end.setPhase("drained");
    wakeEngine();
  }

  /** The engine's `ended`. */
  complete(ended: RawEnd): void {
    const { end, offsetMs } = this.#options;
    const result = this.#result;
    const { slot } = ended;
    const cpuUs = this.#cpu.cpuUs();
    const startUs = ((ended.beganMs + offsetMs) * 1000) >>> 0;
    result.slot = slot;
    result.outcome = ended.outcome;
    result.reason = ended.reason;
    result.attempts = ended.attempts;
    result.value = ended.value;
    result.waitUs = Math.max(0, (startUs - (this.#sentUs[slot] as number)) | 0);
    result.serviceUs = Math.round((performance.now() - ended.beganMs) * 1000);
    result.connectUs = ended.connectUs;
    result.firstByteUs = ended.firstByteUs;
    result.cpuUs = Math.max(0, Math.round(cpuUs - this.#reportedCpuUs));
    result.aux0 = this.#lateUs[slot] as number;
    result.aux1 = this.#sentUs[slot] as number;
    this.#reportedCpuUs = cpuUs;
    end.complete(
      result,
      ended.text === undefined ? undefined : encodeBounded(oneLine(ended.text), TEXT_BYTES),
    );
    this.#completed++;
  }

  #take(engine: RawEngine, limit: number): void {
    const { end } = this.#options;
    const job = this.#job;
    for (let begun = 0; begun < BURST && engine.inFlight < limit && end.take(job); begun++) {
      this.#sentUs[job.slot] = job.sentUs;
      this.#lateUs[job.slot] = job.aux0;
      engine.start(job.slot, job.row);
    }
  }

  #wakeIfDone(): void {
    if (this.#completed === 0) return;
    this.#completed = 0;
    this.#options.wakeEngine();
  }
}
