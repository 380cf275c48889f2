/** Time that a certificate has left, as people count it. */

const DAY_MS = 86_400_000;

/** Whole days until then, 0 when it is past. */
export function daysLeft(endMs: number, nowMs: number = Date.now()): number {
  return Math.max(0, Math.floor((endMs - nowMs) / DAY_MS));
}

/** The number of the day since 1970. */
export function dayOf(endMs: number): number {
  return Math.max(0, Math.floor(endMs / DAY_MS));
}
