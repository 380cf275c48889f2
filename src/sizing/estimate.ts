/**
 * What the traffic of a pipeline has been lately: rate, service time and their variability over a sliding window.
 * Fed with sums a few times a second by the engine; bounded memory, no numbers per job.
 *
 * Ca² is taken from how much the counts per sample vary (index of dispersion: Σ(n − λd)² / λd over the samples, per degree
 * of freedom), not from the gaps between arrivals: the engine sends jobs in bursts of one tick, so gaps are mostly zero and
 * would call even clockwork traffic bursty. For a renewal process both agree in the limit.
 * Source: R. Gusella, "Characterizing the variability of arrival processes with indexes of dispersion", IEEE JSAC 9 (1991).
 */
import { assert } from "../base/assert.ts";
import type { Traffic } from "./queueing.ts";

/** Sums since the sample before. */
export interface Sample {
  readonly arrivals: number;
  readonly services: number;
  /** Wall-clock time in service, of the `services` that ended. */
  readonly serviceMs: number;
  readonly serviceMsSquared: number;
  /** CPU time of the worker threads. */
  readonly cpuMs: number;
  /** Time those jobs waited before their service began. */
  readonly waitMs: number;
}

export interface Estimate extends Traffic {
  /** CPU time per job, ms. */
  readonly cpuMs: number;
  /** Mean measured wait before service, ms. */
  readonly waitMs: number;
  /** Arrivals and services that it is made of: how far it can be trusted. */
  readonly arrivals: number;
  readonly services: number;
}

export interface Estimator {
  /** `nowMs` later than at the call before. */
  add(sample: Sample, nowMs: number): void;
  estimate(): Estimate;
}

export interface EstimatorOptions {
  readonly windowMs: number;
  /** Time of the call on any monotonic clock: the first sample's time is counted from here. */
  readonly startMs: number;
}

/** Variability is kept within this, so that one hour-long job cannot ask for the whole machine. */
const MAX_VARIABILITY = 1000;
/** Below this many samples their variation says nothing; arrivals are taken as Poisson. */
const MIN_SAMPLES = 5;

interface TimedSample extends Sample {
  readonly durationMs: number;
}

export function createEstimator({ windowMs, startMs }: EstimatorOptions): Estimator {
  assert(windowMs > 0, "a window has a length");
  const samples: TimedSample[] = [];
  let lastMs = startMs;
  let coveredMs = 0;
  return {
    add: (sample, nowMs) => {
      const durationMs = nowMs - lastMs;
      assert(durationMs > 0, "time passes between two samples");
      lastMs = nowMs;
      samples.push({ ...sample, durationMs });
      coveredMs += durationMs;
      while (samples.length > 1 && coveredMs - (samples[0] as TimedSample).durationMs >= windowMs) {
        coveredMs -= (samples.shift() as TimedSample).durationMs;
      }
    },
    estimate: () => estimateOf(samples),
  };
}

function estimateOf(samples: readonly TimedSample[]): Estimate {
  const total = {
    durationMs: 0,
    arrivals: 0,
    services: 0,
    serviceMs: 0,
    serviceMsSquared: 0,
    cpuMs: 0,
    waitMs: 0,
  };
  for (const sample of samples) {
    total.durationMs += sample.durationMs;
    total.arrivals += sample.arrivals;
    total.services += sample.services;
    total.serviceMs += sample.serviceMs;
    total.serviceMsSquared += sample.serviceMsSquared;
    total.cpuMs += sample.cpuMs;
    total.waitMs += sample.waitMs;
  }
  const { arrivals, services } = total;
  const perMs = total.durationMs === 0 ? 0 : arrivals / total.durationMs;
  const serviceMs = services === 0 ? 0 : total.serviceMs / services;
  return {
    arrivalsPerSecond: perMs * 1000,
    serviceMs,
    cpuMs: services === 0 ? 0 : total.cpuMs / services,
    waitMs: services === 0 ? 0 : total.waitMs / services,
    ca2: dispersion(samples, perMs),
    cs2: serviceMs === 0 ? 0 : bounded(total.serviceMsSquared / services / (serviceMs * serviceMs) - 1),
    arrivals,
    services,
  };
}

function dispersion(samples: readonly TimedSample[], perMs: number): number {
  if (samples.length < MIN_SAMPLES || perMs === 0) return 1;
  let sum = 0;
  for (const { arrivals, durationMs } of samples) {
    const expected = perMs * durationMs;
    sum += (arrivals - expected) ** 2 / expected;
  }
  return bounded(sum / (samples.length - 1));
}

/** 0 for what is no number: times too short to be squared vary in no way that matters. */
function bounded(variability: number): number {
  return variability > 0 ? Math.min(MAX_VARIABILITY, variability) : 0;
}
