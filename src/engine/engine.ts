/**
 * The engine: one loop on the main thread, collect → apply → schedule → dispatch, about every 2 ms while there is work and
 * asleep otherwise. It never does anything that can stall: no disk, no network, no unbounded loop.
 * Time, randomness, storage (the journal) and the workers are parameters: the same code runs in a simulation.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/prng.ts";
import { CODE, HOSTED, INTERVENTION, type Lane, LANES, PULSE } from "../lanes/lane.ts";
import { channelIdentity } from "../model/channel_identity.ts";
import { NOTHING_RESTORED, type Restored, type Standing } from "../model/journal_record.ts";
import { STATE } from "../model/state.ts";
import type { JobRequest } from "../shm/records.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import { TickTrace } from "../telemetry/tick_trace.ts";
import type { World } from "../world/world.ts";
import { Acts } from "./acts.ts";
import { Checks } from "./checks.ts";
import { DueHeap } from "./due_heap.ts";
import { createIncidents } from "./incidents.ts";
import type { JournalPort } from "./journal_port.ts";
import { Ledger } from "./ledger.ts";
import { type LifeEvent, MonitorLife, type Timer } from "./monitor_life.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { Protection, type ProtectionInputs } from "./protection.ts";
import { Pipeline, type PipelineSettings } from "./pipeline.ts";
import { restoreAlerts, restoreAll, type RestoreOptions } from "./restore.ts";
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
  /** What an earlier process left. */
  readonly restored?: Restored;
  readonly log: Logger;
  readonly spawn: SpawnWorker;
  readonly settings: Readonly<Record<Lane, LaneSettings>>;
  /** Whether the pulse lane runs this row's checks, else the hosted lane; absent = all of them. Asked once per row. */
  readonly runsOnPulse?: (row: number) => boolean;
  readonly probeKinds: readonly string[];
  readonly remedyKinds: readonly string[];
  /** Unique over restarts; `number` is unique within this process. */
  readonly newIncidentId: (number: number) => string;
  readonly protection: ProtectionInputs;
  readonly observe: (event: LifeEvent) => void;
  /** Records the stages of ticks while asked to. */
  readonly trace?: TickTrace;
}

export interface Engine {
  readonly pipelines: readonly Pipeline[];
  readonly sizers: readonly Sizer[];
  /** Everything a journal has to hold, for one that missed something. */
  standing(): Standing;
  /** What an earlier process left, found when this one runs already: its alerts go out. */
  takeLate(restored: Restored): void;
  /** Spawns the workers and puts every monitor on its schedule. */
  start(): void;
  /** One turn of the loop; returns how long there is nothing to do, ms. */
  tick(): number;
  /** True when something came that a tick would take: looked at before sleeping. */
  hasNews(): boolean;
  /** No more checks are begun from here on. */
  stopChecks(): void;
  /** Checks that are out. */
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
const CONSERVATION_MS = 10_000;
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
  readonly #outbox: Outbox;
  readonly #ledger: Ledger;
  readonly #restoring: RestoreOptions;
  readonly #trace: TickTrace;
  readonly #protection: Protection;
  #checking = false;
  #draining = false;
  #poolsAtMs = 0;
  #sizeAtMs = 0;
  #gaugesAtMs = 0;
  #conservationAtMs = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { world, metrics, clock, random, journal, observe } = options;
    this.#trace = options.trace ?? new TickTrace(clock.monoMs);
    const { wheelNext, wheelPrevious, due } = world.columns;
    const wheel = new Wheel({ next: wheelNext, previous: wheelPrevious, due }, { startTick: 0 });
    this.#schedule = new Schedule({ world, wheel, clock });
    const incidents = createIncidents(options.newIncidentId);
    const { lastAlertId, facts } = options.restored ?? NOTHING_RESTORED;
    const outbox = createOutbox({ channels: world.channels.length, random, lastId: lastAlertId });
    const channelIds = world.channels.map(channelIdentity);
    const ledger = new Ledger({ world, incidents, clock, journal, facts });
    this.#outbox = outbox;
    this.#ledger = ledger;
    this.#protection = new Protection({
      ...options,
      ...options.protection,
      incidents,
      checkNow: (row) => this.#checks.checkNow(row),
      apply: (row, event) => this.#life.apply(row, event),
      tell: (row, color) => this.#life.tell(row, color),
      announce: (announcement) => this.#acts.announce(announcement),
      stored: facts,
      store: ledger,
    });
    this.#life = new MonitorLife({
      guards: this.#protection,
      world,
      incidents,
      timers: this.#timers,
      metrics,
      clock,
      observe: (event) => {
        ledger.observe(event);
        observe(event);
      },
      decide: (verdict) => this.#acts.decide(verdict),
      touch: (row) => ledger.touch(row),
    });
    this.#restoring = {
      ...options,
      incidents,
      timers: this.#timers,
      life: this.#life,
      ledger,
      outbox,
      channelIds,
      guards: this.#protection,
    };
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
      runsOnPulse: options.runsOnPulse ?? (() => true),
      offer: (lane, job) => this.#pipeline(lane).offer(job),
      guards: this.#protection,
    });
    this.#acts = new Acts({
      world,
      life: this.#life,
      incidents,
      outbox,
      ledger,
      metrics,
      clock,
      channelIds,
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
    this.#restore();
    for (const sizer of this.sizers) sizer.decide();
    this.#poolsAtMs = this.#sizeAtMs = this.#gaugesAtMs = nowMs;
    this.#checking = true;
  }

  standing(): Standing {
    return { monitors: this.#ledger.standing(), ...this.#acts.pending(), facts: this.#ledger.facts };
  }

  takeLate(restored: Restored): void {
    this.#protection.restoreLimits(restored.facts);
    restoreAlerts(restored, this.#restoring);
  }

  tick(): number {
    const { clock, metrics } = this.#options;
    const trace = this.#trace;
    const startMs = clock.monoMs();
    trace.begin(startMs);
    for (const { pool } of this.pipelines) pool.refresh();
    let done = 0;
    for (const pipeline of this.pipelines) done += pipeline.collect();
    trace.mark();
    for (
      let timer = this.#timers.popDue(startMs);
      timer !== undefined;
      timer = this.#timers.popDue(startMs)
    ) {
      this.#life.timerDue(timer);
    }
    trace.mark();
    let onTime = true;
    if (this.#checking) {
      onTime = this.#schedule.advance(
        startMs,
        SCHEDULE_BUDGET,
        (row, lateMs) => this.#checks.dispatch(row, lateMs),
      );
    }
    trace.mark();
    this.#protection.tick(startMs);
    this.#acts.commit();
    trace.mark();
    this.#acts.dispatch(startMs);
    trace.mark();
    for (const pipeline of this.pipelines) pipeline.pump();
    trace.mark();
    this.#housekeep(startMs);
    trace.mark();
    trace.end(done);
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
    return this.#pipeline(PULSE).out + this.#pipeline(HOSTED).out;
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
      this.#outbox.nextDueMs(nowMs),
      this.#protection.earliestMs(nowMs),
      this.#poolsAtMs + CHECK_POOLS_MS,
      this.#sizeAtMs + SIZE_MS,
    );
    const sleepMs = Math.min(MAX_SLEEP_MS, dueMs - nowMs);
    if (sleepMs <= TICK_MS) return Math.max(0, sleepMs);
    return this.#checking ? Math.max(TICK_MS, this.#schedule.idleMs(nowMs, sleepMs)) : sleepMs;
  }

  #restore(): void {
    const { restored, log } = this.#options;
    if (restored === undefined) return;
    const report = restoreAll(restored, this.#restoring);
    if (Object.values(report).some((count) => count > 0)) {
      log.info("Going on where the last run ended", { ...report });
    }
  }

  /** created = delivered + pending + dead letters, and nothing decided is anywhere else. */
  #checkConservation(): void {
    const { metrics, log } = this.#options;
    const unaccounted = this.#outbox.unaccounted();
    const { created, deadLettered } = this.#outbox.counts;
    metrics.setAlertsAccount({ created, deadLettered, unaccounted });
    if (unaccounted !== 0) log.error("Alerts are not accounted for", { alerts: unaccounted });
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
    if (nowMs - this.#conservationAtMs >= CONSERVATION_MS) {
      this.#conservationAtMs = nowMs;
      this.#checkConservation();
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
        if (lane === "pulse") this.#checks.collect(PULSE, result, text);
        else if (lane === "hosted") this.#checks.collect(HOSTED, result, text);
        else if (lane === "intervention") this.#acts.repairs.result(result, text);
        else this.#acts.deliveries.result(result, text);
      },
      onOrphan: (job, payload, lost) => {
        if (lane === "pulse" || lane === "hosted") this.#checks.orphaned(job, lost);
        else if (lane === "intervention") this.#acts.repairs.orphaned(job, payload, lost);
        else this.#acts.deliveries.orphaned(job);
      },
    });
  }

  /** Only what can begin at once leaves the engine: a repair in a queue could not be called back. */
  #offerRepair(job: JobRequest, payload: Uint8Array) {
    const pipeline = this.#pipeline(INTERVENTION);
    return pipeline.out < pipeline.pool.slots ? pipeline.offer(job, payload) : "deferred";
  }

  #pipeline(lane: number): Pipeline {
    return this.pipelines[lane] as Pipeline;
  }
}
