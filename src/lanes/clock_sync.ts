/**
 * One clock for all threads. Every thread's monotonic clock has its own origin, so a worker measures the difference to
 * the engine's at boot: a few round trips, the one with the least delay wins, half of that delay is the error
 * (the sample selection of NTP, RFC 5905 §10). Both clocks tick at the same rate, so once is enough.
 */
const ROUNDS = 6;

export interface ClockSync {
  /** What to add to this thread's monotonic ms to get the engine's. */
  offsetMs(): number;
  /** Feeds one answer; true when another round is wanted. */
  answer(
    sample: { readonly sentMs: number; readonly receivedMs: number; readonly engineMs: number },
  ): boolean;
}

export function createClockSync(): ClockSync {
  let rounds = 0;
  let leastDelay = Infinity;
  let offset = 0;
  return {
    offsetMs: () => offset,
    answer(sample) {
      const delay = sample.receivedMs - sample.sentMs;
      if (delay < leastDelay) {
        leastDelay = delay;
        offset = sample.engineMs - (sample.sentMs + sample.receivedMs) / 2;
      }
      return ++rounds < ROUNDS;
    },
  };
}
