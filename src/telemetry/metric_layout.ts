/**
 * Where each series lives in the shared cells. Writer and reader compute it from the same dimensions; attaching
 * asserts that the buffer was laid out so.
 *
 *   cell 0 … : families in the table's order; in a family the series in row-major order of its labels;
 *   a counter or gauge series is 1 cell, a histogram series is  [bucket 0 | … | bucket n-1 | +Inf | sum in µs]  (not cumulative).
 *
 * A histogram has no count cell of its own: the count is the sum of its buckets, so the two can never disagree, whenever
 * the reader looks.
 */
import { assert } from "../base/assert.ts";
import { createLayout, type Layout } from "../shm/layout.ts";
import {
  CLOSED_DOMAINS,
  ENGINE_METRICS,
  type EngineMetric,
  type LabelDomain,
  type MetricFamily,
} from "./metric_table.ts";

/** Label values known at boot. Kinds come from the registries, so only channels can be added later. */
export interface MetricDimensions {
  /** Kinds of probes, by their index in results. */
  readonly probes: readonly string[];
  /** Kinds of remedies. */
  readonly remedies: readonly string[];
  readonly pipelines: readonly string[];
  /** States of a monitor, by their index in the state column. */
  readonly states: readonly string[];
}

/**
 * Channels are not known before the manifest is loaded, and a reload adds some: 512 slots (80 KiB) are there from the start.
 * Channels past that share the last slot, whose label says so.
 */
export const CHANNEL_SLOTS = 512;
export const OTHER_CHANNELS = "(others)";
/** Scopes of the guard: the fleet first, then groups; those past that are not shown one by one. */
export const SCOPE_SLOTS = 256;

export interface FamilyLayout {
  readonly family: MetricFamily;
  readonly offset: number;
  /** Cells of one series. */
  readonly cells: number;
  /** Number of values of each label, in the family's order. */
  readonly sizes: readonly number[];
}

export interface MetricLayout {
  readonly families: Readonly<Record<EngineMetric, FamilyLayout>>;
  readonly memory: Layout<{ readonly cells: Float64Array }>;
}

export const ENGINE_METRIC_NAMES = Object.keys(ENGINE_METRICS) as readonly EngineMetric[];

export function metricLayout(dimensions: MetricDimensions): MetricLayout {
  const families: Partial<Record<EngineMetric, FamilyLayout>> = {};
  let offset = 0;
  for (const name of ENGINE_METRIC_NAMES) {
    const family: MetricFamily = ENGINE_METRICS[name];
    const sizes = family.labels.map(([, domain]) => domainSize(domain, dimensions));
    const cells = family.bucketsUs === undefined ? 1 : family.bucketsUs.length + 2;
    families[name] = { family, offset, cells, sizes };
    offset += cells * sizes.reduce((product, size) => product * size, 1);
  }
  return {
    families: families as Record<EngineMetric, FamilyLayout>,
    memory: createLayout({ cells: { type: "f64", length: offset } }),
  };
}

/** First cell of a series. Not for hot paths: those keep the offset. */
export function seriesOffset(layout: FamilyLayout, labels: readonly number[]): number {
  assert(labels.length === layout.sizes.length, `${layout.family.name} has ${layout.sizes.length} labels`);
  let series = 0;
  for (let i = 0; i < labels.length; i++) {
    const size = layout.sizes[i] as number;
    const index = labels[i] as number;
    assert(index >= 0 && index < size, `${layout.family.name}: label index ${index} of ${size}`);
    series = series * size + index;
  }
  return layout.offset + series * layout.cells;
}

/** Values of a label by index; the channels are the reader's, since they grow. */
export function domainValues(
  domain: Exclude<LabelDomain, "channel" | "scope">,
  dimensions: MetricDimensions,
): readonly string[] {
  if (domain === "probe") return dimensions.probes;
  if (domain === "remedy") return dimensions.remedies;
  if (domain === "pipeline") return dimensions.pipelines;
  if (domain === "state") return dimensions.states;
  return CLOSED_DOMAINS[domain];
}

function domainSize(domain: LabelDomain, dimensions: MetricDimensions): number {
  if (domain === "scope") return SCOPE_SLOTS;
  return domain === "channel" ? CHANNEL_SLOTS : domainValues(domain, dimensions).length;
}
