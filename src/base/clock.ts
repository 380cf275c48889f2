/**
 * Time as a parameter, so that the whole engine runs on a simulated clock.
 * Intervals, deadlines and cool-downs use the monotonic clock; the wall clock is only for people and for phase.
 */
export interface Clock {
  /** Milliseconds since an arbitrary fixed point, never going back, with a fraction (µs resolution). */
  monoMs(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z; may step either way at any time. */
  wallMs(): number;
}

/** The clock of this thread. Its monotonic origin differs from other threads': see lanes/clock_sync.ts. */
export const SYSTEM_CLOCK: Clock = {
  monoMs: () => performance.now(),
  wallMs: () => Date.now(),
};
