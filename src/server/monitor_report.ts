/** Rows and incidents as the API shows them: names instead of indices, ISO times, no secrets. Reads the world, decides nothing. */
import { OUTCOMES, reasonAt, reasonText } from "../model/outcome.ts";
import { STATES } from "../model/state.ts";
import type { Policy } from "../world/policy.ts";
import type { WorldView } from "../world/world.ts";
import { milliseconds, rounded } from "./figures.ts";
import type { ClosedEntry, IncidentLog } from "./incident_log.ts";
import type { IncidentEvent } from "./messages.ts";
import type { ClosedIncident, CodeReport, MonitorDetail, MonitorSummary, OpenIncident } from "./readers.ts";
import { redactHook, redactTarget } from "../base/redact.ts";

export interface DetailSources {
  readonly world: WorldView;
  /** Descriptions of the channels, by index. */
  readonly channels: readonly string[];
  readonly log: IncidentLog;
  /** Wall clock. */
  readonly nowMs: number;
}

export function monitorSummary(world: WorldView, row: number): MonitorSummary {
  const { columns } = world;
  const checkedAt = columns.checkedAt[row] as number;
  const checked = checkedAt > 0;
  const outcome = OUTCOMES[columns.outcome[row] as number] ?? null;
  return {
    name: world.name(row),
    kind: world.policies[columns.policy[row] as number]?.probe.kind ?? "",
    target: redactTarget(world.target(row)),
    state: stateName(world, row),
    since: isoOrNull(columns.since[row] as number),
    checkedAt: isoOrNull(checkedAt),
    latencyMs: checked ? milliseconds(columns.latencyUs[row] as number) : null,
    outcome: checked ? outcome : null,
    error: checked && outcome !== "pass"
      ? reasonText(reasonAt(columns.reason[row] as number), columns.value[row] as number)
      : null,
    failures: columns.failures[row] as number,
    successes: columns.successes[row] as number,
  };
}

/** Undefined too when the row is newer than the handles: the engine sends new ones once it is done adding. */
export function monitorDetail(
  row: number,
  { world, channels, log, nowMs }: DetailSources,
): MonitorDetail | undefined {
  const policy = world.policies[world.columns.policy[row] as number];
  if (policy === undefined) return undefined;
  const { groups, labels, dependsOn, metadata } = world.attributes(row);
  const incident = log.openOf(row);
  return {
    ...monitorSummary(world, row),
    attempts: world.columns.attempts[row] as number,
    verifyLeft: world.columns.verifyLeft[row] as number,
    intervalMs: policy.intervalMs,
    timeoutMs: policy.timeoutMs,
    retries: policy.retries,
    unhealthyThreshold: policy.unhealthyThreshold,
    healthyThreshold: policy.healthyThreshold,
    verificationChecks: policy.verificationChecks,
    remedy: remedyReport(policy, world.remedyTarget(row)),
    codes: codeReports(policy, channels),
    groups,
    labels,
    dependsOn,
    metadata,
    certificate: certificateReport(world.columns.certificateDay[row] as number, nowMs),
    incident: incident === undefined ? null : openIncident(world, incident),
  };
}

export function openIncident(world: WorldView, event: IncidentEvent): OpenIncident {
  return {
    id: event.id,
    monitor: event.monitor,
    target: redactTarget(event.target),
    state: stateName(world, event.row),
    since: new Date(event.sinceMs).toISOString(),
    transition: event.transition,
    at: new Date(event.atMs).toISOString(),
    error: event.error,
    attempts: world.columns.attempts[event.row] as number,
  };
}

export function closedIncident({ event, lastError }: ClosedEntry): ClosedIncident {
  return {
    id: event.id,
    monitor: event.monitor,
    target: redactTarget(event.target),
    since: new Date(event.sinceMs).toISOString(),
    closedAt: new Date(event.atMs).toISOString(),
    durationSeconds: rounded((event.atMs - event.sinceMs) / 1000),
    error: lastError,
  };
}

const DAY_MS = 86_400_000;

function certificateReport(day: number, nowMs: number): MonitorDetail["certificate"] {
  if (day === 0) return null;
  const validUntil = new Date(day * DAY_MS).toISOString().slice(0, 10);
  return { validUntil, daysLeft: Math.max(0, day - Math.floor(nowMs / DAY_MS)) };
}

function remedyReport({ remedy }: Policy, target: string): MonitorDetail["remedy"] {
  if (remedy === null) return null;
  const { kind, retries, maxFailures, timeoutMs } = remedy;
  const steps = remedy.steps?.map((step) => ({
    action: step.kind,
    target: redactHook(step.target),
    attempts: step.attempts,
  }));
  const report = { action: kind, target: redactHook(target), retries, maxFailures, timeoutMs };
  return steps === undefined ? report : { ...report, steps };
}

function codeReports({ codes }: Policy, channels: readonly string[]): MonitorDetail["codes"] {
  const reports: Record<string, CodeReport> = {};
  for (const [color, code] of Object.entries(codes)) {
    reports[color] = {
      dispatch: code.dispatch,
      channels: code.channels.map((index) => channels[index] ?? `channel ${index}`),
      cooldownMs: code.cooldownMs,
      repeatMs: code.repeatMs,
    };
  }
  return reports;
}

function stateName(world: WorldView, row: number): string {
  return STATES[world.columns.state[row] as number] ?? "unknown";
}

function isoOrNull(wallSeconds: number): string | null {
  return wallSeconds === 0 ? null : new Date(wallSeconds * 1000).toISOString();
}
