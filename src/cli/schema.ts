// deno-lint-ignore-file camelcase -- keys as the manifest spells them
/**
 * `cpra schema`: the manifest as JSON Schema (draft 2020-12), for editors that complete and underline while one writes.
 * It is built from the statements that check a manifest. What one key says about another (unique names, references, times
 * against each other) is beyond it. It asks for less where a template or defaults may give the rest.
 */
import { createCatalog, type Kind, type Shelf } from "../manifest/catalog.ts";
import { WINDOW_SHAPE } from "../manifest/maintenance.ts";
import { GROUP_SHAPE } from "../manifest/root.ts";
import type { JsonSchema } from "../manifest/schema_keys.ts";
import { SETTINGS_SHAPE } from "../manifest/settings.ts";
import { createShapes, type Shapes } from "../manifest/shapes.ts";
import { COLORS } from "../model/color.ts";
import type { PluginInfo, Registries } from "../model/plugin.ts";
import { asWritten } from "./written_schema.ts";

export function manifestJsonSchema(registries: Registries): JsonSchema {
  const catalog = createCatalog(registries);
  const shelves: Shelves = { probe: catalog.probes, remedy: catalog.remedies, notifier: catalog.notifiers };
  const shapes = createShapes(catalog);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "cpra manifest",
    if: { type: "array" },
    then: { items: ref("monitor") },
    else: {
      type: "object",
      properties: rootProperties(),
      patternProperties: { "^x-": true },
      additionalProperties: false,
      if: { required: ["defaults"] },
      then: { properties: { monitors: orNull({ type: "array", items: ref("monitor_part") }) } },
      else: { properties: { monitors: orNull({ type: "array", items: ref("monitor") }) } },
    },
    $defs: { ...definitions(shelves, shapes, ""), ...definitions(shelves, shapes, PART) },
  };
}

/** Suffix of the definitions in which nothing is required: a template or defaults may give it. */
const PART = "_part";

interface Shelves {
  readonly probe: Shelf<PluginInfo<unknown>>;
  readonly remedy: Shelf<PluginInfo<unknown>>;
  readonly notifier: Shelf<PluginInfo<unknown>>;
}

function ref(name: string): JsonSchema {
  return { $ref: `#/$defs/${name}` };
}

function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: "null" }] };
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, unknown>> {
  return schema.properties as Readonly<Record<string, unknown>>;
}

function rootProperties(): JsonSchema {
  const mapOf = (schema: JsonSchema) => orNull({ type: "object", additionalProperties: schema });
  return {
    monitors: true,
    defaults: orNull(ref("partial_part")),
    templates: mapOf(ref("partial_part")),
    groups: mapOf(orNull(GROUP_SHAPE.jsonSchema)),
    notify_groups: mapOf({ type: "array", items: ref("channel") }),
    maintenance: orNull({
      type: "array",
      items: asWritten(WINDOW_SHAPE.jsonSchema, { at: "", relaxed: false }),
    }),
    settings: orNull(asWritten(SETTINGS_SHAPE.jsonSchema, { at: "", relaxed: false })),
  };
}

function definitions(
  shelves: Shelves,
  shapes: Shapes,
  suffix: "" | typeof PART,
): Readonly<Record<string, JsonSchema>> {
  const relaxed = suffix === PART;
  const written = (schema: JsonSchema) => asWritten(schema, { at: "", relaxed });
  const monitorKeys = {
    ...propertiesOf(written(shapes.monitor.jsonSchema)),
    pulse_check: ref(`pulse${suffix}`),
    pulse: ref(`pulse${suffix}`),
    intervention: orNull(ref(`intervention${suffix}`)),
    codes: orNull(codesSchema(suffix)),
  };
  const { name: _name, template: _template, ...partialKeys } = monitorKeys as Record<string, unknown>;
  const check = { oneOf: [{ required: ["pulse_check"] }, { required: ["pulse"] }] };
  const whole = { type: "object", properties: monitorKeys, required: ["name"], additionalProperties: false };
  const defs: Record<string, JsonSchema> = {
    [`monitor${suffix}`]: relaxed
      ? whole
      : { if: { required: ["template"] }, then: ref(`monitor${PART}`), else: { ...whole, ...check } },
    [`partial${suffix}`]: { type: "object", properties: partialKeys, additionalProperties: false },
    [`pulse${suffix}`]: pulseSchema(shelves.probe, written(shapes.pulse.jsonSchema), suffix),
    [`intervention${suffix}`]: interventionSchema(
      shelves.remedy,
      written(shapes.intervention.jsonSchema),
      suffix,
    ),
    [`step${suffix}`]: stepSchema(shelves.remedy, written(shapes.step.jsonSchema), suffix),
    [`code${suffix}`]: channelSchema(shelves.notifier, written(shapes.code.jsonSchema), suffix),
    [`channel${suffix}`]: {
      ...channelSchema(shelves.notifier, written(shapes.channel.jsonSchema), suffix),
      required: ["notify"],
    },
  };
  for (const [word, shelf] of Object.entries(shelves) as [string, Shelf<PluginInfo<unknown>>][]) {
    for (const { plugin, jsonSchema } of shelf.kinds) {
      const name = `${word}_${plugin.kind}${suffix}`;
      defs[name] = asWritten(jsonSchema, { at: `#/$defs/${name}`, relaxed });
    }
  }
  return defs;
}

function namesOf({ plugin }: Kind<PluginInfo<unknown>>): readonly string[] {
  return [plugin.kind, ...plugin.aliases];
}

/** Which block goes with which type: `config`, or a block named after the type; `retries` may stand inside. */
function pulseSchema(shelf: Shelf<PluginInfo<unknown>>, base: JsonSchema, suffix: string): JsonSchema {
  const choices = shelf.kinds.map((kind) => {
    const block = orNull(ref(`probe_${kind.plugin.kind}${suffix}`));
    const foreign = [...shelf.byName.keys()].filter((name) => shelf.byName.get(name) !== kind);
    return {
      if: { properties: { type: { enum: namesOf(kind) } }, required: ["type"] },
      then: {
        properties: {
          ...Object.fromEntries(["config", ...namesOf(kind)].map((name) => [name, withRetries(block, base)])),
          ...Object.fromEntries(foreign.map((name) => [name, false])),
        },
      },
    };
  });
  const properties = { ...propertiesOf(base), type: { enum: [...shelf.byName.keys()] } };
  const required = suffix === PART ? {} : { required: ["type", "interval"] };
  return { ...base, properties, ...required, allOf: choices };
}

/** A block is closed to unknown keys; `retries` belongs to the check and is let through beside them. */
function withRetries(block: JsonSchema, base: JsonSchema): JsonSchema {
  const retries = propertiesOf(base).retries;
  return { if: { type: "object", required: ["retries"] }, then: { properties: { retries } }, else: block };
}

function interventionSchema(shelf: Shelf<PluginInfo<unknown>>, base: JsonSchema, suffix: string): JsonSchema {
  const choices = shelf.kinds.flatMap((kind) =>
    ["action", "type"].map((word) => ({
      if: {
        properties: { [word]: { enum: namesOf(kind) } },
        required: [word],
        // Cut in two (target and config), the block is only known once it is put together.
        not: { required: ["target", "config"] },
      },
      then: {
        properties: {
          target: ref(`remedy_${kind.plugin.kind}${suffix}`),
          config: ref(`remedy_${kind.plugin.kind}${suffix}`),
        },
      },
    }))
  );
  const word = { enum: [...shelf.byName.keys()] };
  const { steps, ...own } = propertiesOf(base);
  const properties = {
    ...own,
    action: word,
    type: word,
    ...(steps === undefined ? {} : { steps: { ...steps as JsonSchema, items: ref(`step${suffix}`) } }),
  };
  const either = ["action", "type", ...(steps === undefined ? [] : ["steps"])];
  const required = suffix === PART ? {} : { anyOf: either.map((key) => ({ required: [key] })) };
  return { ...base, properties, ...required, allOf: choices };
}

/** One of several; the last may be "page" and nothing else. */
function stepSchema(shelf: Shelf<PluginInfo<unknown>>, base: JsonSchema, suffix: string): JsonSchema {
  const page = {
    type: "object",
    properties: { action: { const: "page" } },
    required: ["action"],
    additionalProperties: false,
  };
  return { anyOf: [interventionSchema(shelf, base, suffix), page] };
}

function channelSchema(shelf: Shelf<PluginInfo<unknown>>, base: JsonSchema, suffix: string): JsonSchema {
  const choices = shelf.kinds.map((kind) => ({
    if: { properties: { notify: { enum: namesOf(kind) } }, required: ["notify"] },
    then: { properties: { config: orNull(ref(`notifier_${kind.plugin.kind}${suffix}`)) } },
  }));
  const word = { enum: [...shelf.byName.keys()] };
  const properties = { ...propertiesOf(base), notify: { anyOf: [word, { type: "array", items: word }] } };
  return { ...base, properties, allOf: choices };
}

function codesSchema(suffix: string): JsonSchema {
  const anyCase = (word: string) => [...word].map((letter) => `[${letter}${letter.toUpperCase()}]`).join("");
  const words = [...COLORS.map(anyCase), anyCase("grey")];
  const pattern = `^(${words.join("|")})$`;
  const names = Object.fromEntries(COLORS.map((color) => [color, ref(`code${suffix}`)]));
  return {
    type: "object",
    properties: names,
    patternProperties: { [pattern]: ref(`code${suffix}`) },
    additionalProperties: false,
  };
}
