import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { histogramCount, quantileUs } from "../../src/telemetry/histogram.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { MetricsView } from "../../src/telemetry/metrics_view.ts";
import { MetricsWindow } from "../../src/telemetry/metrics_window.ts";
import { SAMPLE_DIMENSIONS } from "./sample_metrics.ts";

function start() {
  const metrics = createMetrics(SAMPLE_DIMENSIONS);
  return { metrics, window: new MetricsWindow(new MetricsView(metrics.handle()), 1000) };
}

test("what happened before the window is forgotten", () => {
  const { metrics, window } = start();
  for (let i = 0; i < 100; i++) metrics.observeLag(5_000_000);
  for (let second = 2; second <= 40; second++) {
    metrics.observeLag(1000);
    window.sample(second * 1000);
  }
  const lag = window.histogram("scheduleLag", []);
  assert.ok((quantileUs(lag, 0.99) as number) <= 1000);
  assert.equal(window.seconds, 30);
  assert.equal(histogramCount(lag), 30);
});

test("the rate is per second of the window, and 0 before there is one", () => {
  const { metrics, window } = start();
  metrics.countCheck(0, 0, 1);
  window.sample(1500);
  assert.equal(window.rate("checks"), 0);
  for (let second = 2; second <= 11; second++) {
    for (let i = 0; i < 50; i++) metrics.countCheck(i % 3, 0, 1);
    window.sample(second * 1000);
  }
  assert.equal(window.rate("checks"), 50.1);
});

test("frequent sampling does not shorten the window", () => {
  const { metrics, window } = start();
  metrics.observeLag(1000);
  for (let ms = 1000; ms <= 21_000; ms += 10) window.sample(ms);
  assert.equal(window.seconds, 20);
  assert.equal(histogramCount(window.histogram("scheduleLag", [])), 1);
});

test("frequent sampling takes no more memory", () => {
  const { window } = start();
  const before = process.memoryUsage().rss;
  // A copy each would be 250 MB.
  for (let ms = 1000; ms <= 31_000; ms += 10) window.sample(ms);
  const grownMb = (process.memoryUsage().rss - before) / 1e6;
  assert.ok(grownMb < 100, `grown by ${grownMb} MB`);
});

test("after a pause the window goes back no further than the copy next to its start", () => {
  const { metrics, window } = start();
  for (let second = 2; second <= 20; second++) window.sample(second * 1000);
  metrics.observeLag(1000);
  window.sample(100_000);
  // The copy of second 20 is the youngest that is at least 30 s old.
  assert.equal(window.seconds, 80);
  assert.equal(histogramCount(window.histogram("scheduleLag", [])), 1);
  for (let second = 101; second <= 131; second++) window.sample(second * 1000);
  assert.equal(window.seconds, 30);
});

test("the heartbeat is fresh while ticks are counted and ages when they stop", () => {
  const { metrics, window } = start();
  metrics.observeTick(10);
  window.sample(4000);
  assert.equal(window.tickAgeMs, 0);
  window.sample(4500);
  window.sample(9000);
  assert.equal(window.tickAgeMs, 5000);
  metrics.observeTick(10);
  window.sample(9100);
  assert.equal(window.tickAgeMs, 0);
});
