/** Numbers as the API shows them. */
import { histogramCount, type HistogramCounts, quantileUs } from "../telemetry/histogram.ts";
import type { Quantiles } from "./readers.ts";

export function quantilesMs(histogram: HistogramCounts): Quantiles {
  if (histogramCount(histogram) === 0) return { p50: null, p95: null, p99: null };
  const at = (q: number) => milliseconds(quantileUs(histogram, q) ?? 0);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

export function milliseconds(us: number): number {
  return rounded(us / 1000);
}

/** Three decimals: enough for ms and rates, short enough to read. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
