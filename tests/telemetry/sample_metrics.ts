/** Metrics with something in every family, for the tests of the exposition and of the server. */
import { LANES } from "../../src/lanes/lane.ts";
import { STATES } from "../../src/model/state.ts";
import { createMetrics, type EngineMetrics } from "../../src/telemetry/metrics.ts";

export const SAMPLE_DIMENSIONS = {
  probes: ["http", "tcp", "script"],
  remedies: ["docker", "script", "webhook"],
  pipelines: LANES,
  states: STATES,
} as const;

export const SAMPLE_CHANNELS = [
  "log /var/log/cpra.log",
  'webhook "odd" \\ name\nwith a line feed',
  "pagerduty",
];

export function sampleMetrics(): EngineMetrics {
  const metrics = createMetrics(SAMPLE_DIMENSIONS);
  for (const channel of SAMPLE_CHANNELS) metrics.addChannel(channel);
  metrics.addMonitors(1, 90);
  metrics.addMonitors(3, 10);
  for (let i = 1; i <= 100; i++) {
    metrics.countDue(1);
    metrics.observeLag(i * 100);
    metrics.observeQueueWait(0, i * 10);
    metrics.countCheck(i % 3, i % 10 === 0 ? 1 : 0, i * 1000);
    metrics.observeCheckLatency(i * 1100);
    metrics.observeTick(i * 5);
  }
  metrics.countLateResult();
  metrics.countIntervention(0, 0, 1_200_000);
  metrics.countAlert(1, 0, 0);
  metrics.observeAlertDelay(250_000);
  metrics.setAlertsPending(2);
  metrics.incidentOpened();
  metrics.incidentOpened();
  metrics.incidentClosed();
  metrics.countWorkerRestart(0);
  metrics.countRequeued(0, 7);
  for (let pipeline = 0; pipeline < LANES.length; pipeline++) {
    metrics.setQueue(pipeline, { depth: 3, capacity: 1024, enqueued: 100, dequeued: 97, deferred: 1 });
    metrics.setPool(pipeline, { workers: 2, slots: 64, busy: 5 });
    metrics.setSizing(pipeline, {
      arrivalRate: 2000,
      serviceSeconds: 0.02,
      ca2: 1,
      cs2: 0.5,
      targetSlots: 64,
      targetWorkers: 2,
      waitP50Seconds: 0,
      waitP95Seconds: 0.031,
      waitP99Seconds: Infinity,
      sloSeconds: 0.1,
    });
  }
  return metrics;
}
