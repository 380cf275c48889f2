/**
 * The raw pulse lane: takes checks from its ring and runs them on an engine of sockets that owns this thread: after boot the
 * event loop is left for good, and sleep is the kernel's, ended by sockets, deadlines or the engine's event descriptor.
 * Typical load: 10,000 checks a second, some hundred in flight. Nothing is allocated for a check that passes.
 *
 * A stop is cooperative, as in run_lane.ts: no new jobs, running ones finish, the phase becomes `drained`.
 */
import { oneLine } from "../base/log.ts";
import { COLLECT_EVERY_MS, collectGarbage } from "../host/collect.ts";
import { createThreadCpu } from "../host/thread_cpu.ts";
import type { RawEnd, RawEngine, RawEngineOptions } from "../model/raw_engine.ts";
import { emptyJob, emptyResult, type ResultReport } from "../shm/records.ts";
import { EngineWake } from "../shm/wake.ts";
import { WorkerEnd } from "../shm/worker_end.ts";
import type { Policy } from "../world/policy.ts";
import { HeldJobs } from "./held_jobs.ts";
import { createControlCheck } from "./thread_control.ts";
import { bootWorker, encodeBounded, type LaneContext, type WorkerScope } from "./worker.ts";

/** Proof of life, and how late an order is seen by a worker whose slots are all taken. */
const BEAT_MS = 200;
/** Checks begun in a row: at 20 µs each, sockets wait no longer than a millisecond for them. */
const BURST = 32;
/** With jobs held so near, the ring is looked at again anyway: no wake-up by the engine, which costs both sides 5 µs. */
const NAP_MS = 8;
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
        names: boot.names,
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
  /** Per slot, from its job: when it may begin, how late that is, and whose it is. */
  readonly #sentUs: Uint32Array;
  readonly #lateUs: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #held: HeldJobs;
  readonly #cpu = createThreadCpu(() => performance.now());
  #reportedCpuUs = this.#cpu.cpuUs();
  #completed = 0;
  #collectAtMs = 0;

  constructor(options: RawLaneOptions) {
    this.#options = options;
    this.#sentUs = new Uint32Array(options.end.capacity);
    this.#lateUs = new Uint32Array(options.end.capacity);
    this.#rows = new Uint32Array(options.end.capacity);
    this.#held = new HeldJobs({ slots: options.end.capacity, nowMs: performance.now() });
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
      this.#sleep(engine, limit);
      this.#wakeIfDone();
      this.#collect();
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
    result.dnsUs = ended.dnsUs;
    result.connectUs = ended.connectUs;
    result.firstByteUs = ended.firstByteUs;
    result.cpuUs = Math.max(0, Math.round(cpuUs - this.#reportedCpuUs));
    result.aux0 = this.#lateUs[slot] as number;
    this.#reportedCpuUs = cpuUs;
    end.complete(
      result,
      ended.text === undefined ? undefined : encodeBounded(oneLine(ended.text), TEXT_BYTES),
    );
    this.#completed++;
  }

  /** Takes what the engine sent, unless earlier ones wait for a slot, and begins what may begin by now. */
  #take(engine: RawEngine, limit: number): void {
    const { end, offsetMs } = this.#options;
    const job = this.#job;
    const held = this.#held;
    const nowMs = performance.now();
    held.release(nowMs);
    const nowUs = ((nowMs + offsetMs) * 1000) >>> 0;
    while (!held.hasReady && engine.inFlight < limit && end.take(job)) {
      this.#sentUs[job.slot] = job.sentUs;
      this.#lateUs[job.slot] = job.aux0;
      this.#rows[job.slot] = job.row;
      held.hold(job.slot, nowMs + ((job.sentUs - nowUs) | 0) / 1000);
    }
    for (let begun = 0; begun < BURST && held.hasReady && engine.inFlight < limit; begun++) {
      const slot = held.take();
      engine.start(slot, this.#rows[slot] as number);
    }
  }

  /** Waits for whatever comes first. */
  #sleep(engine: RawEngine, limit: number): void {
    const { end } = this.#options;
    const busyMs = engine.waitMs(BEAT_MS);
    // With every slot taken no job could be begun: only sockets and deadlines matter then.
    if (engine.inFlight >= limit && limit > 0) return engine.poll(busyMs);
    const heldMs = this.#held.waitMs(performance.now(), BEAT_MS);
    // Half a millisecond late at most: the kernel's wait counts whole ones.
    const waitMs = Math.min(busyMs, heldMs === 0 ? 0 : Math.max(1, Math.round(heldMs)));
    if (heldMs <= NAP_MS) return engine.poll(waitMs);
    if (!end.lieDown()) return engine.poll(0);
    engine.poll(waitMs);
    end.rise();
  }

  #collect(): void {
    const nowMs = performance.now();
    if (nowMs < this.#collectAtMs) return;
    this.#collectAtMs = nowMs + COLLECT_EVERY_MS;
    collectGarbage();
  }

  #wakeIfDone(): void {
    if (this.#completed === 0) return;
    this.#completed = 0;
    this.#options.wakeEngine();
  }
}
