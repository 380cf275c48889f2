/** One entry of `monitors:` → a MonitorSpec. Everything wrong with it is reported, not only the first thing. */
import type { MonitorSpec } from "../model/monitor.ts";
import { typeWord } from "./found_value.ts";
import { type CodeKinds, type MonitorCodes, readCodes } from "./codes.ts";
import { readIntervention } from "./intervention.ts";
import { isMapping } from "./layers.ts";
import { readPulse } from "./pulse.ts";
import type { Scope } from "./scope.ts";

/** `merged`: the monitor over its template over the defaults, variables filled in. Undefined when anything is wrong. */
export function readMonitor(scope: Scope, kinds: CodeKinds, merged: unknown): MonitorSpec | undefined {
  if (!isMapping(merged)) {
    scope.report([], `found ${typeWord(merged)}, expected a monitor: a mapping with name and pulse_check`);
    return undefined;
  }
  const { schema, jsonSchema } = kinds.shapes.monitor;
  const shape = scope.parse(schema, merged, { path: [], jsonSchema });
  const pulse = readPulseOf(scope, kinds, merged);
  const remedy = isGiven(merged.intervention)
    ? readIntervention(scope, kinds, merged.intervention)
    : undefined;
  const codes: MonitorCodes = isGiven(merged.codes) ? readCodes(scope, kinds, merged.codes) : {};
  if (scope.failed || shape === undefined || pulse === undefined) return undefined;
  return {
    name: shape.name,
    enabled: shape.enabled,
    ...pulse,
    ...(remedy === undefined ? {} : { remedy }),
    codes,
    groups: shape.groups,
    labels: shape.labels,
    dependsOn: shape.depends_on,
    metadata: shape.metadata,
  };
}

/** `codes:` with nothing after it is as if it were not there. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function readPulseOf(scope: Scope, kinds: CodeKinds, merged: Readonly<Record<string, unknown>>) {
  const keys = ["pulse_check", "pulse"].filter((key) => Object.hasOwn(merged, key));
  if (keys.length === 2) {
    scope.report(["pulse"], "pulse and pulse_check mean the same; give one of them", { at: "key" });
    return undefined;
  }
  const key = keys[0];
  if (key === undefined) {
    scope.report(["pulse_check"], "missing; expected a mapping with type, interval and config");
    return undefined;
  }
  return readPulse(scope, kinds, { value: merged[key], path: [key] });
}
