/**
 * A discrete-event simulation of the G/G/c queue, first come first served: the judge of the formulas in src/sizing.
 * The j-th job starts when the server that is free first is free (Kiefer and Wolfowitz 1955), so a heap of c times is the
 * whole state. Times are in units of the mean service time.
 */
import type { Random } from "../../src/base/prng.ts";

/** A distribution of positive times with mean 1. */
export interface Distribution {
  readonly name: string;
  /** Squared coefficient of variation. */
  readonly scv: number;
  draw(random: Random): number;
}

export const DETERMINISTIC: Distribution = { name: "D", scv: 0, draw: () => 1 };
export const EXPONENTIAL: Distribution = { name: "M", scv: 1, draw: exponential };

export function erlang(stages: number): Distribution {
  return {
    name: `E${stages}`,
    scv: 1 / stages,
    draw: (random) => {
      let sum = 0;
      for (let stage = 0; stage < stages; stage++) sum += exponential(random);
      return sum / stages;
    },
  };
}

/** Two exponential branches with balanced means; scv > 1. */
export function hyperexponential(scv: number): Distribution {
  const often = (1 + Math.sqrt((scv - 1) / (scv + 1))) / 2;
  return {
    name: `H${scv}`,
    scv,
    draw: (random) => {
      const share = random() < often ? often : 1 - often;
      return exponential(random) / (2 * share);
    },
  };
}

export interface Simulation {
  readonly servers: number;
  readonly utilization: number;
  readonly arrivals: Distribution;
  readonly services: Distribution;
  readonly jobs: number;
  readonly random: Random;
}

/** Waits of the jobs, sorted, in mean service times; the first tenth, which meets an empty queue, is left out. */
export function simulateWaits(simulation: Simulation): Float64Array {
  const { servers, utilization, arrivals, services, jobs, random } = simulation;
  const gap = 1 / (servers * utilization);
  const free = new Float64Array(servers);
  const waits = new Float64Array(jobs);
  let now = 0;
  for (let job = 0; job < jobs; job++) {
    now += arrivals.draw(random) * gap;
    const start = Math.max(now, free[0] as number);
    waits[job] = start - now;
    replaceLeast(free, start + services.draw(random));
  }
  return waits.subarray(Math.floor(jobs / 10)).sort();
}

export function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** The root of a binary heap is replaced and sinks to its place. */
function replaceLeast(heap: Float64Array, value: number): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
    if ((heap[child] as number) >= value) break;
    heap[at] = heap[child] as number;
    at = child;
  }
  heap[at] = value;
}

function exponential(random: Random): number {
  return -Math.log(1 - random());
}
