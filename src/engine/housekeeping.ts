/** What the engine does now and then beside its work: looks after workers, sizes the lanes, sets gauges, counts alerts. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { Acts } from "./acts.ts";
import type { Outbox } from "./outbox.ts";
import type { Pipeline } from "./pipeline.ts";
import { SAMPLE_MS, type Sizer } from "./sizer.ts";

const CHECK_POOLS_MS = 250;
const SIZE_MS = 1000;
const CONSERVATION_MS = 10_000;

export interface HousekeepingOptions {
  readonly pipelines: readonly Pipeline[];
  readonly sizers: readonly Sizer[];
  readonly outbox: Outbox;
  readonly acts: Acts;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  /** The lanes are being ended: their size stays as it is. */
  draining = false;
  #poolsAtMs = 0;
  #sizeAtMs = 0;
  #gaugesAtMs = 0;
  #conservationAtMs = 0;
  #unaccounted = 0;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(nowMs: number): void {
    for (const sizer of this.#options.sizers) sizer.decide();
    this.#poolsAtMs = this.#sizeAtMs = this.#gaugesAtMs = nowMs;
  }

  /** When tick() has something to do that cannot wait; monotonic ms. */
  get earliestMs(): number {
    return Math.min(this.#poolsAtMs + CHECK_POOLS_MS, this.#sizeAtMs + SIZE_MS);
  }

  /** Alerts that were neither delivered nor coalesced, silenced, waiting or dead letters, when last counted: 0, or something was lost. */
  get unaccounted(): number {
    return this.#unaccounted;
  }

  tick(nowMs: number): void {
    const { sizers } = this.#options;
    if (nowMs - this.#poolsAtMs >= CHECK_POOLS_MS) {
      this.#poolsAtMs = nowMs;
      this.#checkPools();
    }
    if (nowMs - this.#sizeAtMs >= SIZE_MS && !this.draining) {
      this.#sizeAtMs = nowMs;
      for (const sizer of sizers) sizer.decide();
    }
    if (nowMs - this.#conservationAtMs >= CONSERVATION_MS) {
      this.#conservationAtMs = nowMs;
      this.#checkConservation();
    }
    if (nowMs - this.#gaugesAtMs >= SAMPLE_MS) {
      this.#gaugesAtMs = nowMs;
      for (const sizer of sizers) sizer.sample();
      this.#setGauges();
    }
  }

  #checkPools(): void {
    const { pipelines, metrics, log } = this.#options;
    for (const [index, { pool, lane }] of pipelines.entries()) {
      const before = pool.restarts;
      pool.check();
      for (let lost = before; lost < pool.restarts; lost++) metrics.countWorkerRestart(index);
      if (pool.restarts > before) log.warn("Worker replaced", { pipeline: lane, restarts: pool.restarts });
    }
  }

  /** created = delivered + coalesced + silenced + pending + dead letters, and nothing decided is anywhere else. */
  #checkConservation(): void {
    const { metrics, log, outbox, acts } = this.#options;
    const unaccounted = acts.unaccounted();
    const { coalesced, silenced, waiting } = acts.desk.counts;
    const { deadLettered } = outbox.counts;
    const created = outbox.counts.created + coalesced + silenced + waiting;
    metrics.setAlertsAccount({ created, coalesced, silenced, deadLettered, unaccounted });
    if (unaccounted !== 0) log.error("Alerts are not accounted for", { alerts: unaccounted });
    this.#unaccounted = unaccounted;
  }

  #setGauges(): void {
    const { pipelines, metrics } = this.#options;
    for (const [index, pipeline] of pipelines.entries()) {
      metrics.setQueue(index, pipeline.stats);
      const { pool, out } = pipeline;
      metrics.setPool(index, { workers: pool.threads, slots: pool.slots, busy: out });
    }
  }
}
