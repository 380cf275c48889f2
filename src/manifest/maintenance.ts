/** `maintenance`: windows in which a monitor is checked but neither repaired nor alerted about (but for gray). */
import { z } from "../base/schema.ts";
import type { MaintenanceMatch, MaintenanceTime, MaintenanceWindow } from "../model/maintenance.ts";
import { typeWord } from "./found_value.ts";
import { inputJsonSchema } from "./schema_keys.ts";
import type { Path } from "./problem.ts";
import type { Scope } from "./scope.ts";
import type { Shape } from "./shapes.ts";

const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const MOMENT = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/, {
  error: "expected a time with its offset, such as 2026-01-31T22:00:00Z",
});
const CLOCK = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, {
  error: 'expected a time of day such as "22:00"',
});
const NAMES = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((value) => typeof value === "string" ? [value] : value);

const WINDOW = z.strictObject({
  name: z.string().min(1).optional(),
  start: MOMENT.optional(),
  end: MOMENT.optional(),
  days: z.array(z.enum(WEEKDAYS)).min(1).optional(),
  from: CLOCK.optional(),
  to: CLOCK.optional(),
  zone: z.string().optional(),
  all: z.literal(true).optional(),
  monitors: NAMES.optional(),
  groups: NAMES.optional(),
  labels: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).optional(),
});
type WindowShape = z.output<typeof WINDOW>;

export const WINDOW_SHAPE: Shape<WindowShape> = { schema: WINDOW, jsonSchema: inputJsonSchema(WINDOW) };

/** `value`: the list under `maintenance:`, at `path`. Windows with faults are reported and left out, as undefined. */
export function readMaintenance(scope: Scope, value: unknown, path: Path): (MaintenanceWindow | undefined)[] {
  if (!Array.isArray(value)) {
    scope.report(path, `found ${typeWord(value)}, expected a list of windows`);
    return [];
  }
  return value.map((window: unknown, index) => readWindow(scope, window, [...path, index]));
}

function readWindow(scope: Scope, value: unknown, path: Path): MaintenanceWindow | undefined {
  const window = scope.parse(WINDOW_SHAPE.schema, value, { path, jsonSchema: WINDOW_SHAPE.jsonSchema });
  if (window === undefined) return undefined;
  const match = readMatch(scope, window, path);
  const time = readTime(scope, window, path);
  return match && time && { name: window.name ?? `maintenance ${Number(path.at(-1)) + 1}`, match, time };
}

function readMatch(scope: Scope, window: WindowShape, path: Path): MaintenanceMatch | undefined {
  const named = window.monitors ?? window.groups ?? window.labels;
  if (named === undefined && window.all === undefined) {
    scope.report(path, "says not whom it is for; expected monitors, groups, labels, or all: true");
    return undefined;
  }
  return {
    all: window.all === true,
    monitors: window.monitors ?? [],
    groups: window.groups ?? [],
    labels: window.labels ?? {},
  };
}

function readTime(scope: Scope, window: WindowShape, path: Path): MaintenanceTime | undefined {
  const once = window.start !== undefined || window.end !== undefined;
  const weekly = [window.days, window.from, window.to, window.zone].some((part) => part !== undefined);
  if (once === weekly) {
    scope.report(
      path,
      once
        ? "has both start/end and days/from/to; expected one of the two"
        : "says not when; expected start and end, or days, from and to",
    );
    return undefined;
  }
  return once ? readOnce(scope, window, path) : readWeekly(scope, window, path);
}

function readOnce(scope: Scope, window: WindowShape, path: Path): MaintenanceTime | undefined {
  const startMs = Date.parse(window.start ?? "");
  const endMs = Date.parse(window.end ?? "");
  for (const [key, ms] of [["start", startMs], ["end", endMs]] as const) {
    if (!Number.isNaN(ms)) continue;
    scope.report(
      [...path, key],
      `${
        window[key] === undefined ? "missing" : "found no date of the calendar"
      }; expected a time such as 2026-01-31T22:00:00Z`,
    );
  }
  if (Number.isNaN(startMs) || Number.isNaN(endMs)) return undefined;
  if (endMs <= startMs) {
    scope.report([...path, "end"], "lies at or before start");
    return undefined;
  }
  return { kind: "once", startMs, endMs };
}

function readWeekly(scope: Scope, window: WindowShape, path: Path): MaintenanceTime | undefined {
  const zone = window.zone ?? "UTC";
  if (!isZone(zone)) {
    scope.report(
      [...path, "zone"],
      `unknown time zone ${JSON.stringify(zone)}; expected a name such as Europe/Berlin or UTC`,
    );
    return undefined;
  }
  for (const key of ["from", "to"] as const) {
    if (window[key] === undefined) {
      scope.report([...path, key], 'missing; expected a time of day such as "22:00"');
    }
  }
  if (window.from === undefined || window.to === undefined) return undefined;
  return {
    kind: "weekly",
    days: window.days?.map((day) => WEEKDAYS.indexOf(day)) ?? WEEKDAYS.map((_, index) => index),
    fromMinute: minuteOf(window.from),
    toMinute: minuteOf(window.to),
    zone,
  };
}

function minuteOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
