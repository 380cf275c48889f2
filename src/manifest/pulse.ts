/** `pulse_check` (or `pulse`) → the probe, its times and thresholds. */
import { DURATION_FORMS, formatDuration } from "../base/duration.ts";
import type { MonitorSpec } from "../model/monitor.ts";
import type { AnyProbe } from "../model/plugin.ts";
import { type Catalog, type Kind, unknownKindMessage } from "./catalog.ts";
import { foundWord, typeWord } from "./found_value.ts";
import { isMapping } from "./layers.ts";
import { readConfig } from "./plugin_config.ts";
import type { Path } from "./problem.ts";
import type { Scope } from "./scope.ts";
import { INTERVAL_MS_MAX, PULSE_KEYS, type PulseShape, RETRIES, type Shapes } from "./shapes.ts";

const TIMEOUT_MS_DEFAULT_MAX = 10_000;
const HEALTHY_THRESHOLD_DEFAULT = 2;
const VERIFICATION_CHECKS_DEFAULT = 3;

export type PulsePart = Pick<
  MonitorSpec,
  | "probe"
  | "intervalMs"
  | "timeoutMs"
  | "retries"
  | "unhealthyThreshold"
  | "healthyThreshold"
  | "verificationChecks"
  | "verificationTimeoutMs"
  | "watches"
>;

export function readPulse(
  scope: Scope,
  kinds: { readonly catalog: Catalog; readonly shapes: Shapes },
  pulse: { readonly value: unknown; readonly path: Path },
): PulsePart | undefined {
  const { value, path } = pulse;
  if (!isMapping(value)) {
    scope.report(path, `found ${typeWord(value)}, expected a mapping with type, interval and config`);
    return undefined;
  }
  const { schema, jsonSchema } = kinds.shapes.pulse;
  const shape = scope.parse(schema, value, { path, jsonSchema, allowed: PULSE_KEYS });
  if (value.type === undefined) {
    const names = kinds.catalog.probes.kinds.map((each) => each.plugin.kind);
    scope.report([...path, "type"], `missing; expected one of ${names.join(", ")}`);
  }
  const kind = typeof value.type === "string"
    ? kinds.catalog.probes.byName.get(value.type.toLowerCase())
    : undefined;
  if (typeof value.type === "string" && kind === undefined) {
    scope.report([...path, "type"], unknownKindMessage(kinds.catalog.probes, value.type));
  }
  const block = kind && findBlock(scope, { kinds, kind, value, path });
  const probe = kind && block && readProbe(scope, kind, block);
  const retries = block && readRetries(scope, { block, value, path });
  const times = shape && readTimes(scope, shape, path);
  if (shape === undefined || probe === undefined || retries === undefined) return undefined;
  return times && { ...probe, retries, ...times, ...readThresholds(scope, shape, path) };
}

interface Block {
  readonly value: unknown;
  readonly path: Path;
  /** `retries` inside the block belongs to the check, not to the probe. */
  readonly retries: unknown;
}

function findBlock(scope: Scope, pulse: {
  readonly kinds: { readonly catalog: Catalog };
  readonly kind: Kind<AnyProbe>;
  readonly value: Readonly<Record<string, unknown>>;
  readonly path: Path;
}): Block | undefined {
  const { kinds, kind, value, path } = pulse;
  const names = Object.keys(value).filter((key) => key === "config" || kinds.catalog.isProbeName(key));
  const foreign = names.find((name) => name !== "config" && kinds.catalog.probes.byName.get(name) !== kind);
  if (foreign !== undefined) {
    scope.report(
      [...path, foreign],
      `a block "${foreign}" in a check of type "${value.type}"; expected config or ${value.type}`,
      {
        at: "key",
      },
    );
    return undefined;
  }
  if (names.length > 1) {
    scope.report([...path, names[1] as string], `${names.join(" and ")} mean the same; give one of them`, {
      at: "key",
    });
    return undefined;
  }
  const name = names[0] ?? "config";
  const block = value[name];
  if (!isMapping(block) || !Object.hasOwn(block, "retries") || kind.topKeys.includes("retries")) {
    return { value: block, path: [...path, name], retries: undefined };
  }
  const { retries, ...rest } = block;
  return { value: rest, path: [...path, name], retries };
}

type ProbePart = Pick<MonitorSpec, "probe" | "watches">;

function readProbe(scope: Scope, kind: Kind<AnyProbe>, block: Block): ProbePart | undefined {
  const read = readConfig(scope, kind, { ...block, alsoAllowed: ["retries"] });
  if (read === undefined) return undefined;
  const { target, shared } = kind.plugin.split(read.config);
  const probe = { kind: kind.plugin.kind, target, config: shared };
  const watches = kind.plugin.judge === undefined ? [] : kind.plugin.watches(shared);
  return watches.length === 0 ? { probe } : { probe, watches };
}

/** Beside the block or inside it; both only when they agree. */
function readRetries(scope: Scope, pulse: {
  readonly block: Block;
  readonly value: Readonly<Record<string, unknown>>;
  readonly path: Path;
}): number | undefined {
  const beside = pulse.value.retries;
  const inside = pulse.block.retries;
  if (inside === undefined) return typeof beside === "number" ? beside : 0;
  const path = [...pulse.block.path, "retries"];
  const retries = scope.parse(RETRIES, inside, { path, jsonSchema: {} });
  if (retries !== undefined && beside !== undefined && beside !== retries) {
    scope.report(
      path,
      `found ${foundWord(inside, [])}, but retries beside it is ${foundWord(beside, [])}; give one of them`,
    );
    return undefined;
  }
  return retries;
}

function readTimes(
  scope: Scope,
  shape: PulseShape,
  path: Path,
): Pick<PulsePart, "intervalMs" | "timeoutMs"> | undefined {
  const intervalMs = shape.interval;
  if (intervalMs === undefined) {
    scope.report([...path, "interval"], `missing; expected ${DURATION_FORMS}`);
    return undefined;
  }
  if (intervalMs > INTERVAL_MS_MAX) {
    scope.report([...path, "interval"], `found ${formatDuration(intervalMs)}, expected at most 30d`);
    return undefined;
  }
  const timeoutMs = shape.timeout ?? Math.min(intervalMs, TIMEOUT_MS_DEFAULT_MAX);
  if (timeoutMs > intervalMs) {
    const times = `timeout ${formatDuration(timeoutMs)} is longer than interval ${
      formatDuration(intervalMs)
    }`;
    scope.report([...path, "timeout"], `${times}; a check that hangs delays the next one`, {
      severity: "warning",
    });
  }
  return { intervalMs, timeoutMs };
}

function readThresholds(
  scope: Scope,
  shape: PulseShape,
  path: Path,
): Pick<
  PulsePart,
  "unhealthyThreshold" | "healthyThreshold" | "verificationChecks" | "verificationTimeoutMs"
> {
  const { max_failures: maxFailures, unhealthy_threshold: threshold } = shape;
  if (maxFailures !== undefined && threshold !== undefined && maxFailures !== threshold) {
    const message =
      `max_failures ${maxFailures} and unhealthy_threshold ${threshold} mean the same; ${threshold} is used`;
    scope.report([...path, "max_failures"], message, { severity: "warning", at: "key" });
  }
  return {
    unhealthyThreshold: threshold ?? maxFailures ?? 1,
    healthyThreshold: shape.healthy_threshold ?? HEALTHY_THRESHOLD_DEFAULT,
    verificationChecks: shape.verification?.checks ?? shape.healthy_threshold ?? VERIFICATION_CHECKS_DEFAULT,
    verificationTimeoutMs: shape.verification?.timeout ?? 0,
  };
}
