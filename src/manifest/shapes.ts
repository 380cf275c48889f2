// deno-lint-ignore-file camelcase -- keys as the manifest spells them
/**
 * The shape of a monitor around the plug-ins' own configurations. These statements check the manifest and, exported as
 * JSON Schema, help editors; what one key says about another is checked where the parts are read.
 */
import { durationField } from "../base/fields.ts";
import { type Schema, z } from "../base/schema.ts";
import type { Catalog } from "./catalog.ts";
import { inputJsonSchema, type JsonSchema } from "./schema_keys.ts";

/** A check every two milliseconds … one in 30 days (due times are 32 bit wheel ticks). */
export const INTERVAL_MS_MAX = 30 * 86_400_000;
/** Streaks are kept in 16 bit columns. */
const COUNT_MAX = 65_535;
const NAME_CHARACTERS_MAX = 500;

const DURATION = durationField();
const COUNT = z.number().int().min(1).max(COUNT_MAX);
export const RETRIES = z.number().int().min(0).max(100);

const TEXT_LIST = z.union([z.string().min(1), z.array(z.string().min(1))])
  .transform((value) => typeof value === "string" ? [value] : value);
const SCALAR_TEXT = z.union([z.string(), z.number(), z.boolean()]).transform(String);

export const NAME = z.string().min(1).max(NAME_CHARACTERS_MAX)
  // deno-lint-ignore no-control-regex
  .regex(/^[^\u0000-\u001f\u007f]*$/, { error: "expected a name without control characters" });

const MONITOR_FIELDS = {
  enabled: z.boolean().default(true),
  pulse_check: z.unknown().optional(),
  pulse: z.unknown().optional(),
  intervention: z.unknown().optional(),
  codes: z.unknown().optional(),
  groups: TEXT_LIST.default([]),
  labels: z.record(z.string().min(1), SCALAR_TEXT).default({}),
  depends_on: TEXT_LIST.default([]),
  metadata: z.record(z.string(), z.unknown()).default({}),
};

const MONITOR = z.strictObject({ name: NAME, template: z.string().optional(), ...MONITOR_FIELDS });

/** Defaults and templates: any part of a monitor but its identity. Their values are checked in the monitors they reach. */
const PARTIAL = z.strictObject(
  Object.fromEntries(Object.keys(MONITOR_FIELDS).map((key) => [key, z.unknown().optional()])),
);

const VERIFICATION = z.strictObject({
  checks: COUNT.optional(),
  timeout: durationField({ zero: true }).optional(),
});

const PULSE_FIELDS = {
  // Both are needed; the reader says so in better words than a schema can.
  type: z.string().optional(),
  interval: DURATION.optional(),
  timeout: DURATION.optional(),
  retries: RETRIES.optional(),
  max_failures: COUNT.optional(),
  unhealthy_threshold: COUNT.optional(),
  healthy_threshold: COUNT.optional(),
  verification: VERIFICATION.optional(),
  config: z.unknown().optional(),
};

const ACTION_FIELDS = {
  action: z.string().optional(),
  type: z.string().optional(),
  target: z.unknown().optional(),
  config: z.unknown().optional(),
  retries: RETRIES.default(0),
  max_failures: COUNT.default(1),
  timeout: DURATION.optional(),
};
export const ACTION_KEYS = Object.keys(ACTION_FIELDS);
const STEPS_MAX = 16;

const INTERVENTION = z.strictObject({
  ...ACTION_FIELDS,
  /** Instead of one action: several, in turn. */
  steps: z.array(z.unknown()).min(1).max(STEPS_MAX).optional(),
  idempotent: z.boolean().default(false),
});

const STEP = z.strictObject({ ...ACTION_FIELDS, verification: VERIFICATION.optional() });

const CHANNEL_FIELDS = {
  notify: TEXT_LIST.optional(),
  config: z.unknown().optional(),
};

const CODE = z.strictObject({
  dispatch: z.union([z.boolean(), z.enum(["failure", "on_transition", "always", "never"])]).default(true),
  ...CHANNEL_FIELDS,
  notify_groups: TEXT_LIST.optional(),
  cooldown: durationField({ zero: true }).optional(),
  repeat: durationField({ zero: true }).optional(),
  escalate: z.array(z.strictObject({ after: durationField(), notify_groups: TEXT_LIST })).max(10).optional(),
  fallback: TEXT_LIST.optional(),
  fallback_after: durationField({ zero: true }).optional(),
});

export type CodeShape = z.output<typeof CODE>;

const CHANNEL = z.strictObject(CHANNEL_FIELDS);

export interface Shape<T> {
  readonly schema: Schema<T>;
  readonly jsonSchema: JsonSchema;
}

export interface Shapes {
  readonly monitor: Shape<z.output<typeof MONITOR>>;
  readonly partial: Shape<unknown>;
  readonly pulse: Shape<PulseShape>;
  readonly intervention: Shape<z.output<typeof INTERVENTION>>;
  readonly step: Shape<z.output<typeof STEP>>;
  readonly code: Shape<CodeShape>;
  readonly channel: Shape<z.output<typeof CHANNEL>>;
}

const PULSE = z.strictObject(PULSE_FIELDS);
export const PULSE_KEYS = Object.keys(PULSE_FIELDS);
export type PulseShape = z.output<typeof PULSE>;

/** `pulse_check` also takes one block named after its type: which names there are, the catalog knows. */
export function createShapes(catalog: Catalog): Shapes {
  const blocks = Object.fromEntries(
    [...catalog.probes.byName.keys()].map((name) => [name, z.unknown().optional()]),
  );
  return {
    monitor: shape(MONITOR),
    partial: shape(PARTIAL),
    pulse: shape(PULSE.extend(blocks) as unknown as Schema<PulseShape>),
    intervention: shape(INTERVENTION),
    step: shape(STEP),
    code: shape(CODE),
    channel: shape(CHANNEL),
  };
}

function shape<T>(schema: Schema<T>): Shape<T> {
  return { schema, jsonSchema: inputJsonSchema(schema) };
}
