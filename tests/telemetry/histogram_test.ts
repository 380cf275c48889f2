import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { histogramCount, histogramSince, quantileUs } from "../../src/telemetry/histogram.ts";
import { ENGINE_METRICS } from "../../src/telemetry/metric_table.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { MetricsView } from "../../src/telemetry/metrics_view.ts";
import { SAMPLE_DIMENSIONS } from "./sample_metrics.ts";

const BOUNDS: readonly number[] = ENGINE_METRICS.scheduleLag.bucketsUs ?? [];

test("a quantile lies in the bucket of the value that a naive sort finds", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const metrics = createMetrics(SAMPLE_DIMENSIONS);
    const values: number[] = [];
    const count = 1 + Math.floor(random() * 500);
    for (let i = 0; i < count; i++) {
      // Log-uniform from 10 µs to 20 s: every bucket, and beyond the last.
      const us = Math.floor(10 * 2_000_000 ** random());
      values.push(us);
      metrics.observeLag(us);
    }
    values.sort((left, right) => left - right);
    const histogram = new MetricsView(metrics.handle()).histogram("scheduleLag", []);
    assert.equal(histogramCount(histogram), count, `seed ${seed}`);
    assert.equal(histogram.sumUs, values.reduce((sum, value) => sum + value, 0), `seed ${seed}`);
    for (const q of [0.01, 0.5, 0.95, 0.99, 1]) {
      const exact = values[Math.max(0, Math.ceil(q * count) - 1)] as number;
      const high = BOUNDS.find((bound) => bound >= exact) ?? BOUNDS.at(-1) as number;
      const low = exact > (BOUNDS.at(-1) as number) ? high : BOUNDS[BOUNDS.indexOf(high) - 1] ?? 0;
      const found = quantileUs(histogram, q) as number;
      assert.ok(
        found >= low && found <= high,
        `seed ${seed}, q ${q}: ${found} not in [${low}, ${high}], exact ${exact}`,
      );
    }
  }
});

test("values spread evenly over a bucket give the exact quantile", () => {
  const counts = BOUNDS.map((bound) => bound === 100_000 ? 1000 : 0);
  const histogram = { bucketsUs: BOUNDS, counts: [...counts, 0], sumUs: 0 };
  assert.equal(quantileUs(histogram, 0.5), 87_500);
  assert.equal(quantileUs(histogram, 0.95), 98_750);
});

test("nothing observed has no quantile", () => {
  assert.equal(quantileUs({ bucketsUs: [1, 2], counts: [0, 0, 0], sumUs: 0 }, 0.95), undefined);
});

test("values past the last bound are given as that bound", () => {
  assert.equal(quantileUs({ bucketsUs: [1, 2], counts: [0, 0, 5], sumUs: 50 }, 0.5), 2);
});

test("the difference of two moments holds what was observed between them", () => {
  const earlier = { bucketsUs: [1, 2], counts: [1, 2, 3], sumUs: 10 };
  const now = { bucketsUs: [1, 2], counts: [4, 2, 5], sumUs: 17 };
  assert.deepEqual(histogramSince(now, earlier), { bucketsUs: [1, 2], counts: [3, 0, 2], sumUs: 7 });
});
