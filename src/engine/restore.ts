/**
 * Goes on where an earlier process was cut off: monitors by name, incidents with their ids, alerts that were not delivered,
 * repairs that have no end. Runs once, before the first tick; the only writer of the state columns beside monitor_life.ts.
 */
import { hashText } from "../base/hash.ts";
import type { Clock } from "../base/clock.ts";
import type { Color } from "../model/color.ts";
import { EVENT } from "../model/event.ts";
import type { MonitorStands, PendingAlert, Restored, StoredState } from "../model/journal_record.ts";
import { FLAG, STATE, STATES } from "../model/state.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { World } from "../world/world.ts";
import type { DueHeap } from "./due_heap.ts";
import { GUARD_KIND } from "./digest.ts";
import { TEST_KIND } from "./alert_control.ts";
import { digestRow } from "./storms.ts";
import { STORM_KIND } from "./storm_text.ts";
import { type Incident, type Incidents, recordTried } from "./incidents.ts";
import type { Ledger } from "./ledger.ts";
import { verificationTimeoutMs } from "./machine_policy.ts";
import { BACKOFF_CAP_MS, type LifeEvent, type MonitorLife, type Timer } from "./monitor_life.ts";
import type { Outbox } from "./outbox.ts";

export interface RestoreOptions {
  readonly world: World;
  readonly incidents: Incidents;
  readonly timers: DueHeap<Timer>;
  readonly life: MonitorLife;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Identities of the world's channels, by index. */
  readonly channelIds: readonly string[];
  readonly observe: (event: LifeEvent) => void;
  /** What stands between decisions and harm. */
  readonly guards: RestoreGuards;
}

export interface RestoreGuards {
  /** The row is not simply up, and goes on with its trouble, if it has one. */
  resumed(row: number, incident: Incident | undefined): void;
  /** Its repair is not running: it may begin once more when nothing stands against it. */
  takeBack(row: number): void;
}

export interface RestoreReport {
  readonly monitors: number;
  readonly incidents: number;
  readonly alerts: number;
  /** Alerts whose channel is gone. */
  readonly dead: number;
  /** Repairs whose end nobody knows. */
  readonly repairs: number;
}

/** A monitor that left the manifest may come back; after this time what is known of it says nothing any more. */
const FORGET_AFTER_MS = 30 * 86_400_000;
/** Rows of alerts whose monitor is not in the manifest: not in the columns, one number per name. */
const NO_ROW = 0xffff_ffff;

export function restoreAll(restored: Restored, options: RestoreOptions): RestoreReport {
  const rows = rowsByName(options.world, namesOf(restored));
  let monitors = 0;
  for (const record of restored.monitors) {
    const row = rows.get(record.monitor);
    if (row !== undefined && record.stands !== null) {
      monitors++;
      restoreMonitor(row, record.stands, options);
    } else forgetIfOld(record, options);
  }
  const dead = restoreAlerts(restored, options);
  const again = new Set<number>();
  for (const { incident, attempt, monitor } of restored.repairs) {
    const row = rows.get(monitor);
    if (row !== undefined && mayRunAgain({ incident, attempt, row }, options)) {
      again.add(row);
      withdrawRepair({ incident, attempt, row }, options);
    } else endRepair({ incident, attempt, row }, options);
  }
  // To verification, without a claim; for a monitor that is not repairing the event means nothing.
  for (const row of rows.values()) {
    if (!again.has(row)) options.life.apply(row, EVENT.remedySucceeded, undefined, "cyan");
  }
  return {
    monitors,
    incidents: restored.monitors.filter(({ stands }) => stands?.incident?.opened).length,
    alerts: restored.alerts.length - dead,
    dead,
    repairs: restored.repairs.length,
  };
}

/**
 * What an earlier process left, found when this one runs already: its alerts still go out, after those of this process.
 * Its states do not count: the checks since then know better.
 */
export function restoreAlerts(
  restored: Restored,
  options: Pick<RestoreOptions, "world" | "ledger" | "outbox" | "clock" | "channelIds">,
): number {
  const { outbox, channelIds } = options;
  const rows = rowsByName(options.world, new Set(restored.alerts.map(({ monitor }) => monitor)));
  const strangers = new Map<string, number>();
  let dead = 0;
  outbox.reserveUpTo(restored.lastAlertId);
  for (const alert of restored.alerts) {
    // A digest is about no single monitor, whatever one may be called.
    const { kind } = alert.message;
    const known = [GUARD_KIND, STORM_KIND, TEST_KIND].includes(kind)
      ? digestRow(alert.incident)
      : rows.get(alert.monitor);
    let row = known ?? strangers.get(alert.monitor);
    if (row === undefined) strangers.set(alert.monitor, row = NO_ROW - strangers.size);
    const channel = channelIds.indexOf(alert.channelId);
    if (channel < 0) {
      dead++;
      bury(alert, row, options);
    } else restoreAlert(alert, { row, channel }, options);
  }
  return dead;
}

function restoreAlert(
  { id, message, attempt, dueWallMs }: PendingAlert,
  place: { readonly row: number; readonly channel: number },
  { outbox, clock }: Pick<RestoreOptions, "outbox" | "clock">,
): void {
  const waitMs = dueWallMs === 0 ? 0 : Math.min(RETRY_WAIT_MS_MAX, dueWallMs - clock.wallMs());
  const sinceMs = clock.monoMs() - Math.max(0, clock.wallMs() - Date.parse(message.at));
  outbox.add({ ...place, id, message, attempt, sinceMs, dueMs: waitMs > 0 ? clock.monoMs() + waitMs : 0 });
}

/** The clock may have been set back meanwhile: no alert waits longer for that than the longest Retry-After. */
const RETRY_WAIT_MS_MAX = 3_600_000;

function bury(
  { id, message, attempt }: PendingAlert,
  row: number,
  { outbox, ledger, clock }: Pick<RestoreOptions, "outbox" | "ledger" | "clock">,
): void {
  const error = "its channel is not in the manifest any more";
  outbox.addDead({ id, row, channel: -1, attempt, message, error, atMs: clock.monoMs() });
  ledger.add({ type: "settled", id, result: "dead", error, atWallMs: clock.wallMs() });
}

function restoreMonitor(row: number, stands: StoredState, options: RestoreOptions): void {
  const { world, metrics, ledger, clock, observe } = options;
  const { columns } = world;
  columns.state[row] = stands.state;
  columns.failures[row] = stands.failures;
  // In the other states a failure that broke the streak may not have been written.
  const streakIsKnown = stands.state === STATE.degraded || stands.state === STATE.verifying;
  columns.successes[row] = streakIsKnown ? stands.successes : 0;
  columns.verifyLeft[row] = stands.verifyLeft;
  columns.attempts[row] = stands.attempts;
  columns.flags[row] = stands.flags;
  columns.since[row] = Math.floor(stands.sinceWallMs / 1000);
  metrics.addMonitors(STATE.pending, -1);
  metrics.addMonitors(stands.state, 1);
  ledger.isStored(row);
  const incident = stands.incident === null ? undefined : resumeIncident(row, stands, options);
  options.guards.resumed(row, incident);
  const to = STATES[stands.state] ?? "unknown";
  const wallMs = clock.wallMs();
  observe({ row, monitor: world.name(row), from: "pending", to, incident, closed: false, wallMs });
}

function resumeIncident(row: number, stands: StoredState, options: RestoreOptions): Incident {
  const { incidents, world, metrics, clock } = options;
  const past = stands.incident as NonNullable<StoredState["incident"]>;
  const nowMs = clock.monoMs();
  /** What lies in the future by a step of the clock is taken as now. */
  const monoOf = (wallMs: number) => nowMs - Math.max(0, clock.wallMs() - wallMs);
  const incident = incidents.resume(row, {
    id: past.id,
    sinceWallMs: past.sinceWallMs,
    sinceMonoMs: monoOf(past.sinceWallMs),
    opened: past.opened,
    seq: past.seq,
    error: past.error,
    output: past.output,
    tried: [...past.tried],
    keptBack: past.keptBack,
    acknowledged: past.acknowledged,
    told: toldOf(past.told ?? {}, options.channelIds),
    sentAtMs: Object.fromEntries(
      Object.entries(past.sentAtWallMs).map(([color, wallMs]) => [color, monoOf(wallMs)]),
    ) as Partial<Record<Color, number>>,
  });
  if (incident.opened) {
    world.columns.incident[row] = incident.number;
    metrics.incidentRestored();
  }
  resumeTimers({ row, stands, incident }, options);
  return incident;
}

/** Channels that are gone have nothing to resolve. */
function toldOf(told: Readonly<Record<string, string>>, channelIds: readonly string[]): Map<number, string> {
  const known = Object.entries(told).map(([id, by]) => [channelIds.indexOf(id), by] as const);
  return new Map(known.filter(([channel]) => channel >= 0));
}

interface Resumed {
  readonly row: number;
  readonly stands: StoredState;
  readonly incident: Incident;
}

function resumeTimers({ row, stands, incident }: Resumed, { timers, life, clock }: RestoreOptions): void {
  const nowMs = clock.monoMs();
  const policy = life.policy(row);
  if (stands.flags & FLAG.backoff) {
    const waitMs = (stands.incident?.backoffDueWallMs ?? 0) - clock.wallMs();
    incident.backoffDueMs = nowMs + Math.max(0, Math.min(BACKOFF_CAP_MS, waitMs));
    timers.push({ dueMs: incident.backoffDueMs, kind: "backoff", row, token: incident.stage });
  }
  const verifyMs = stands.state === STATE.verifying ? verificationTimeoutMs(policy, stands.attempts) : 0;
  if (verifyMs > 0) timers.push({ dueMs: nowMs + verifyMs, kind: "verify", row, token: incident.stage });
  const repeatMs = policy.codes.red?.repeatMs ?? 0;
  if (stands.flags & FLAG.redSent && repeatMs > 0) {
    const dueMs = Math.max(nowMs, (incident.sentAtMs.red ?? nowMs) + repeatMs);
    timers.push({ dueMs, kind: "reminder", row, token: incident.number });
  }
}

interface CutOff {
  readonly incident: string;
  readonly attempt: number;
  /** Undefined: not in the manifest. */
  readonly row: number | undefined;
}

function mayRunAgain({ incident, attempt, row }: CutOff & { readonly row: number }, options: RestoreOptions) {
  const { incidents, life, world } = options;
  return incidents.of(row)?.id === incident && world.columns.attempts[row] === attempt &&
    life.policy(row).remedy?.idempotent === true;
}

/** Nobody knows how far the repair came: the next checks tell, and nobody is told that it succeeded. */
function endRepair({ incident, attempt, row }: CutOff, { incidents, ledger, clock }: RestoreOptions): void {
  const text = "outcome unknown: cpra ended while it ran; not run again";
  ledger.add({ type: "repair-ended", incident, attempt, how: "lost", text, atWallMs: clock.wallMs() });
  const open = row === undefined ? undefined : incidents.of(row);
  if (row === undefined || open?.id !== incident) return;
  recordTried(open, `repair ${attempt}: ${text}`);
  ledger.touch(row);
}

/** Running it twice does no harm: it is decided anew, through the gate that every repair goes through. */
function withdrawRepair(
  { incident, attempt, row }: CutOff & { readonly row: number },
  { ledger, clock, guards }: RestoreOptions,
): void {
  const text = "cpra ended while it ran; it may run again";
  ledger.add({ type: "repair-ended", incident, attempt, how: "withdrawn", text, atWallMs: clock.wallMs() });
  guards.takeBack(row);
}

function forgetIfOld({ monitor, atWallMs, stands }: MonitorStands, { ledger, clock }: RestoreOptions): void {
  const now = clock.wallMs();
  if (now - atWallMs < FORGET_AFTER_MS) return;
  ledger.add({ type: "monitor", monitor, atWallMs: now, stands: null });
  const id = stands?.incident?.id;
  if (id !== undefined) ledger.add({ type: "closed", incident: id, atWallMs: now });
}

function namesOf(restored: Restored): Set<string> {
  return new Set([...restored.monitors, ...restored.repairs].map(({ monitor }) => monitor));
}

/** One pass over the identities, however many names there are. */
function rowsByName(world: World, names: ReadonlySet<string>): Map<string, number> {
  const rows = new Map<string, number>();
  if (names.size === 0) return rows;
  const hashes = new Set([...names].map(hashText));
  const { identity } = world.columns;
  for (let row = 0; row < world.count; row++) {
    if (!hashes.has(identity[row] as number) || !world.isMonitor(row)) continue;
    const name = world.name(row);
    if (names.has(name)) rows.set(name, row);
  }
  return rows;
}
