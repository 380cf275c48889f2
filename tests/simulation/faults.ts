// deno-lint-ignore-file camelcase -- faults as reports spell them
/** Every class of fault the simulation knows, and when each is at work: a seed enables some of them. */
import type { Random } from "../../src/base/prng.ts";

export const FAULTS = [
  // The process and its disk.
  "crash",
  "torn_tail",
  "disk_full",
  "disk_error",
  "slow_fsync",
  "journal_stall",
  // Threads.
  "worker_hang",
  "worker_error",
  "late_result",
  "full_rings",
  // This machine's network.
  "isolation",
  "resolver",
  "descriptors",
  // Targets.
  "refused",
  "timeout",
  "flapping",
  "group_outage",
  // Repairs.
  "remedy_fails",
  "remedy_slow",
  // Channels.
  "send_error",
  "lost_ack",
  "rate_limit",
  "channel_down",
  "refusal",
  // People and time.
  "clock_step",
  "freeze",
  "maintenance",
] as const;
export type Fault = typeof FAULTS[number];

/** Mean time between, and the shortest and longest time of, the spans of a fault; ms, for a fleet checked every second. */
interface Rhythm {
  readonly gapMs: number;
  readonly spanMs: readonly [number, number];
  /** Lasts no longer in a fleet that is checked less often. */
  readonly steady?: true;
}

/** Faults that last for some time; the others strike at a moment or a job. */
const RHYTHMS: Readonly<Partial<Record<Fault, Rhythm>>> = {
  disk_full: { gapMs: 120_000, spanMs: [500, 40_000], steady: true },
  disk_error: { gapMs: 120_000, spanMs: [500, 40_000], steady: true },
  slow_fsync: { gapMs: 40_000, spanMs: [2000, 60_000], steady: true },
  journal_stall: { gapMs: 150_000, spanMs: [500, 15_000], steady: true },
  worker_hang: { gapMs: 60_000, spanMs: [500, 5000], steady: true },
  isolation: { gapMs: 120_000, spanMs: [2000, 60_000] },
  resolver: { gapMs: 90_000, spanMs: [2000, 60_000] },
  descriptors: { gapMs: 90_000, spanMs: [2000, 30_000] },
  flapping: { gapMs: 90_000, spanMs: [5000, 60_000] },
  group_outage: { gapMs: 200_000, spanMs: [5000, 120_000] },
  remedy_fails: { gapMs: 30_000, spanMs: [10_000, 60_000] },
  remedy_slow: { gapMs: 60_000, spanMs: [10_000, 60_000] },
  send_error: { gapMs: 30_000, spanMs: [5000, 60_000] },
  lost_ack: { gapMs: 30_000, spanMs: [5000, 60_000] },
  rate_limit: { gapMs: 60_000, spanMs: [5000, 60_000] },
  channel_down: { gapMs: 90_000, spanMs: [5000, 120_000] },
  refusal: { gapMs: 60_000, spanMs: [2000, 20_000] },
};

/** Spans of one fault, drawn from its own source of chance as time goes on; asked with times that never go back. */
export class Spans {
  readonly #random: Random;
  readonly #rhythm: Rhythm;
  readonly #stretch: number;
  readonly #endMs: number;
  #fromMs: number;
  #untilMs = 0;

  constructor(
    fault: Fault,
    options: { readonly random: Random; readonly stretch: number; readonly endMs: number },
  ) {
    this.#rhythm = RHYTHMS[fault] ?? { gapMs: Infinity, spanMs: [0, 0] };
    this.#random = options.random;
    this.#stretch = options.stretch;
    this.#endMs = options.endMs;
    this.#fromMs = this.#gap();
  }

  active(nowMs: number): boolean {
    if (nowMs >= this.#endMs) return false;
    while (nowMs >= this.#fromMs) {
      if (this.#untilMs <= this.#fromMs) {
        const { spanMs: [least, most], steady } = this.#rhythm;
        this.#untilMs = this.#fromMs +
          (least + this.#random() * (most - least)) * (steady ? 1 : this.#stretch);
      }
      if (nowMs < this.#untilMs) return true;
      this.#fromMs = this.#untilMs + this.#gap();
    }
    return false;
  }

  /** End of the span that is at work, at most the end of all faults. */
  get untilMs(): number {
    return Math.min(this.#endMs, this.#untilMs);
  }

  #gap(): number {
    return -Math.log(1 - this.#random() * 0.999) * this.#rhythm.gapMs * this.#stretch;
  }
}
