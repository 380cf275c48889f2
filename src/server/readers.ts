/**
 * What the routes read. The routes are built from these functions alone (app.ts), so they are tested without a world and
 * without threads; shared_readers.ts implements them over the shared memory. The types are the JSON of the API:
 * times in ISO 8601, durations with their unit in the name, null where there is nothing yet.
 */
export interface ServerReaders {
  /** Names that `state=` accepts. */
  readonly states: readonly string[];
  /** Prometheus text. */
  exposition(): string;
  health(): HealthReport;
  readiness(): HealthReport;
  status(): StatusReport;
  monitors(query: MonitorQuery): MonitorPage;
  monitor(name: string): MonitorDetail | undefined;
  pipelines(): readonly PipelineReport[];
  /** At most `limit` open and `limit` recent ones, newest first. */
  incidents(limit: number): IncidentsReport;
}

export interface HealthReport {
  readonly ok: boolean;
  /** Why not, one sentence each; empty when ok. */
  readonly why: readonly string[];
  readonly loaded: boolean;
  /** Since the engine was last seen to tick. */
  readonly tickAgeMs: number;
  /** Of the schedule lag within the window; null when no check came due in it. */
  readonly lagP95Ms: number | null;
  readonly sloMs: number;
  readonly windowSeconds: number;
  /** Alerts that are nowhere: not 0 means that some were lost. */
  readonly alertsUnaccounted: number;
}

export interface Quantiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface StatusReport {
  readonly version: string;
  readonly runtime: string;
  readonly revision: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly healthy: boolean;
  readonly readiness: HealthReport;
  readonly monitors: { readonly total: number; readonly byState: Readonly<Record<string, number>> };
  /** Within the window of `readiness`. */
  readonly checksPerSecond: number;
  readonly lagMs: Quantiles;
  /** Due time to result applied. */
  readonly latencyMs: Quantiles;
  readonly incidentsOpen: number;
  readonly alertsPending: number;
  readonly protection: ProtectionReport;
}

/** What holds repairs back. */
export interface ProtectionReport {
  /** The kill switch. */
  readonly frozen: boolean;
  readonly repairsWaiting: number;
  /** Scopes of the guard that are not clear. */
  readonly guard: readonly { readonly scope: string; readonly state: "suspect" | "releasing" }[];
  /** null: not in use, or it never passed. */
  readonly canaries: Readonly<Record<string, boolean | null>>;
}

export interface MonitorQuery {
  readonly state?: string;
  /** Part of the name. */
  readonly name?: string;
  /** Row to go on from. */
  readonly cursor?: number;
  readonly limit: number;
}

export interface MonitorPage {
  readonly monitors: readonly MonitorSummary[];
  /** For `cursor=` of the next page; null on the last one. */
  readonly nextCursor: string | null;
}

export interface MonitorSummary {
  readonly name: string;
  readonly kind: string;
  /** Without secrets: see redact.ts. */
  readonly target: string;
  readonly state: string;
  readonly since: string | null;
  readonly checkedAt: string | null;
  readonly latencyMs: number | null;
  /** Of the last check. */
  readonly outcome: string | null;
  readonly error: string | null;
  readonly failures: number;
  readonly successes: number;
}

export interface MonitorDetail extends MonitorSummary {
  readonly attempts: number;
  readonly verifyLeft: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  readonly verificationChecks: number;
  readonly remedy:
    | {
      readonly action: string;
      readonly target: string;
      readonly retries: number;
      readonly maxFailures: number;
      readonly timeoutMs: number;
      /** What is tried in turn, when that is more than one thing. */
      readonly steps?: readonly {
        readonly action: string;
        readonly target: string;
        readonly attempts: number;
      }[];
    }
    | null;
  readonly codes: Readonly<Record<string, CodeReport>>;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly dependsOn: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The last one that a passed check was shown; null when it looked at none. */
  readonly certificate: { readonly validUntil: string; readonly daysLeft: number } | null;
  readonly incident: OpenIncident | null;
}

export interface CodeReport {
  readonly dispatch: string;
  readonly channels: readonly string[];
  readonly cooldownMs: number;
  readonly repeatMs: number;
}

export interface PipelineReport {
  readonly pipeline: string;
  readonly workers: number;
  readonly slots: number;
  readonly busy: number;
  readonly workerRestarts: number;
  readonly queue: {
    readonly depth: number;
    readonly capacity: number;
    readonly enqueued: number;
    readonly dequeued: number;
    readonly deferred: number;
    /** Measured within the window. */
    readonly waitMs: Quantiles;
  };
  readonly sizing: {
    readonly arrivalRate: number;
    readonly serviceMs: number;
    readonly ca2: number;
    readonly cs2: number;
    readonly targetSlots: number;
    readonly targetWorkers: number;
    readonly predictedWaitMs: Quantiles;
    readonly sloMs: number;
  };
}

export interface IncidentsReport {
  readonly openTotal: number;
  readonly open: readonly OpenIncident[];
  readonly recent: readonly ClosedIncident[];
}

export interface OpenIncident {
  readonly id: string;
  readonly monitor: string;
  readonly target: string;
  readonly state: string;
  readonly since: string;
  /** The last step and when it was taken. */
  readonly transition: string;
  readonly at: string;
  readonly error: string;
  readonly attempts: number;
}

export interface ClosedIncident {
  readonly id: string;
  readonly monitor: string;
  readonly target: string;
  readonly since: string;
  readonly closedAt: string;
  readonly durationSeconds: number;
  /** The last error while it was open. */
  readonly error: string;
}
