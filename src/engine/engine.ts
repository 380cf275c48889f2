/**
 * The engine: one loop on the main thread, collect → apply → schedule → dispatch, about every 2 ms while there is work and
 * asleep otherwise. It never does anything that can stall: no disk, no network, no unbounded loop.
 * Time, randomness, storage (the journal) and the workers are parameters: the same code runs in a simulation.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/prng.ts";
import { CODE, INTERVENTION, type Lane, LANES, PULSE } from "../lanes/lane.ts";
import { STATE } from "../model/state.ts";
import type { JobRequest } from "../shm/records.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { World } from "../world/world.ts";
import { Acts } from "./acts.ts";
import { Checks } from "./checks.ts";
import { DueHeap } from "./due_heap.ts";
import { createIncidents } from "./incidents.ts";
import type { JournalPort } from "./journal_port.ts";
import { type LifeEvent, MonitorLife, type Timer } from "./monitor_life.ts";
import { createOutbox } from "./outbox.ts";
import { Protection, type ProtectionInputs } from "./protection.ts";
import type { Offer } from "./queue.ts";
import { Pipeline, type PipelineSettings } from "./pipeline.ts";
import { Schedule, TICK_MS } from "./schedule.ts";
import { SAMPLE_MS, Sizer, type SizerSettings } from "./sizer.ts";
import { Wheel } from "./wheel.ts";
import type { SpawnWorker } from "./worker_port.ts";

export type LaneSettings = PipelineSettings & SizerSettings;

export interface EngineOptions {
  readonly world: World;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: JournalPort;
  readonly log: Logger;
  readonly spawn: SpawnWorker;
  readonly settings: Readonly<Record<Lane, LaneSettings>>;
  readonly probeKinds: readonly string[];
  readonly remedyKinds: readonly string[];
  /** Unique over restarts; `number` is unique within this process. */
  readonly newIncidentId: (number: number) => string;
  readonly protection: ProtectionInputs;
  readonly observe: (event: LifeEvent) => void;
}

export interface Engine {
  readonly pipelines: readonly Pipeline[];
  readonly sizers: readonly Sizer[];
  /** Spawns the workers and puts every monitor on its schedule. */
  start(): void;
  /** One turn of the loop; returns how long there is nothing to do, ms. */
  tick(): number;
  /** True when something came that a tick would take: looked at before sleeping. */
  hasNews(): boolean;
  /** No more checks are begun from here on. */
  stopChecks(): void;
  /** Pulse jobs that are out. */
  readonly checksOut: number;
  /** Repairs, alerts and decisions that have not come to their end. */
  readonly busy: boolean;
  /** The kill switch: true holds all repairs back that have not begun. */
  freeze(frozen: boolean): void;
  /** SIGUSR1. */
  reopen(): void;
  /** Ends every worker: those that can stop finish first, up to the caller's patience. */
  drainWorkers(): void;
  readonly workersAlive: number;
  terminate(): void;
}

/** Rows looked at per tick: 50 µs each would be a second late; at 0.3 µs it is 10 ms. */
const SCHEDULE_BUDGET = 32_768;
const CHECK_POOLS_MS = 250;
const SIZE_MS = 1000;
/** Longest sleep: bounds how late a stuck clock or a missed wake-up can make the engine. */
const MAX_SLEEP_MS = 250;

export function createEngine(options: EngineOptions): Engine {
  return new LoopEngine(options);
}

class LoopEngine implements Engine {
  readonly pipelines: readonly Pipeline[];
  readonly sizers: readonly Sizer[];
  readonly #options: EngineOptions;
  readonly #schedule: Schedule;
  readonly #timers = new DueHeap<Timer>();
  readonly #life: MonitorLife;
  readonly #checks: Checks;
  readonly #acts: Acts;
  readonly #protection: Protection;
  readonly #nextDueOfOutbox: () => number;
  #checking = false;
  #draining = false;
  #poolsAtMs = 0;
  #sizeAtMs = 0;
  #gaugesAtMs = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { world, metrics, clock, random, journal, observe } = options;
    const { wheelNext, wheelPrevious, due } = world.columns;
    const wheel = new Wheel({ next: wheelNext, previous: wheelPrevious, due }, { startTick: 0 });
    this.#schedule = new Schedule({ world, wheel, clock });
    const incidents = createIncidents(options.newIncidentId);
    const outbox = createOutbox({ channels: world.channels.length, random });
    this.#nextDueOfOutbox = () => outbox.nextDueMs(clock.monoMs());
    this.#protection = new Protection({
      ...options,
      ...options.protection,
      incidents,
      checkNow: (row) => this.#checks.checkNow(row),
      apply: (row, event) => this.#life.apply(row, event),
      tell: (row, color) => this.#life.tell(row, color),
      announce: (decision) => this.#acts.announce(decision),
    });
    this.#life = new MonitorLife({
      guards: this.#protection,
      world,
      incidents,
      timers: this.#timers,
      metrics,
      clock,
      observe,
      decide: (verdict) => this.#acts.decide(verdict),
    });
    this.pipelines = LANES.map((lane) => this.#createPipeline(lane));
    this.sizers = LANES.map((lane, index) =>
      new Sizer({
        pipeline: this.pipelines[index] as Pipeline,
        settings: options.settings[lane],
        metrics,
        log: options.log,
        clock,
      })
    );
    this.#checks = new Checks({
      world,
      life: this.#life,
      schedule: this.#schedule,
      metrics,
      clock,
      kinds: options.probeKinds,
      offer: (job) => this.#pipeline(PULSE).offer(job),
      checked: (row, outcome) => this.#protection.checked(row, outcome),
      takeCanary: (row, passed) => this.#protection.takeCanary(row, passed),
    });
    this.#acts = new Acts({
      world,
      life: this.#life,
      incidents,
      outbox,
      journal,
      metrics,
      clock,
      remedyKinds: options.remedyKinds,
      guards: this.#protection,
      offerRepair: (job, payload) => this.#offerRepair(job, payload),
      offerAlert: (job, payload) => this.#pipeline(CODE).offer(job, payload),
      repairEnded: (row) => this.#checks.repairEnded(row),
    });
  }

  start(): void {
    const { world, metrics, clock } = this.#options;
    const nowMs = clock.monoMs();
    for (let row = 0; row < world.count; row++) this.#schedule.add(row, nowMs);
    for (const row of this.#options.protection.canaries.keys()) this.#schedule.add(row, nowMs);
    metrics.addMonitors(STATE.pending, world.count);
    for (const sizer of this.sizers) sizer.decide();
    this.#poolsAtMs = this.#sizeAtMs = this.#gaugesAtMs = nowMs;
    this.#checking = true;
  }

  tick(): number {
    const { clock, metrics } = this.#options;
    const startMs = clock.monoMs();
    for (const { pool } of this.pipelines) pool.refresh();
    let done = 0;
    for (const pipeline of this.pipelines) done += pipeline.collect();
    for (
      let timer = this.#timers.popDue(startMs);
      timer !== undefined;
      timer = this.#timers.popDue(startMs)
    ) {
      this.#life.timerDue(timer);
    }
    let onTime = true;
    if (this.#checking) {
      onTime = this.#schedule.advance(
        startMs,
        SCHEDULE_BUDGET,
        (row, lateMs) => this.#checks.dispatch(row, lateMs),
      );
    }
    this.#protection.tick(startMs);
    this.#acts.commit();
    this.#acts.dispatch(startMs);
    for (const pipeline of this.pipelines) pipeline.pump();
    this.#housekeep(startMs);
    const endMs = clock.monoMs();
    metrics.observeTick((endMs - startMs) * 1000);
    if (!onTime) return 0;
    if (done > 0) return TICK_MS;
    return this.#idleMs(endMs);
  }

  hasNews(): boolean {
    return this.pipelines.some((pipeline) => pipeline.hasResults);
  }

  stopChecks(): void {
    this.#checking = false;
  }

  get checksOut(): number {
    return this.#pipeline(PULSE).out;
  }

  get busy(): boolean {
    return this.#acts.busy;
  }

  freeze(frozen: boolean): void {
    this.#protection.freeze(frozen);
  }

  reopen(): void {
    for (const { pool } of this.pipelines) pool.reopen();
  }

  drainWorkers(): void {
    this.#draining = true;
    for (const { pool } of this.pipelines) pool.drain();
  }

  get workersAlive(): number {
    return this.pipelines.reduce((sum, { pool }) => sum + pool.size, 0);
  }

  terminate(): void {
    for (const { pool } of this.pipelines) pool.terminate();
  }

  #idleMs(nowMs: number): number {
    const dueMs = Math.min(
      this.#timers.earliestMs,
      this.#nextDueOfOutbox(),
      this.#protection.earliestMs(nowMs),
      this.#poolsAtMs + CHECK_POOLS_MS,
      this.#sizeAtMs + SIZE_MS,
    );
    const sleepMs = Math.min(MAX_SLEEP_MS, dueMs - nowMs);
    if (sleepMs <= TICK_MS) return Math.max(0, sleepMs);
    return this.#checking ? Math.max(TICK_MS, this.#schedule.idleMs(nowMs, sleepMs)) : sleepMs;
  }

  #housekeep(nowMs: number): void {
    const { metrics, log } = this.#options;
    if (nowMs - this.#poolsAtMs >= CHECK_POOLS_MS) {
      this.#poolsAtMs = nowMs;
      for (const [index, { pool, lane }] of this.pipelines.entries()) {
        const before = pool.restarts;
        pool.check();
        for (let lost = before; lost < pool.restarts; lost++) metrics.countWorkerRestart(index);
        if (pool.restarts > before) log.warn("Worker replaced", { pipeline: lane, restarts: pool.restarts });
      }
    }
    if (nowMs - this.#sizeAtMs >= SIZE_MS && !this.#draining) {
      this.#sizeAtMs = nowMs;
      for (const sizer of this.sizers) sizer.decide();
    }
    if (nowMs - this.#gaugesAtMs >= SAMPLE_MS) {
      this.#gaugesAtMs = nowMs;
      for (const sizer of this.sizers) sizer.sample();
      for (const [index, pipeline] of this.pipelines.entries()) {
        metrics.setQueue(index, pipeline.stats);
        const { pool, out } = pipeline;
        metrics.setPool(index, { workers: pool.threads, slots: pool.slots, busy: out });
      }
    }
  }

  #createPipeline(lane: Lane): Pipeline {
    const { settings, spawn, log } = this.#options;
    return new Pipeline({
      lane,
      settings: settings[lane],
      spawn,
      log,
      onResult: (result, text) => {
        if (lane === "pulse") this.#checks.collect(result, text);
        else if (lane === "intervention") this.#acts.repairResult(result, text);
        else this.#acts.alertResult(result, text);
      },
      onOrphan: (job, payload, lost) => {
        if (lane === "pulse") this.#checks.orphaned(job, lost);
        else if (lane === "intervention") this.#acts.repairOrphaned(job, payload, lost);
        else this.#acts.alertOrphaned(job);
      },
    });
  }

  /** Only what can begin at once leaves the engine: a repair in a queue could not be called back. */
  #offerRepair(job: JobRequest, payload: Uint8Array): Offer {
    const { out, pool } = this.#pipeline(INTERVENTION);
    return out < pool.slots ? this.#pipeline(INTERVENTION).offer(job, payload) : "deferred";
  }

  #pipeline(lane: number): Pipeline {
    return this.pipelines[lane] as Pipeline;
  }
}
