/**
 * The sizing loop of one pipeline: measures a few times a second, decides once a second, and resizes the pool for real.
 * The mathematics are src/sizing; every decision and its inputs are in the metrics and, with --debug, in the log.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { createEstimator, type Estimator } from "../sizing/estimate.ts";
import { decide, type Prior, type SizingDecision, type SizingState } from "../sizing/plan.ts";
import { type Lane, LANES } from "../lanes/lane.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { Pipeline } from "./pipeline.ts";

export interface SizerSettings {
  readonly minWorkers: number;
  readonly maxWorkers: number;
  readonly minSlots: number;
  readonly maxSlots: number;
  /** P95 of the wait for a slot, ms. */
  readonly sloMs: number;
  /** 0.15 = 15 %. */
  readonly headroom: number;
  /** Processors of this machine. */
  readonly cores: number;
  /** What the manifest promises, until it has been measured. */
  readonly prior: Prior;
}

export interface SizerOptions {
  readonly pipeline: Pipeline;
  readonly settings: SizerSettings;
  readonly metrics: EngineMetrics;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Long enough to see the variability of services, short enough to follow a doubled load within seconds. */
const WINDOW_MS = 10_000;
export const SAMPLE_MS = 250;

export class Sizer {
  readonly #options: SizerOptions;
  readonly #estimator: Estimator;
  readonly #lane: number;
  #sampledAtMs: number;
  #state: SizingState | undefined;
  #shortfalls = "";
  #minSlots: number;

  constructor(options: SizerOptions) {
    this.#options = options;
    this.#minSlots = options.settings.minSlots;
    this.#sampledAtMs = options.clock.monoMs();
    this.#estimator = createEstimator({ windowMs: WINDOW_MS, startMs: this.#sampledAtMs });
    this.#lane = LANES.indexOf(options.pipeline.lane);
  }

  get lane(): Lane {
    return this.#options.pipeline.lane;
  }

  /** From now on at least so many slots, up to the most. */
  raiseFloor(slots: number): void {
    this.#minSlots = Math.max(this.#minSlots, Math.min(slots, this.#options.settings.maxSlots));
  }

  /** Takes what the pipeline measured since the last time. */
  sample(): void {
    const nowMs = this.#options.clock.monoMs();
    if (nowMs <= this.#sampledAtMs) return;
    this.#sampledAtMs = nowMs;
    this.#estimator.add(this.#options.pipeline.takeMeasured(), nowMs);
  }

  /** Decides and resizes the pool; the first decision comes before anything was measured. */
  decide(): SizingDecision {
    const { pipeline, settings, metrics, log, clock } = this.#options;
    const decision = decide(
      {
        limits: {
          minSlots: this.#minSlots,
          maxSlots: settings.maxSlots,
          minThreads: settings.minWorkers,
          maxThreads: settings.maxWorkers,
          slotsPerThread: pipeline.workerCapacity,
          cores: settings.cores,
        },
        sloMs: settings.sloMs,
        headroom: settings.headroom,
        measured: this.#estimator.estimate(),
        prior: settings.prior,
      },
      this.#state,
      clock.monoMs(),
    );
    this.#state = decision.state;
    const { slots, threads } = decision.state;
    pipeline.pool.resize(threads.value, slots.value);
    const { traffic, wait } = decision;
    metrics.setSizing(this.#lane, {
      arrivalRate: traffic.arrivalsPerSecond,
      serviceSeconds: traffic.serviceMs / 1000,
      ca2: traffic.ca2,
      cs2: traffic.cs2,
      targetSlots: slots.value,
      targetWorkers: threads.value,
      waitP50Seconds: wait.p50Ms / 1000,
      waitP95Seconds: wait.p95Ms / 1000,
      waitP99Seconds: wait.p99Ms / 1000,
      sloSeconds: settings.sloMs / 1000,
    });
    if (log.debugEnabled) log.debug("Sizing decision", fieldsOf(pipeline.lane, decision));
    this.#reportShortfalls(decision.shortfalls.join("; "));
    return decision;
  }

  /** Once when something stands in the way of the SLO, once when it no longer does. */
  #reportShortfalls(shortfalls: string): void {
    if ((shortfalls === "") === (this.#shortfalls === "")) return;
    this.#shortfalls = shortfalls;
    const { log, pipeline } = this.#options;
    if (shortfalls === "") log.info("The SLO can be met again", { pipeline: pipeline.lane });
    else log.warn(`The SLO cannot be met: ${shortfalls}`, { pipeline: pipeline.lane });
  }
}

function fieldsOf(
  lane: string,
  decision: SizingDecision,
): Readonly<Record<string, string | number | boolean>> {
  const { traffic, wait, state } = decision;
  return {
    pipeline: lane,
    changed: decision.changed,
    slots: state.slots.value,
    workers: state.threads.value,
    wanted_slots: decision.wantedSlots,
    wanted_workers: decision.wantedThreads,
    arrivals: decision.arrivalsAre,
    services: decision.serviceIs,
    rate: round(traffic.arrivalsPerSecond),
    service_ms: round(traffic.serviceMs),
    cpu_ms: round(traffic.cpuMs),
    ca2: round(traffic.ca2),
    cs2: round(traffic.cs2),
    erlangs: round(decision.offeredErlangs),
    wait_p95_ms: round(wait.p95Ms),
    wait_measured_ms: round(decision.measuredWaitMs),
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
