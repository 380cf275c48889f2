/**
 * Decides how many jobs of a pipeline may run at once (slots) and on how many threads. Pure: the engine calls it about once
 * a second with what it measured and acts on the answer; `cpra plan` calls it once with what the manifest promises.
 *
 * Two levels, because a thread here runs many jobs at once. Slots are servers whose service is the wall-clock time of a
 * job. Threads are servers whose service is its CPU time; jobs must not wait for a thread longer than a tenth of what they
 * may wait for a slot, since that wait is part of the service time which the slots are planned with.
 *
 * Headroom: both are planned for an arrival rate that is higher by that share.
 * Steps: at most doubling or halving; growth after a short cool-down; shrinking only by a fifth or more, after a long one.
 */
import type { Estimate } from "./estimate.ts";
import { leastServers, type Need, offeredErlangs, predictWait, type Traffic, type Wait } from "./queueing.ts";

export interface SizingLimits {
  readonly minSlots: number;
  readonly maxSlots: number;
  readonly minThreads: number;
  readonly maxThreads: number;
  /** Jobs that one worker can hold at once: the capacity of its ring. */
  readonly slotsPerThread: number;
  /** Processors of this machine: more threads than that have nothing to run on. */
  readonly cores: number;
}

/** What is assumed of a pipeline before it was measured. */
export interface Prior extends Traffic {
  readonly cpuMs: number;
}

export interface SizingInput {
  readonly limits: SizingLimits;
  /** P95 of the wait for a slot, ms. */
  readonly sloMs: number;
  /** 0.15 = 15 %. */
  readonly headroom: number;
  readonly measured: Estimate;
  readonly prior: Prior;
}

/** Carried from one decision to the next. */
export interface SizingState {
  readonly slots: Dial;
  readonly threads: Dial;
}

export interface Dial {
  readonly value: number;
  readonly changedAtMs: number;
}

export interface SizingDecision {
  readonly state: SizingState;
  readonly changed: boolean;
  /** What would be chosen without cool-downs and steps, within the limits. */
  readonly wantedSlots: number;
  readonly wantedThreads: number;
  /** The traffic that was planned for, without headroom. */
  readonly traffic: Prior;
  readonly arrivalsAre: "measured" | "assumed";
  readonly serviceIs: "measured" | "assumed";
  readonly offeredErlangs: number;
  /** Predicted wait for a slot with the number of slots decided on. */
  readonly wait: Wait;
  /** Mean wait as measured, for comparison; 0 before anything was. */
  readonly measuredWaitMs: number;
  /** Why the objective cannot be met within the limits, one sentence each; usually empty. */
  readonly shortfalls: readonly string[];
}

/** So many arrivals, or services, in the window before the measured values replace the assumed ones. */
const MIN_OBSERVATIONS = 100;
const GROW_COOLDOWN_MS = 1000;
const SHRINK_COOLDOWN_MS = 30_000;
/** Shrink only when this share of what there is suffices. */
const SHRINK_BELOW = 0.8;
const THREAD_WAIT_SHARE = 0.1;
/**
 * A measured wait grows the slots to this many, or this many times what the formula needs: enough for targets that hang
 * until they show in the mean, too few to drown a machine whose processors others keep busy.
 */
const STARVING_SLOTS = 256;
const STARVING_FACTOR = 4;
/** Share of a thread's time beyond which more slots help nothing. */
const MAX_THREAD_LOAD = 0.8;
/** CPU time per job is only known as a mean; it is taken as exponential. */
const CPU_CS2 = 1;

/** The first decision (`previous` undefined) jumps; every other one steps. */
export function decide(input: SizingInput, previous: SizingState | undefined, nowMs: number): SizingDecision {
  const { limits, measured, prior } = input;
  const arrivalsAre = measured.arrivals >= MIN_OBSERVATIONS ? "measured" : "assumed";
  const serviceIs = measured.services >= MIN_OBSERVATIONS ? "measured" : "assumed";
  const { arrivalsPerSecond, ca2 } = arrivalsAre === "measured" ? measured : prior;
  const { serviceMs, cs2, cpuMs } = serviceIs === "measured" ? measured : prior;
  const traffic = { arrivalsPerSecond, serviceMs, ca2, cs2, cpuMs };

  const slotNeed = needOfSlots(input, traffic);
  const starving = serviceIs === "measured" && starves(input, previous);
  const neededSlots = slotNeed.feasible ? slotNeed.servers : Infinity;
  const mostStarving = Math.max(STARVING_SLOTS, STARVING_FACTOR * neededSlots);
  const wantedSlots = clamp(
    Math.max(neededSlots, starving ? Math.min(2 * (previous?.slots.value ?? 0), mostStarving) : 0),
    limits.minSlots,
    limits.maxSlots,
  );
  const maxThreads = Math.max(limits.minThreads, Math.min(limits.maxThreads, limits.cores));
  const threadNeed = needOfThreads(input, { traffic, maxThreads });
  // Threads may exceed the cores only to hold the slots.
  const threadsToHold = Math.ceil(wantedSlots / limits.slotsPerThread);
  const wantedThreads = Math.max(
    clamp(threadNeed.feasible ? threadNeed.servers : Infinity, limits.minThreads, maxThreads),
    clamp(threadsToHold, limits.minThreads, limits.maxThreads),
  );

  const state = {
    slots: step({ dial: previous?.slots, wanted: wantedSlots, nowMs }),
    threads: step({ dial: previous?.threads, wanted: wantedThreads, nowMs }),
  };
  return {
    state,
    changed: state.slots.value !== previous?.slots.value || state.threads.value !== previous.threads.value,
    wantedSlots,
    wantedThreads,
    traffic,
    arrivalsAre,
    serviceIs,
    offeredErlangs: offeredErlangs(traffic),
    wait: predictWait(Math.min(state.slots.value, state.threads.value * limits.slotsPerThread), traffic),
    measuredWaitMs: measured.waitMs,
    shortfalls: shortfallsOf({ limits, slotNeed, threadNeed, threadsToHold, maxThreads }),
  };
}

/**
 * What was measured has the last word: jobs wait longer than the formula can know (a mean hides the targets that hang), so
 * there are too few slots. Not when the threads have no CPU time left: more slots would then only lengthen the services,
 * until they run into their deadlines. For exponential waits the 95th percentile is three means.
 */
function starves({ sloMs, measured }: SizingInput, previous: SizingState | undefined): boolean {
  const cores = measured.arrivalsPerSecond * measured.cpuMs / 1000;
  return 3 * measured.waitMs > sloMs && cores < MAX_THREAD_LOAD * (previous?.threads.value ?? 1);
}

function needOfSlots({ limits, sloMs, headroom }: SizingInput, traffic: Traffic): Need {
  const planned = { ...traffic, arrivalsPerSecond: traffic.arrivalsPerSecond * (1 + headroom) };
  return leastServers(planned, { p95Ms: sloMs, maxServers: limits.maxSlots });
}

interface ThreadLoad {
  readonly traffic: Prior;
  readonly maxThreads: number;
}

function needOfThreads({ sloMs, headroom }: SizingInput, { traffic, maxThreads }: ThreadLoad): Need {
  const { arrivalsPerSecond, cpuMs, ca2 } = traffic;
  const planned = {
    arrivalsPerSecond: arrivalsPerSecond * (1 + headroom),
    serviceMs: cpuMs,
    ca2,
    cs2: CPU_CS2,
  };
  return leastServers(planned, { p95Ms: sloMs * THREAD_WAIT_SHARE, maxServers: maxThreads });
}

interface Step {
  readonly dial: Dial | undefined;
  readonly wanted: number;
  readonly nowMs: number;
}

function step({ dial, wanted, nowMs }: Step): Dial {
  if (dial === undefined) return { value: wanted, changedAtMs: nowMs };
  const sinceMs = nowMs - dial.changedAtMs;
  if (wanted > dial.value && sinceMs >= GROW_COOLDOWN_MS) {
    return { value: Math.min(wanted, Math.max(1, dial.value) * 2), changedAtMs: nowMs };
  }
  if (wanted <= dial.value * SHRINK_BELOW && sinceMs >= SHRINK_COOLDOWN_MS) {
    return { value: Math.max(wanted, Math.ceil(dial.value / 2)), changedAtMs: nowMs };
  }
  return dial;
}

interface Needs {
  readonly limits: SizingLimits;
  readonly slotNeed: Need;
  readonly threadNeed: Need;
  readonly threadsToHold: number;
  readonly maxThreads: number;
}

function shortfallsOf({ limits, slotNeed, threadNeed, threadsToHold, maxThreads }: Needs): string[] {
  const found: string[] = [];
  if (!slotNeed.feasible) {
    found.push(`slots: with headroom, ${slotNeed.reason}; raise max_slots (now ${limits.maxSlots})`);
  }
  if (!threadNeed.feasible) {
    const how = maxThreads < limits.cores
      ? `raise max_workers (now ${limits.maxThreads})`
      : `this machine has ${limits.cores} processors`;
    found.push(`workers: with headroom, ${threadNeed.reason}; ${how}`);
  }
  if (threadsToHold > limits.maxThreads) {
    found.push(
      `workers: ${threadsToHold} are needed to hold the slots, ${limits.slotsPerThread} each; ` +
        `raise max_workers (now ${limits.maxThreads}) or queue_capacity (now ${limits.slotsPerThread})`,
    );
  }
  return found;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
