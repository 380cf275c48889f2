/**
 * A JSON Schema of values, changed into one of what a person may write for them: `${VAR}` in place of any constrained
 * value, `X_file` in place of a text X, nothing required where the rest may be inherited, references that hold when the
 * schema stands inside another.
 */
import type { JsonSchema } from "../manifest/schema_keys.ts";

export interface WrittenOptions {
  /** Where the schema will stand: `#/$defs/probe_http`. */
  readonly at: string;
  /** Nothing is required. */
  readonly relaxed: boolean;
}

const VARIABLE: JsonSchema = { type: "string", pattern: "\\$\\{" };

export function asWritten(schema: JsonSchema, options: WrittenOptions): JsonSchema {
  const rewritten: Record<string, unknown> = {};
  for (const [word, value] of Object.entries(schema)) {
    if (word === "$ref") rewritten.$ref = String(value).replace(/^#/, options.at);
    else if (word === "required") continue;
    else if (word === "properties" || word === "$defs") rewritten[word] = mapValues(value, options);
    else if (Array.isArray(value) && ["anyOf", "oneOf", "allOf", "prefixItems"].includes(word)) {
      rewritten[word] = value.map((each: JsonSchema) => asWritten(each, options));
    } else if (
      ["items", "additionalProperties"].includes(word) && value !== null && typeof value === "object"
    ) {
      rewritten[word] = asWritten(value as JsonSchema, options);
    } else rewritten[word] = value;
  }
  if (schema.type === "object" && schema.properties !== undefined) {
    return withFiles(schema, rewritten, options);
  }
  return isConstrainedScalar(schema) ? { anyOf: [rewritten, VARIABLE] } : rewritten;
}

function mapValues(value: unknown, options: WrittenOptions): JsonSchema {
  const entries = Object.entries(value as Readonly<Record<string, JsonSchema>>);
  return Object.fromEntries(entries.map(([key, each]) => [key, asWritten(each, options)]));
}

function isConstrainedScalar(schema: JsonSchema): boolean {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  if (types.some((type) => ["number", "integer", "boolean"].includes(String(type)))) {
    return !types.includes("string");
  }
  return types.includes("string") &&
    ["enum", "pattern", "minLength", "maxLength"].some((word) => word in schema);
}

/** `X_file` for each text X; a required text may be given either way. */
function withFiles(
  schema: JsonSchema,
  rewritten: Record<string, unknown>,
  options: WrittenOptions,
): JsonSchema {
  const properties = schema.properties as Readonly<Record<string, JsonSchema>>;
  const texts = Object.keys(properties).filter((key) =>
    properties[key]?.type === "string" && !key.endsWith("_file")
  );
  const files = texts.map((key) => `${key}_file`).filter((key) => !Object.hasOwn(properties, key));
  const patterns = files.length === 0
    ? {}
    : { patternProperties: { [`^(${files.join("|")})$`]: { type: "string" } } };
  const required = options.relaxed ? [] : (schema.required ?? []) as readonly string[];
  const either = required.map((key) =>
    files.includes(`${key}_file`)
      ? { anyOf: [{ required: [key] }, { required: [`${key}_file`] }] }
      : { required: [key] }
  );
  return { ...rewritten, ...patterns, ...(either.length === 0 ? {} : { allOf: either }) };
}
