/**
 * How long jobs wait in a G/G/c queue: any arrivals, any service times, c servers that serve first come first served.
 * Pure arithmetic for sizing (a few times a second) and for `cpra plan`. It knows nothing of slots or threads.
 *
 * With λ the arrival rate, τ the mean service time, a = λτ the offered load in erlangs, ρ = a/c:
 *   Erlang B by its recurrence        B(0) = 1, B(k) = aB(k−1) / (k + aB(k−1))
 *   Erlang C from it                  Pw = B / (1 − ρ(1 − B))
 *   mean wait (Allen–Cunneen)         Wq = Pw · V · τ / (c − a),  V = (Ca² + Cs²) / 2
 *   its tail, taken as exponential    P(W > t) = Pw · exp(−t (c − a) / (V τ))
 * Exact for M/M/c. Sources: A. O. Allen, "Probability, Statistics, and Queueing Theory", 2nd ed. 1990
 * (Allen–Cunneen); W. Whitt, "Approximations for the GI/G/m queue", Production and Operations Management 2 (1993).
 * The recurrence stays within [0, 1] at every step: no factorial, no overflow, whatever c and a.
 */
export interface Traffic {
  readonly arrivalsPerSecond: number;
  readonly serviceMs: number;
  /** Squared coefficient of variation of the times between arrivals: 0 = clockwork, 1 = Poisson. */
  readonly ca2: number;
  /** The same of service times. */
  readonly cs2: number;
}

/** Milliseconds; all infinite when the servers cannot keep up. */
export interface Wait {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Pw: share of jobs that wait at all. */
  readonly waitProbability: number;
}

export function predictWait(servers: number, traffic: Traffic): Wait {
  const load = offeredErlangs(traffic);
  if (load === 0) return { meanMs: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, waitProbability: 0 };
  if (!isUsable(traffic) || load >= servers) {
    return { meanMs: Infinity, p50Ms: Infinity, p95Ms: Infinity, p99Ms: Infinity, waitProbability: 1 };
  }
  let blocking = 1;
  for (let k = 1; k <= servers; k++) blocking = nextBlocking({ blocking, load, servers: k });
  const waitProbability = erlangC({ blocking, load, servers });
  const scaleMs = waitScaleMs(servers - load, traffic);
  return {
    meanMs: waitProbability * scaleMs,
    p50Ms: quantileMs({ waitProbability, scaleMs, quantile: 0.5 }),
    p95Ms: quantileMs({ waitProbability, scaleMs, quantile: 0.95 }),
    p99Ms: quantileMs({ waitProbability, scaleMs, quantile: 0.99 }),
    waitProbability,
  };
}

export interface Target {
  /** P95 of the wait must not be longer, ms; > 0. */
  readonly p95Ms: number;
  /** At most so many servers; ≤ 100,000. */
  readonly maxServers: number;
}

export type Need =
  | { readonly feasible: true; readonly servers: number }
  /** `reason` completes the sentence "Cannot keep up: …". */
  | { readonly feasible: false; readonly reason: string };

/**
 * The least number of servers that keeps the target. One walk up the recurrence answers it: every B(k) on the way to
 * B(c) is an answer for k servers, so the walk costs as much as one probe of a bisection: 0.1 ms near 4,000 servers,
 * 0.9 ms near 100,000.
 */
export function leastServers(traffic: Traffic, { p95Ms, maxServers }: Target): Need {
  if (!isUsable(traffic)) return { feasible: false, reason: "the measured rates are not usable numbers" };
  const load = offeredErlangs(traffic);
  if (load === 0) return { feasible: true, servers: 1 };
  const tooMuch = `the load of ${round(load)} erlangs needs more than the ${maxServers} allowed`;
  if (load >= maxServers) return { feasible: false, reason: tooMuch };
  let blocking = 1;
  for (let servers = 1; servers <= maxServers; servers++) {
    blocking = nextBlocking({ blocking, load, servers });
    if (servers <= load) continue;
    const waitProbability = erlangC({ blocking, load, servers });
    const scaleMs = waitScaleMs(servers - load, traffic);
    if (quantileMs({ waitProbability, scaleMs, quantile: 0.95 }) <= p95Ms) return { feasible: true, servers };
  }
  return { feasible: false, reason: `${tooMuch} for a P95 wait of ${round(p95Ms)} ms` };
}

export function offeredErlangs({ arrivalsPerSecond, serviceMs }: Traffic): number {
  return arrivalsPerSecond * serviceMs / 1000;
}

/** Far beyond anything real, and small enough that no product of two overflows. */
const MAX_USABLE = 1e12;

function isUsable(traffic: Traffic): boolean {
  const { arrivalsPerSecond, serviceMs, ca2, cs2 } = traffic;
  return [arrivalsPerSecond, serviceMs, ca2, cs2, offeredErlangs(traffic)].every((value) => {
    return value >= 0 && value <= MAX_USABLE;
  });
}

interface Recurrence {
  /** B for one server less. */
  readonly blocking: number;
  readonly load: number;
  readonly servers: number;
}

function nextBlocking({ blocking, load, servers }: Recurrence): number {
  const refused = load * blocking;
  return refused / (servers + refused);
}

/** `blocking` is B for these servers; load < servers. */
function erlangC({ blocking, load, servers }: Recurrence): number {
  return Math.min(1, blocking / (1 - load / servers * (1 - blocking)));
}

/** Mean wait of those who wait. `spare` is c − a > 0. */
function waitScaleMs(spare: number, { serviceMs, ca2, cs2 }: Traffic): number {
  return (ca2 + cs2) / 2 * serviceMs / spare;
}

interface Tail {
  readonly waitProbability: number;
  readonly scaleMs: number;
  readonly quantile: number;
}

function quantileMs({ waitProbability, scaleMs, quantile }: Tail): number {
  const beyond = 1 - quantile;
  return waitProbability <= beyond ? 0 : scaleMs * Math.log(waitProbability / beyond);
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
