/**
 * The reading end of the metrics, for the server thread and for the last words at shutdown. Values may be a tick old.
 * `cells` can be the live ones or a copy of them from earlier, which is how a window over time is read.
 */
import { assert } from "../base/assert.ts";
import type { Family, Point } from "./exposition.ts";
import type { HistogramCounts } from "./histogram.ts";
import {
  domainValues,
  ENGINE_METRIC_NAMES,
  type FamilyLayout,
  type MetricLayout,
  metricLayout,
  seriesOffset,
} from "./metric_layout.ts";
import type { EngineMetric, LabelDomain } from "./metric_table.ts";
import type { MetricsHandle } from "./metrics.ts";

export class MetricsView {
  readonly cells: Float64Array;
  readonly #handle: MetricsHandle;
  readonly #layout: MetricLayout;

  constructor(handle: MetricsHandle) {
    this.#handle = handle;
    this.#layout = metricLayout(handle.dimensions);
    this.cells = this.#layout.memory.attach(handle.buffer).cells;
  }

  /** Scopes of the guard by their index. */
  get scopes(): readonly string[] {
    return this.#handle.scopeSlots;
  }

  /** The value of a counter or gauge; `labels` are indices in the order of the table. */
  value(metric: EngineMetric, labels: readonly number[], cells: Float64Array = this.cells): number {
    return cells[seriesOffset(this.#layout.families[metric], labels)] as number;
  }

  /** The sum over all series of a counter. */
  total(metric: EngineMetric, cells: Float64Array = this.cells): number {
    const layout = this.#layout.families[metric];
    const series = layout.sizes.reduce((product, size) => product * size, 1);
    let sum = 0;
    for (let i = layout.offset; i < layout.offset + series; i++) sum += cells[i] as number;
    return sum;
  }

  /** The sum over the series of a counter whose label number `label` has the value of index `value`. */
  labelTotal(metric: EngineMetric, label: number, value: number): number {
    const layout = this.#layout.families[metric];
    const below = layout.sizes.slice(label + 1).reduce((product, size) => product * size, 1);
    const size = layout.sizes[label] as number;
    const series = layout.sizes.reduce((product, each) => product * each, 1);
    let sum = 0;
    for (let i = 0; i < series; i++) {
      if (Math.floor(i / below) % size === value) sum += this.cells[layout.offset + i] as number;
    }
    return sum;
  }

  histogram(
    metric: EngineMetric,
    labels: readonly number[],
    cells: Float64Array = this.cells,
  ): HistogramCounts {
    const layout = this.#layout.families[metric];
    return histogramAt(layout, seriesOffset(layout, labels), cells);
  }

  /** Everything, in the table's order, for the exposition. */
  families(): Family[] {
    return ENGINE_METRIC_NAMES.map((name) => this.#family(this.#layout.families[name]));
  }

  #family(layout: FamilyLayout): Family {
    const { name, type, help, labels } = layout.family;
    const points: Point[] = [];
    this.#eachSeries(labels, (indices, pairs) => {
      const offset = seriesOffset(layout, indices);
      points.push(
        type === "histogram"
          ? { labels: pairs, histogram: histogramAt(layout, offset, this.cells) }
          : { labels: pairs, value: this.cells[offset] as number },
      );
    });
    return { name, type, help, points };
  }

  #eachSeries(
    labels: readonly (readonly [string, LabelDomain])[],
    visit: (indices: readonly number[], pairs: readonly (readonly [string, string])[]) => void,
    indices: readonly number[] = [],
    pairs: readonly (readonly [string, string])[] = [],
  ): void {
    const label = labels[indices.length];
    if (label === undefined) return visit(indices, pairs);
    const [name, domain] = label;
    const values = domain === "channel"
      ? this.#handle.channelSlots
      : domain === "scope"
      ? this.#handle.scopeSlots
      : domainValues(domain, this.#handle.dimensions);
    values.forEach((value, index) => {
      this.#eachSeries(labels, visit, [...indices, index], [...pairs, [name, value]]);
    });
  }
}

function histogramAt(layout: FamilyLayout, offset: number, cells: Float64Array): HistogramCounts {
  const bucketsUs = layout.family.bucketsUs;
  assert(bucketsUs !== undefined, `${layout.family.name} is no histogram`);
  const counts = Array.from(cells.subarray(offset, offset + bucketsUs.length + 1));
  return { bucketsUs, counts, sumUs: cells[offset + bucketsUs.length + 1] as number };
}
