/**
 * Every metric cpra exports, in one table: name, type, help, labels, buckets. For the writer (metrics.ts, engine thread),
 * the reader (metrics_view.ts, server thread) and whoever asks what a number means. About forty families.
 *
 * Times are kept in µs, as the engine measures them, and exported in seconds, as Prometheus wants them. Names, units and
 * labels follow prometheus.io/docs/practices/naming; `promtool check metrics` has no complaint. For that reason the label of
 * a predicted wait is `percentile`: `quantile` is reserved for summaries.
 */
import { COLORS } from "../model/color.ts";
import { OUTCOMES } from "../model/outcome.ts";
import { HOLD_REASONS } from "../model/protection.ts";

/** How one run of a remedy ended. */
export const INTERVENTION_OUTCOMES = ["succeeded", "failed", "lost", "dry_run"] as const;
export const INTERVENTION_SUCCEEDED = 0;
export const INTERVENTION_FAILED = 1;
export const INTERVENTION_LOST = 2;
export const INTERVENTION_DRY_RUN = 3;

/** How one attempt to deliver an alert ended. */
export const ALERT_OUTCOMES = ["sent", "retry", "refused", "lost"] as const;
export const ALERT_SENT = 0;
export const ALERT_RETRY = 1;
export const ALERT_REFUSED = 2;
export const ALERT_LOST = 3;

/** What makes the guard hold repairs back. */
export const GUARD_CAUSES = ["down_together", "local_errors", "canaries"] as const;
export type GuardCause = typeof GUARD_CAUSES[number];

/** Why an alert was not sent to people one by one. */
export const SUPPRESSIONS = ["dependency", "digest", "silence", "flapping", "acknowledged"] as const;
export type Suppression = typeof SUPPRESSIONS[number];

/** What tells our own faults from the fleet's. */
export const CANARIES = ["loopback", "gateway", "resolver"] as const;
export type Canary = typeof CANARIES[number];

/** The percentiles of the wait that sizing predicts. */
export const WAIT_PERCENTILES = ["50", "95", "99"] as const;

/** What a label's values come from; the closed ones are here, the others are known at boot (MetricDimensions). */
export type LabelDomain =
  | "probe"
  | "remedy"
  | "channel"
  | "scope"
  | "pipeline"
  | "state"
  | keyof typeof CLOSED_DOMAINS;
export const CLOSED_DOMAINS = {
  color: COLORS,
  checkOutcome: OUTCOMES,
  interventionOutcome: INTERVENTION_OUTCOMES,
  alertOutcome: ALERT_OUTCOMES,
  percentile: WAIT_PERCENTILES,
  holdReason: HOLD_REASONS,
  guardCause: GUARD_CAUSES,
  suppression: SUPPRESSIONS,
  canary: CANARIES,
} as const;

export type MetricType = "counter" | "gauge" | "histogram";

export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** Pairs of label name and domain; the order of the indices in every call. */
  readonly labels: readonly (readonly [label: string, domain: LabelDomain])[];
  /** Upper bounds of a histogram's buckets, µs, ascending; +Inf is implied. */
  readonly bucketsUs?: readonly number[];
}

/** 0.5 ms … 10 s: dense around the SLO (100 ms by default), because readiness and the P95 are read from it. */
const LAG_BUCKETS_US = milliseconds(
  [0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000],
);
/** 1 ms … 60 s: from a check on the same host to the longest sensible timeout. */
const DURATION_BUCKETS_US = milliseconds(
  [1, 2, 3, 5, 7.5, 10, 20, 30, 50, 75, 100, 200, 300, 500, 750, 1000, 2000, 5000, 10_000, 30_000, 60_000],
);
/** 0.1 ms … 10 s: a ring that is kept up with empties in tens of µs. */
const WAIT_BUCKETS_US = milliseconds(
  [0.1, 0.2, 0.5, 1, 2, 3, 5, 7.5, 10, 20, 30, 50, 75, 100, 200, 500, 1000, 2000, 5000, 10_000],
);
/** 0.05 ms … 1 s: a tick is planned every 2 ms; anything past 50 ms is a stall. */
const TICK_BUCKETS_US = milliseconds([0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]);
/** 1 ms … 1 h: a healthy channel answers within a second, a retried one within minutes. */
const DELIVERY_BUCKETS_US = milliseconds(
  [1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000],
);

const PIPELINE = [["pipeline", "pipeline"]] as const;

/** Written by the engine thread alone into shared cells. */
export const ENGINE_METRICS = {
  monitors: gauge("cpra_monitors", "Monitors by state.", [["state", "state"]]),
  checks: counter("cpra_checks_total", "Finished checks by kind of probe and outcome.", [
    ["type", "probe"],
    ["outcome", "checkOutcome"],
  ]),
  checkDuration: histogram(
    "cpra_check_duration_seconds",
    "Time a check ran, all its attempts included, from its start in the worker.",
    [["type", "probe"]],
    DURATION_BUCKETS_US,
  ),
  checksDue: counter("cpra_checks_due_total", "Checks that came due; those deferred are counted once.", []),
  checksMissed: counter(
    "cpra_checks_missed_total",
    "Checks left out because the one before still ran, or because no place was free until the next one came due.",
    [],
  ),
  scheduleLag: histogram(
    "cpra_schedule_lag_seconds",
    "Lateness of a check: from its due time to its begin at a worker.",
    [],
    LAG_BUCKETS_US,
  ),
  checkLatency: histogram(
    "cpra_check_latency_seconds",
    "From the due time of a check to its result.",
    [],
    DURATION_BUCKETS_US,
  ),
  lateResults: counter(
    "cpra_late_results_total",
    "Results dropped because their job had been given up or done again (generation mismatch).",
    [],
  ),
  queueDepth: gauge("cpra_queue_depth", "Jobs waiting for a worker to take them.", PIPELINE),
  queueCapacity: gauge(
    "cpra_queue_capacity",
    "Jobs the queue holds before it defers or overflows.",
    PIPELINE,
  ),
  queueWait: histogram(
    "cpra_queue_wait_seconds",
    "Time a job waited from its dispatch to its start in a worker.",
    PIPELINE,
    WAIT_BUCKETS_US,
  ),
  enqueued: counter("cpra_queue_enqueued_total", "Jobs put into the queue.", PIPELINE),
  dequeued: counter("cpra_queue_dequeued_total", "Jobs taken from the queue by a worker.", PIPELINE),
  deferred: counter(
    "cpra_deferred_total",
    "Jobs put off to a later tick because the queue was full.",
    PIPELINE,
  ),
  workers: gauge("cpra_workers", "Worker threads that take jobs.", PIPELINE),
  slots: gauge("cpra_slots", "Jobs that may run at the same time, all workers together.", PIPELINE),
  busy: gauge("cpra_busy", "Jobs that are out at workers now, waiting or running.", PIPELINE),
  workerRestarts: counter(
    "cpra_worker_restarts_total",
    "Workers replaced because they died or hung.",
    PIPELINE,
  ),
  jobsRequeued: counter(
    "cpra_jobs_requeued_total",
    "Jobs given to another worker after theirs was lost.",
    PIPELINE,
  ),
  arrivalRate: gauge("cpra_sizing_arrival_rate", "Sizing input: jobs per second that arrive.", PIPELINE),
  serviceSeconds: gauge(
    "cpra_sizing_service_seconds",
    "Sizing input: mean time a job holds its slot.",
    PIPELINE,
  ),
  ca2: gauge("cpra_sizing_ca2", "Sizing input: squared coefficient of variation between arrivals.", PIPELINE),
  cs2: gauge("cpra_sizing_cs2", "Sizing input: squared coefficient of variation of service times.", PIPELINE),
  targetSlots: gauge(
    "cpra_sizing_target_slots",
    "Sizing decision: slots the pipeline should have.",
    PIPELINE,
  ),
  targetWorkers: gauge(
    "cpra_sizing_target_workers",
    "Sizing decision: workers the pipeline should have.",
    PIPELINE,
  ),
  predictedWait: gauge(
    "cpra_sizing_predicted_wait_seconds",
    "Wait for a slot that the model predicts; compare with cpra_queue_wait_seconds.",
    [["pipeline", "pipeline"], ["percentile", "percentile"]],
  ),
  slo: gauge("cpra_sizing_slo_seconds", "P95 of the wait that sizing must keep.", PIPELINE),
  interventions: counter("cpra_interventions_total", "Runs of remedies by action and how they ended.", [
    ["action", "remedy"],
    ["outcome", "interventionOutcome"],
  ]),
  interventionDuration: histogram(
    "cpra_intervention_duration_seconds",
    "Time a remedy ran, its retries included.",
    [["action", "remedy"]],
    DURATION_BUCKETS_US,
  ),
  alerts: counter("cpra_alerts_total", "Attempts to deliver an alert by channel, color and how they ended.", [
    ["channel", "channel"],
    ["color", "color"],
    ["outcome", "alertOutcome"],
  ]),
  alertsPending: gauge("cpra_alerts_pending", "Alerts decided and not yet delivered or refused.", []),
  alertsCreated: gauge(
    "cpra_alerts_created",
    "Alerts of this process, those taken over at its start included.",
    [],
  ),
  alertsCoalesced: gauge("cpra_alerts_coalesced", "Alerts told in a digest instead of by themselves.", []),
  alertsSilenced: gauge("cpra_alerts_silenced", "Alerts kept back on purpose.", []),
  digestsOpen: gauge("cpra_digests_open", "Digests of which not all members have recovered.", []),
  alertsDead: gauge(
    "cpra_alerts_dead_lettered",
    "Alerts given up because their channel refused them or is gone.",
    [],
  ),
  alertsUnaccounted: gauge(
    "cpra_alerts_unaccounted",
    "Alerts that are neither delivered nor coalesced, silenced, pending or dead letters, counted every 10 s: anything but 0 is a fault.",
    [],
  ),
  journalHealthy: gauge(
    "cpra_journal_healthy",
    "Whether alerts and repairs wait for the disk (1) or go out without it (0); 1 without a state directory.",
    [],
  ),
  journalCommits: counter("cpra_journal_commits_total", "Transactions of the journal.", []),
  journalCommit: histogram(
    "cpra_journal_commit_seconds",
    "Time one transaction of the journal took, the disk included.",
    [],
    WAIT_BUCKETS_US,
  ),
  channelBreaker: gauge(
    "cpra_channel_breaker",
    "State of a channel's circuit breaker: 0 closed, 1 open (nothing is sent), 2 half open (one is tried).",
    [["channel", "channel"]],
  ),
  alertDelay: histogram(
    "cpra_alert_delay_seconds",
    "From the decision to alert to the channel having taken it.",
    [],
    DELIVERY_BUCKETS_US,
  ),
  incidentsOpen: gauge("cpra_incidents_open", "Incidents that are open.", []),
  incidents: counter("cpra_incidents_total", "Incidents opened.", []),
  frozen: gauge("cpra_remediation_frozen", "Whether the kill switch holds all repairs back: 1 or 0.", []),
  repairsWaiting: gauge("cpra_remediation_waiting", "Repairs that are wanted and held back.", []),
  repairsHeld: counter("cpra_remediation_held_total", "Repairs held back, counted once per reason.", [
    ["reason", "holdReason"],
  ]),
  guard: gauge(
    "cpra_guard",
    "State of the guard: 0 clear, 1 suspect (no repairs), 2 releasing (repairs one by one).",
    [
      ["scope", "scope"],
    ],
  ),
  guardTrips: counter("cpra_guard_trips_total", "Times the guard became suspect.", [["cause", "guardCause"]]),
  alertsSuppressed: counter(
    "cpra_alerts_suppressed_total",
    "Alerts kept back: part of a digest, a monitor it depends on is down, silenced, flapping, or a repetition of what somebody acknowledged.",
    [["color", "color"], ["reason", "suppression"]],
  ),
  canary: gauge(
    "cpra_canary",
    "Checks of our own way out: 1 passes, 0 fails, -1 not in use or never passed.",
    [["canary", "canary"]],
  ),
  engineTick: histogram(
    "cpra_engine_tick_seconds",
    "Work of one engine tick; its count going up is the engine's heartbeat.",
    [],
    TICK_BUCKETS_US,
  ),
} as const satisfies Record<string, MetricFamily>;

export type EngineMetric = keyof typeof ENGINE_METRICS;

/** Taken from the process or known at boot; computed when /metrics is read. Labels are given with the value. */
/** Counted from the world when asked; see certificates.ts. */
export const CERTIFICATES_METRIC = gauge(
  "cpra_certificates",
  "Monitors whose certificate, as last seen by a passed check, ends within this many days.",
  [],
);

export const PROCESS_METRICS = {
  buildInfo: gauge("cpra_build_info", "Always 1; the labels say what runs.", []),
  cpu: counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", []),
  residentMemory: gauge("process_resident_memory_bytes", "Resident memory size in bytes.", []),
  virtualMemory: gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", []),
  openDescriptors: gauge("process_open_fds", "Number of open file descriptors.", []),
  maxDescriptors: gauge("process_max_fds", "Maximum number of open file descriptors.", []),
  startTime: gauge(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
    [],
  ),
} as const satisfies Record<string, MetricFamily>;

type Labels = MetricFamily["labels"];

function counter(name: string, help: string, labels: Labels): MetricFamily {
  return { name, help, labels, type: "counter" };
}

function gauge(name: string, help: string, labels: Labels): MetricFamily {
  return { name, help, labels, type: "gauge" };
}

function histogram(name: string, help: string, labels: Labels, bucketsUs: readonly number[]): MetricFamily {
  return { name, help, labels, type: "histogram", bucketsUs };
}

function milliseconds(bounds: readonly number[]): readonly number[] {
  return bounds.map((bound) => Math.round(bound * 1000));
}
