/** What a histogram says: counts per bucket, and quantiles from them. Pure; for the API, readiness and the last words. */
export interface HistogramCounts {
  /** Upper bounds, µs, ascending. */
  readonly bucketsUs: readonly number[];
  /** Per bucket, not cumulative; one more than bounds: the last is everything above. */
  readonly counts: readonly number[];
  readonly sumUs: number;
}

export function histogramCount(histogram: HistogramCounts): number {
  let count = 0;
  for (const bucket of histogram.counts) count += bucket;
  return count;
}

/**
 * The q-quantile (0..1) in µs by linear interpolation within its bucket, the lowest bucket starting at 0; undefined when
 * nothing was observed. Values above the last bound are given as that bound. Off by at most the width of the bucket.
 * Source: histogram_quantile() of Prometheus, prometheus.io/docs/prometheus/latest/querying/functions.
 */
export function quantileUs(histogram: HistogramCounts, q: number): number | undefined {
  const total = histogramCount(histogram);
  if (total <= 0) return undefined;
  const rank = q * total;
  let below = 0;
  for (let bucket = 0; bucket < histogram.bucketsUs.length; bucket++) {
    const inside = histogram.counts[bucket] as number;
    if (inside > 0 && below + inside >= rank) {
      const low = bucket === 0 ? 0 : histogram.bucketsUs[bucket - 1] as number;
      const high = histogram.bucketsUs[bucket] as number;
      return low + (high - low) * Math.max(0, rank - below) / inside;
    }
    below += inside;
  }
  return histogram.bucketsUs.at(-1);
}

/** What was observed after `earlier` was taken. */
export function histogramSince(now: HistogramCounts, earlier: HistogramCounts): HistogramCounts {
  return {
    bucketsUs: now.bucketsUs,
    counts: now.counts.map((count, index) => count - (earlier.counts[index] as number)),
    sumUs: now.sumUs - earlier.sumUs,
  };
}
