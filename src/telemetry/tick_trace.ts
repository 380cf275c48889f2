/**
 * Where the time of each tick goes: the engine thread writes one record per tick while a trace is asked for, the server
 * thread reads them when it is over. Off, a mark costs one branch; on, a clock read and a store (0.1 µs).
 *
 *   words: [0] records written, [1] records that found no room; then TICK_WORDS per tick:
 *          start ms, end ms of each stage in the order of TICK_STAGES, results taken
 *
 * Full? Further ticks are counted, not written. TICKS is 60 s of ticks every millisecond (5.3 MB, touched as it fills).
 */
import { createLayout } from "../shm/layout.ts";

/** In the order of one tick: see engine.ts. */
export const TICK_STAGES = [
  "collect",
  "timers",
  "schedule",
  "commit",
  "dispatch",
  "pump",
  "housekeep",
] as const;
export type TickStage = typeof TICK_STAGES[number];

const TICKS = 65_536;
const TICK_WORDS = 1 + TICK_STAGES.length + 1;
const WRITTEN = 0;
const MISSED = 1;
const HEADER_WORDS = 2;
const LAYOUT = createLayout({ words: { type: "f64", length: HEADER_WORDS + TICKS * TICK_WORDS } });

/** Made by the server thread for one trace. */
export function createTraceMemory(): SharedArrayBuffer {
  return LAYOUT.allocate();
}

/** The engine's end. */
export class TickTrace {
  readonly #monoMs: () => number;
  #words: Float64Array | undefined;
  /** Word of the next mark; 0 outside a tick that is recorded. */
  #at = 0;

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
  }

  /** Ticks are recorded from the next one on; undefined ends it. */
  record(memory: SharedArrayBuffer | undefined): void {
    this.#words = memory === undefined ? undefined : LAYOUT.attach(memory).words;
    this.#at = 0;
  }

  begin(startMs: number): void {
    const words = this.#words;
    if (words === undefined) return;
    const written = words[WRITTEN] as number;
    if (written >= TICKS) {
      (words[MISSED] as number)++;
      return;
    }
    this.#at = HEADER_WORDS + written * TICK_WORDS;
    words[this.#at++] = startMs;
  }

  /** The next stage ends here; one call per stage, in their order. */
  mark(): void {
    if (this.#at > 0) (this.#words as Float64Array)[this.#at++] = this.#monoMs();
  }

  /** After the last mark. */
  end(results: number): void {
    if (this.#at === 0) return;
    const words = this.#words as Float64Array;
    words[this.#at] = results;
    (words[WRITTEN] as number)++;
    this.#at = 0;
  }
}

export interface TracedTick {
  readonly startMs: number;
  /** End of each stage, in the order of TICK_STAGES. */
  readonly endsMs: readonly number[];
  /** Results taken from workers. */
  readonly results: number;
}

/** The reader's end, after the trace is over. */
export function readTrace(
  memory: SharedArrayBuffer,
): { readonly ticks: TracedTick[]; readonly missed: number } {
  const { words } = LAYOUT.attach(memory);
  const ticks = Array.from({ length: words[WRITTEN] as number }, (_, index) => {
    const at = HEADER_WORDS + index * TICK_WORDS;
    const endsMs = Array.from(words.subarray(at + 1, at + 1 + TICK_STAGES.length));
    return { startMs: words[at] as number, endsMs, results: words[at + TICK_WORDS - 1] as number };
  });
  return { ticks, missed: words[MISSED] as number };
}
