/**
 * Maintenance windows and when they begin and end. Pure; time zones by Intl. Asked for once per window and boundary, so it
 * may cost some 100 µs.
 */
export interface MaintenanceMatch {
  readonly all: boolean;
  readonly monitors: readonly string[];
  readonly groups: readonly string[];
  /** Every one of them must be equal. */
  readonly labels: Readonly<Record<string, string>>;
}

export type MaintenanceTime =
  | { readonly kind: "once"; readonly startMs: number; readonly endMs: number }
  | {
    readonly kind: "weekly";
    /** 0 = Sunday; the day on which the window begins. */
    readonly days: readonly number[];
    /** Minutes after midnight; an end at or before the start lies on the next day. */
    readonly fromMinute: number;
    readonly toMinute: number;
    /** IANA name. */
    readonly zone: string;
  };

/** A monitor is in the window when it is named, or is in one of the groups, or carries all the labels. */
export interface MaintenanceWindow {
  readonly name: string;
  readonly match: MaintenanceMatch;
  readonly time: MaintenanceTime;
}

/** Holds for fromMs ≤ t < untilMs of the wall clock. */
export interface MaintenanceSpan {
  readonly active: boolean;
  readonly fromMs: number;
  readonly untilMs: number;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Whether the window is open at this moment, and for how long that stays so (at most until the next days' windows). */
export function maintenanceAt(time: MaintenanceTime, wallMs: number): MaintenanceSpan {
  const spans = time.kind === "once" ? [[time.startMs, time.endMs] as const] : weeklySpans(time, wallMs);
  let fromMs = -Infinity;
  let untilMs = Infinity;
  let active = false;
  for (const [startMs, endMs] of spans) {
    if (startMs <= wallMs && wallMs < endMs) active = true;
    for (const edgeMs of [startMs, endMs]) {
      if (edgeMs <= wallMs) fromMs = Math.max(fromMs, edgeMs);
      else untilMs = Math.min(untilMs, edgeMs);
    }
  }
  return { active, fromMs, untilMs };
}

/** The windows that begin from two days ago to eight days ahead: among them the present one and the next one. */
function weeklySpans(
  time: Extract<MaintenanceTime, { kind: "weekly" }>,
  wallMs: number,
): (readonly [startMs: number, endMs: number])[] {
  const local = wallMs + offsetMs(time.zone, wallMs);
  const midnight = Math.floor(local / DAY_MS) * DAY_MS;
  const spans: (readonly [number, number])[] = [];
  for (let day = -2; day <= 8; day++) {
    const dayMs = midnight + day * DAY_MS;
    if (!time.days.includes(new Date(dayMs).getUTCDay())) continue;
    const overMidnight = time.toMinute <= time.fromMinute ? DAY_MS : 0;
    const startMs = instantOf(time.zone, dayMs + time.fromMinute * MINUTE_MS);
    const endMs = instantOf(time.zone, dayMs + overMidnight + time.toMinute * MINUTE_MS);
    if (startMs < endMs) spans.push([startMs, endMs]);
  }
  return spans;
}

/**
 * The moment at which clocks in the zone show this local time. A time that a clock change leaves out is moved by the
 * change; of a time that comes twice it is the first.
 */
function instantOf(zone: string, localMs: number): number {
  const before = offsetMs(zone, localMs - DAY_MS);
  const after = offsetMs(zone, localMs + DAY_MS);
  const early = localMs - before;
  if (before === after || offsetMs(zone, early) === before) return early;
  const late = localMs - after;
  return offsetMs(zone, late) === after ? late : early;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** Local time minus UTC, ms. */
function offsetMs(zone: string, atMs: number): number {
  let format = FORMATS.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    FORMATS.set(zone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(atMs)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  return local - Math.floor(atMs / 1000) * 1000;
}
