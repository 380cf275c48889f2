/** What /metrics of a running cpra said at two moments, and what happened in between. */
export type Metrics = ReadonlyMap<string, number>;

/** Series, name and labels as written → value. */
export function parseMetrics(text: string): Metrics {
  const series = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    series.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return series;
}

/** Over all series of the name that have every one of `labels`, each written as `name="value"`. */
export function sumOf(metrics: Metrics, name: string, labels: readonly string[] = []): number {
  let sum = 0;
  for (const [series, value] of metrics) {
    const named = series === name || series.startsWith(`${name}{`);
    if (named && labels.every((label) => series.includes(label))) sum += value;
  }
  return sum;
}

export interface Span {
  readonly before: Metrics;
  readonly after: Metrics;
}

export function grown({ before, after }: Span, name: string, labels: readonly string[] = []): number {
  return sumOf(after, name, labels) - sumOf(before, name, labels);
}

/**
 * The q-quantile in ms of what a histogram took in between, series summed, by linear interpolation as
 * histogram_quantile() of Prometheus does it; NaN when it took in nothing, the last bound for what is above it.
 */
export function quantileMs(span: Span, name: string, { q, labels = [] }: {
  readonly q: number;
  readonly labels?: readonly string[];
}): number {
  const buckets = bucketsOf(span, name, labels);
  const total = buckets.at(-1)?.count ?? 0;
  if (total <= 0) return NaN;
  const rank = q * total;
  const at = buckets.findIndex(({ count }) => count >= rank);
  const { le, count } = buckets[at] as Bucket;
  const below = at === 0 ? { le: 0, count: 0 } : buckets[at - 1] as Bucket;
  if (!Number.isFinite(le)) return below.le * 1000;
  return (below.le + (le - below.le) * (rank - below.count) / (count - below.count)) * 1000;
}

interface Bucket {
  readonly le: number;
  /** Cumulative. */
  readonly count: number;
}

function bucketsOf({ before, after }: Span, name: string, labels: readonly string[]): readonly Bucket[] {
  const counts = new Map<number, number>();
  for (const [series, value] of after) {
    if (!series.startsWith(`${name}_bucket{`) || !labels.every((label) => series.includes(label))) continue;
    const le = Number((/le="([^"]+)"/.exec(series)?.[1] ?? "+Inf").replace("+Inf", "Infinity"));
    counts.set(le, (counts.get(le) ?? 0) + value - (before.get(series) ?? 0));
  }
  return [...counts].map(([le, count]) => ({ le, count })).sort((a, b) => a.le - b.le);
}
