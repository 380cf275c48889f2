/**
 * The engine: one loop on the main thread, collect → apply → schedule → dispatch, about every 2 ms while there is work and
 * asleep otherwise. It never does anything that can stall: no disk, no network, no unbounded loop.
 * Time, randomness, storage (the journal) and the workers are parameters: the same code runs in a simulation.
 */
import { assert } from "../base/assert.ts";
import { CODE, HOSTED, PULSE } from "../lanes/lane.ts";
import type { Restored, Standing } from "../model/journal_record.ts";
import type { ReceivedSignal } from "../model/signal.ts";
import { STATE } from "../model/state.ts";
import { TickTrace } from "../telemetry/tick_trace.ts";
import type { AlertControl } from "./alert_control.ts";
import type { EngineOptions } from "./engine_options.ts";
import { Housekeeping } from "./housekeeping.ts";
import type { Pipeline } from "./pipeline.ts";
import { restoreAlerts, restoreAll } from "./restore.ts";
import { TICK_MS } from "./schedule.ts";
import type { Sizer } from "./sizer.ts";
import { freeRows, Swap, type SwapPlan } from "./swap.ts";
import { type EngineParts, wireEngine } from "./wiring.ts";

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
  /** Rows that a new monitor may have, besides new ones. */
  freeRows(): Uint32Array;
  /**
   * Takes over another manifest, some rows a tick; `done` when all of it is so, `extended` at once when there are new
   * policies or channels. One at a time.
   */
  swap(plan: SwapPlan, told: { readonly extended: () => void; readonly done: () => void }): void;
  /** No more checks are begun from here on. */
  stopChecks(): void;
  /** Checks that are out. */
  readonly checksOut: number;
  /** Repairs, alerts and decisions that have not come to their end. */
  readonly busy: boolean;
  /** Some of it runs or could begin at this moment; the rest are alerts that wait for their next try. */
  readonly working: boolean;
  /** A repair runs, or is decided. */
  readonly repairing: boolean;
  /** Turns since the start. */
  readonly ticks: number;
  /** Alerts that got lost, as of the last count: 0, or there is a fault. */
  readonly alertsUnaccounted: number;
  /** The kill switch: true holds all repairs back that have not begun. */
  freeze(frozen: boolean): void;
  /** What came from outside for these rows; they are judged at once. */
  takeSignals(signals: readonly ReceivedSignal[]): void;
  /** Replaces every worker by a new one; those there are finish what they run. */
  renewWorkers(): void;
  /** SIGUSR1. */
  reopen(): void;
  /** Ends every worker: those that can stop finish first, up to the caller's patience. */
  drainWorkers(): void;
  readonly workersAlive: number;
  /** What people ask of it about alerts. */
  readonly alerts: AlertControl;
  terminate(): void;
}

/** Rows looked at per tick: 50 µs each would be a second late; at 0.3 µs it is 10 ms. */
const SCHEDULE_BUDGET = 32_768;
/** Of one turn: more results wait for the next, so that a storm makes no turn long. */
const COLLECT_MS = 3;
/** Longest sleep: bounds how late a stuck clock or a missed wake-up can make the engine. */
const MAX_SLEEP_MS = 250;

export function createEngine(options: EngineOptions): Engine {
  return new LoopEngine(options);
}

class LoopEngine implements Engine {
  readonly pipelines: readonly Pipeline[];
  readonly sizers: readonly Sizer[];
  readonly #options: EngineOptions;
  readonly #parts: EngineParts;
  readonly #trace: TickTrace;
  readonly #housekeeping: Housekeeping;
  ticks = 0;
  #checking = false;
  #swap: { readonly step: Swap; readonly done: () => void } | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#trace = options.trace ?? new TickTrace(options.clock.monoMs);
    this.#parts = wireEngine(options);
    this.pipelines = this.#parts.pipelines;
    this.sizers = this.#parts.sizers;
    this.#housekeeping = new Housekeeping({ ...options, ...this.#parts });
  }

  start(): void {
    const { world, metrics, clock } = this.#options;
    const nowMs = clock.monoMs();
    for (let row = 0; row < world.count; row++) this.#parts.schedule.add(row, nowMs);
    for (const row of this.#options.protection.canaries.keys()) this.#parts.schedule.add(row, nowMs);
    metrics.addMonitors(STATE.pending, world.count);
    this.#restore();
    this.#housekeeping.start(nowMs);
    this.#checking = true;
  }

  standing(): Standing {
    this.#parts.acts.desk.flush();
    return {
      monitors: this.#parts.ledger.standing(),
      ...this.#parts.acts.pending(),
      facts: this.#parts.ledger.facts,
    };
  }

  takeLate(restored: Restored): void {
    this.#parts.protection.restoreLimits(restored.facts);
    restoreAlerts(restored, this.#parts.restoring);
  }

  tick(): number {
    const { clock, metrics } = this.#options;
    const trace = this.#trace;
    const startMs = clock.monoMs();
    this.ticks++;
    trace.begin(startMs);
    for (const { pool } of this.pipelines) pool.refresh();
    let done = 0;
    const timeIsUp = () => clock.monoMs() - startMs >= COLLECT_MS;
    for (const pipeline of this.pipelines) done += pipeline.collect(timeIsUp);
    const moreToCollect = timeIsUp() && this.hasNews();
    trace.mark();
    for (
      let timer = this.#parts.timers.popDue(startMs);
      timer !== undefined;
      timer = this.#parts.timers.popDue(startMs)
    ) {
      this.#parts.life.timerDue(timer);
    }
    trace.mark();
    this.#stepSwap(startMs);
    let onTime = true;
    if (this.#checking) {
      this.#parts.checks.admit(startMs);
      onTime = this.#parts.schedule.advance(
        startMs,
        SCHEDULE_BUDGET,
        (row, lateMs) => this.#parts.checks.dispatch(row, lateMs),
      );
      this.#parts.checks.judgeDue();
    }
    trace.mark();
    this.#parts.protection.tick(startMs);
    this.#parts.acts.desk.tick(startMs);
    this.#parts.acts.commit();
    trace.mark();
    this.#parts.acts.dispatch(startMs);
    trace.mark();
    for (const pipeline of this.pipelines) pipeline.pump();
    trace.mark();
    this.#housekeeping.tick(startMs);
    trace.mark();
    trace.end(done);
    const endMs = clock.monoMs();
    metrics.observeTick((endMs - startMs) * 1000);
    if (!onTime || moreToCollect) return 0;
    if (done > 0 || this.#swap !== undefined) return TICK_MS;
    return this.#idleMs(endMs);
  }

  freeRows(): Uint32Array {
    return freeRows(this.#options.world, this.#parts);
  }

  swap(plan: SwapPlan, { extended, done }: Parameters<Engine["swap"]>[1]): void {
    assert(this.#swap === undefined, "one manifest is taken over at a time");
    this.#swap = { step: new Swap(plan, { ...this.#options, parts: this.#parts, extended }), done };
  }

  #stepSwap(nowMs: number): void {
    if (this.#swap === undefined || !this.#swap.step.step(nowMs)) return;
    const { done } = this.#swap;
    this.#swap = undefined;
    done();
  }

  hasNews(): boolean {
    return this.#swap !== undefined || this.pipelines.some((pipeline) => pipeline.hasResults);
  }

  stopChecks(): void {
    this.#checking = false;
    this.#parts.acts.desk.flush();
  }

  get checksOut(): number {
    return this.#pipeline(PULSE).out + this.#pipeline(HOSTED).out;
  }

  get busy(): boolean {
    return this.#parts.acts.busy;
  }

  get working(): boolean {
    return this.#pipeline(CODE).out > 0 || this.#parts.acts.working(this.#options.clock.monoMs());
  }

  get repairing(): boolean {
    return this.#parts.acts.repairs.busy;
  }

  get alertsUnaccounted(): number {
    return this.#housekeeping.unaccounted;
  }

  freeze(frozen: boolean): void {
    this.#parts.protection.freeze(frozen);
  }

  takeSignals(signals: readonly ReceivedSignal[]): void {
    const { judges, checks } = this.#parts;
    for (const { row, signal } of signals) {
      if (judges.take(row, signal)) checks.checkNow(row);
    }
  }

  renewWorkers(): void {
    for (const { pool } of this.pipelines) pool.renew();
  }

  reopen(): void {
    for (const { pool } of this.pipelines) pool.reopen();
  }

  drainWorkers(): void {
    this.#housekeeping.draining = true;
    for (const { pool } of this.pipelines) pool.drain();
  }

  get alerts(): AlertControl {
    return this.#parts.control;
  }

  get workersAlive(): number {
    return this.pipelines.reduce((sum, { pool }) => sum + pool.size, 0);
  }

  terminate(): void {
    for (const { pool } of this.pipelines) pool.terminate();
  }

  #idleMs(nowMs: number): number {
    const dueMs = Math.min(
      this.#parts.timers.earliestMs,
      this.#parts.outbox.nextDueMs(nowMs),
      this.#parts.protection.earliestMs(nowMs),
      this.#parts.acts.desk.earliestMs(nowMs),
      this.#housekeeping.earliestMs,
    );
    const sleepMs = Math.min(MAX_SLEEP_MS, dueMs - nowMs);
    if (sleepMs <= TICK_MS) return Math.max(0, sleepMs);
    return this.#checking ? Math.max(TICK_MS, this.#parts.schedule.idleMs(nowMs, sleepMs)) : sleepMs;
  }

  #restore(): void {
    const { restored, log } = this.#options;
    if (restored === undefined) return;
    const report = restoreAll(restored, this.#parts.restoring);
    if (Object.values(report).some((count) => count > 0)) {
      log.info("Going on where the last run ended", { ...report });
    }
  }

  #pipeline(lane: number): Pipeline {
    return this.pipelines[lane] as Pipeline;
  }
}
