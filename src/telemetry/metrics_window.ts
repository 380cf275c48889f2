/**
 * The last half minute of the metrics: rates and quantiles of what happened lately, not since the start. Lives in the
 * server thread, is fed once a second and before each answer that depends on it. Keeps 31 copies of the cells
 * (≈ 100 KiB each). Its clock is its own thread's; it compares no time with the engine's, so clocks with
 * different origins do no harm: the engine's heartbeat is a counter that must have moved.
 */
import { histogramCount, type HistogramCounts, histogramSince } from "./histogram.ts";
import type { EngineMetric } from "./metric_table.ts";
import type { MetricsView } from "./metrics_view.ts";

const WINDOW_MS = 30_000;
/** Copies closer than this to the one before are not kept, so that fast polling does not shorten the window. */
const SPACING_MS = 1000;

interface Snapshot {
  readonly atMs: number;
  readonly cells: Float64Array;
}

export class MetricsWindow {
  readonly #view: MetricsView;
  /** Oldest first; the first one is the start of the window. */
  #snapshots: Snapshot[] = [];
  #ticks = -1;
  #tickSeenMs: number;
  #nowMs: number;

  constructor(view: MetricsView, nowMs: number) {
    this.#view = view;
    this.#tickSeenMs = nowMs;
    this.#nowMs = nowMs;
    this.sample(nowMs);
  }

  /** Takes note of what the cells say now; `nowMs` is this thread's monotonic clock. */
  sample(nowMs: number): void {
    this.#nowMs = nowMs;
    const ticks = histogramCount(this.#view.histogram("engineTick", []));
    if (ticks !== this.#ticks) {
      this.#ticks = ticks;
      this.#tickSeenMs = nowMs;
    }
    const last = this.#snapshots.at(-1);
    if (last !== undefined && nowMs - last.atMs < SPACING_MS) return;
    const cells = this.#takeExpired() ?? new Float64Array(this.#view.cells.length);
    cells.set(this.#view.cells);
    this.#snapshots.push({ atMs: nowMs, cells });
  }

  /** Time since the engine was last seen to have ticked, ms. */
  get tickAgeMs(): number {
    return this.#nowMs - this.#tickSeenMs;
  }

  get seconds(): number {
    return (this.#nowMs - this.#oldest.atMs) / 1000;
  }

  /** What was observed within the window. */
  histogram(metric: EngineMetric, labels: readonly number[]): HistogramCounts {
    const now = this.#view.histogram(metric, labels);
    return histogramSince(now, this.#view.histogram(metric, labels, this.#oldest.cells));
  }

  /** Increase of a counter, all its series together, per second; 0 before the first second is over. */
  rate(metric: EngineMetric): number {
    const seconds = this.seconds;
    if (seconds < 1) return 0;
    return (this.#view.total(metric) - this.#view.total(metric, this.#oldest.cells)) / seconds;
  }

  /** Drops what left the window; a dropped copy is written over, so that there is no garbage once a second. */
  #takeExpired(): Float64Array | undefined {
    let expired: Float64Array | undefined;
    for (;;) {
      const second = this.#snapshots[1];
      if (second === undefined || this.#nowMs - second.atMs < WINDOW_MS) return expired;
      expired = this.#snapshots.shift()?.cells;
    }
  }

  get #oldest(): Snapshot {
    return this.#snapshots[0] as Snapshot;
  }
}
