import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANNEL_SLOTS, OTHER_CHANNELS } from "../../src/telemetry/metric_layout.ts";
import { ENGINE_METRICS, type EngineMetric, PROCESS_METRICS } from "../../src/telemetry/metric_table.ts";
import { createMetrics, type EngineMetrics } from "../../src/telemetry/metrics.ts";
import { MetricsView } from "../../src/telemetry/metrics_view.ts";
import { SAMPLE_DIMENSIONS } from "./sample_metrics.ts";

/** What changed: "metric name{labels} +change", one line per series. */
function changes(act: (metrics: EngineMetrics) => void): string[] {
  const metrics = createMetrics(SAMPLE_DIMENSIONS);
  for (const channel of ["one", "two", "one"]) metrics.addChannel(channel);
  // The handle crosses threads by structured clone; the cells stay shared.
  const view = new MetricsView(structuredClone(metrics.handle()));
  act(metrics);
  return view.families().flatMap((family) =>
    family.points.flatMap((point) => {
      const labels = point.labels.map(([, value]) => value).join(",");
      if ("value" in point) return point.value === 0 ? [] : [`${family.name}{${labels}} ${point.value}`];
      const { counts, sumUs, bucketsUs } = point.histogram;
      return counts.flatMap((count, bucket) =>
        count === 0 ? [] : [`${family.name}{${labels}} ${count} ≤ ${bucketsUs[bucket] ?? "∞"} sum ${sumUs}`]
      );
    })
  );
}

test("each call of the engine changes its own series and no other", () => {
  assert.deepEqual(changes((m) => m.countCheck(2, 1, 2500)), [
    "cpra_checks_total{script,fail} 1",
    "cpra_check_duration_seconds{script} 1 ≤ 3000 sum 2500",
  ]);
  assert.deepEqual(changes((m) => m.countDue(5)), ["cpra_checks_due_total{} 5"]);
  assert.deepEqual(changes((m) => m.observeLag(500)), ["cpra_schedule_lag_seconds{} 1 ≤ 500 sum 500"]);
  assert.deepEqual(changes((m) => m.observeCheckLatency(1)), ["cpra_check_latency_seconds{} 1 ≤ 1000 sum 1"]);
  assert.deepEqual(changes((m) => m.observeQueueWait(1, 99e6)), [
    "cpra_queue_wait_seconds{intervention} 1 ≤ ∞ sum 99000000",
  ]);
  assert.deepEqual(changes((m) => m.observeTick(51)), ["cpra_engine_tick_seconds{} 1 ≤ 100 sum 51"]);
  assert.deepEqual(changes((m) => m.countLateResult()), ["cpra_late_results_total{} 1"]);
  assert.deepEqual(changes((m) => m.addMonitors(1, 4)), ["cpra_monitors{up} 4"]);
  assert.deepEqual(changes((m) => m.countIntervention(2, 2, 10)), [
    "cpra_interventions_total{webhook,lost} 1",
    "cpra_intervention_duration_seconds{webhook} 1 ≤ 1000 sum 10",
  ]);
  assert.deepEqual(changes((m) => m.countAlert(1, 4, 3)), ["cpra_alerts_total{two,gray,lost} 1"]);
  assert.deepEqual(changes((m) => m.observeAlertDelay(5e9)), [
    "cpra_alert_delay_seconds{} 1 ≤ ∞ sum 5000000000",
  ]);
  assert.deepEqual(changes((m) => m.setAlertsPending(3)), ["cpra_alerts_pending{} 3"]);
  assert.deepEqual(changes((m) => m.countWorkerRestart(2)), ["cpra_worker_restarts_total{code} 1"]);
  assert.deepEqual(changes((m) => m.countRequeued(0, 9)), ["cpra_jobs_requeued_total{pulse} 9"]);
});

test("the gauges of a pipeline go to their own series", () => {
  const queue = { depth: 1, capacity: 2, enqueued: 3, dequeued: 4, deferred: 5 };
  assert.deepEqual(changes((m) => m.setQueue(1, queue)), [
    "cpra_queue_depth{intervention} 1",
    "cpra_queue_capacity{intervention} 2",
    "cpra_queue_enqueued_total{intervention} 3",
    "cpra_queue_dequeued_total{intervention} 4",
    "cpra_deferred_total{intervention} 5",
  ]);
  assert.deepEqual(changes((m) => m.setPool(2, { workers: 1, slots: 2, busy: 3 })), [
    "cpra_workers{code} 1",
    "cpra_slots{code} 2",
    "cpra_busy{code} 3",
  ]);
  const service = { arrivalRate: 1, serviceSeconds: 2, ca2: 3, cs2: 4, targetSlots: 5, targetWorkers: 6 };
  const wait = { waitP50Seconds: 7, waitP95Seconds: 8, waitP99Seconds: 9, sloSeconds: 10 };
  assert.deepEqual(changes((m) => m.setSizing(1, { ...service, ...wait })), [
    "cpra_sizing_arrival_rate{intervention} 1",
    "cpra_sizing_service_seconds{intervention} 2",
    "cpra_sizing_ca2{intervention} 3",
    "cpra_sizing_cs2{intervention} 4",
    "cpra_sizing_target_slots{intervention} 5",
    "cpra_sizing_target_workers{intervention} 6",
    "cpra_sizing_predicted_wait_seconds{intervention,50} 7",
    "cpra_sizing_predicted_wait_seconds{intervention,95} 8",
    "cpra_sizing_predicted_wait_seconds{intervention,99} 9",
    "cpra_sizing_slo_seconds{intervention} 10",
  ]);
});

test("a value equal to a bound belongs to that bucket, one above to the next", () => {
  assert.deepEqual(changes((m) => m.observeLag(10_000_000)), [
    "cpra_schedule_lag_seconds{} 1 ≤ 10000000 sum 10000000",
  ]);
  assert.deepEqual(changes((m) => m.observeLag(10_000_001)), [
    "cpra_schedule_lag_seconds{} 1 ≤ ∞ sum 10000001",
  ]);
});

test("channels of one description are one series, since a series may appear once", () => {
  const counted = changes((m) => {
    m.countAlert(0, 0, 0);
    m.countAlert(2, 0, 0);
  });
  assert.deepEqual(counted, ["cpra_alerts_total{one,red,sent} 2"]);
});

test("channels past the last slot share it, and its label says so", () => {
  const metrics = createMetrics(SAMPLE_DIMENSIONS);
  for (let i = 0; i < CHANNEL_SLOTS + 5; i++) metrics.addChannel(`channel ${i}`);
  const alerts: EngineMetric = "alerts";
  const view = new MetricsView(metrics.handle());
  for (let i = CHANNEL_SLOTS - 2; i < CHANNEL_SLOTS + 5; i++) metrics.countAlert(i, 0, 0);
  assert.equal(metrics.handle().channelSlots.length, CHANNEL_SLOTS);
  assert.equal(metrics.handle().channelSlots.at(-1), OTHER_CHANNELS);
  assert.equal(view.value(alerts, [CHANNEL_SLOTS - 2, 0, 0]), 1);
  assert.equal(view.value(alerts, [CHANNEL_SLOTS - 1, 0, 0]), 6);
  assert.equal(view.total(alerts), 7);
});

test("a channel added later needs a new handle and no new memory", () => {
  const metrics = createMetrics(SAMPLE_DIMENSIONS);
  metrics.addChannel("first");
  const before = metrics.handle();
  metrics.addChannel("second");
  metrics.countAlert(1, 2, 0);
  const after = metrics.handle();
  assert.equal(before.buffer, after.buffer);
  assert.deepEqual(after.channelSlots, ["first", "second"]);
  assert.equal(new MetricsView(after).value("alerts", [1, 2, 0]), 1);
});

test("cells of other dimensions are refused", () => {
  const { buffer, channelSlots, scopeSlots } = createMetrics(SAMPLE_DIMENSIONS).handle();
  const dimensions = { ...SAMPLE_DIMENSIONS, probes: ["http"] };
  assert.throws(() => new MetricsView({ buffer, channelSlots, scopeSlots, dimensions }), /shared layout/);
});

test("every metric has a name of its own, a help sentence, and ascending buckets if it is a histogram", () => {
  const families = [...Object.values(ENGINE_METRICS), ...Object.values(PROCESS_METRICS)];
  assert.equal(new Set(families.map((family) => family.name)).size, families.length);
  for (const { name, help, type, bucketsUs } of families) {
    assert.match(help, /^[A-Z].*\.$/, name);
    assert.equal(bucketsUs !== undefined, type === "histogram", name);
    const bounds = bucketsUs ?? [];
    assert.ok(
      bounds.every((bound, i) => Number.isInteger(bound) && (i === 0 || bound > (bounds[i - 1] as number))),
      name,
    );
  }
});
