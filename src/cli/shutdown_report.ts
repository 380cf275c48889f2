/** The last words of a run: what was done, how late, what is left. */
import { formatDuration } from "../base/duration.ts";
import type { Logger } from "../base/log.ts";
import { PASS } from "../model/outcome.ts";
import { quantileUs } from "../telemetry/histogram.ts";
import type { MetricsView } from "../telemetry/metrics_view.ts";
import { ALERT_SENT, INTERVENTION_SUCCEEDED } from "../telemetry/metric_table.ts";

export interface ShutdownFacts {
  readonly metrics: MetricsView;
  readonly upMs: number;
  readonly stopMs: number;
  /** Nothing was left undone. */
  readonly clean: boolean;
}

export function logShutdown(log: Logger, { metrics, upMs, stopMs, clean }: ShutdownFacts): void {
  const lag = metrics.histogram("scheduleLag", []);
  const latency = metrics.histogram("checkLatency", []);
  const ms = (histogram: typeof lag, q: number) => `${((quantileUs(histogram, q) ?? 0) / 1000).toFixed(2)}ms`;
  log.info("Checks", {
    done: metrics.total("checks"),
    due: metrics.total("checksDue"),
    missed: metrics.total("checksMissed"),
    passed: metrics.labelTotal("checks", 1, PASS),
    per_second: Math.round(metrics.total("checks") / (upMs / 1000)),
    lag_p50: ms(lag, 0.5),
    lag_p95: ms(lag, 0.95),
    lag_p99: ms(lag, 0.99),
    latency_p95: ms(latency, 0.95),
  });
  log.info("Interventions and alerts", {
    interventions: metrics.total("interventions"),
    succeeded: metrics.labelTotal("interventions", 1, INTERVENTION_SUCCEEDED),
    incidents_opened: metrics.total("incidents"),
    incidents_open: metrics.total("incidentsOpen"),
    alerts_sent: metrics.labelTotal("alerts", 2, ALERT_SENT),
    alerts_pending: metrics.total("alertsPending"),
  });
  const up = formatDuration(Math.round(upMs));
  const took = formatDuration(Math.round(stopMs));
  const waiting = metrics.total("alertsPending");
  if (clean && waiting > 0) {
    log.info(
      `Stopped after ${up}; draining took ${took}, ${waiting} alerts are on disk and go out after the next start`,
    );
  } else if (clean) log.info(`Stopped after ${up}; draining took ${took}, nothing was left undone`);
  else log.warn(`Stopped after ${up}; draining took ${took}, not everything could be finished`);
}
