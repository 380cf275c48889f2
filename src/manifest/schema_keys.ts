/** Which keys a schema knows, read from its JSON Schema: for "did you mean", for shared configurations and `…_file`. */
import { type Schema, z } from "../base/schema.ts";
import type { Path } from "./problem.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a person writes (before defaults and transforms), draft 2020-12. */
export function inputJsonSchema(schema: Schema<unknown>): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
  }) as JsonSchema;
  return rest;
}

/** Keys allowed in the mapping at a path; empty when that is no mapping of fixed keys. */
export function keysAt(schema: JsonSchema, path: Path): readonly string[] {
  let nodes = alternatives(schema);
  for (const step of path) nodes = nodes.flatMap((node) => childrenOf(node, step)).flatMap(alternatives);
  return [...new Set(nodes.flatMap((node) => Object.keys(objectOf(node.properties))))];
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  const nested = ["anyOf", "oneOf", "allOf"].flatMap((word) => listOf(schema[word])).flatMap(alternatives);
  return [schema, ...nested];
}

function childrenOf(schema: JsonSchema, step: string | number): JsonSchema[] {
  const children: unknown[] = typeof step === "number"
    ? [schema.items, ...listOf(schema.prefixItems)]
    : [objectOf(schema.properties)[step] ?? schema.additionalProperties];
  return children.filter((child): child is JsonSchema => child !== null && typeof child === "object");
}

function objectOf(value: unknown): JsonSchema {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value as JsonSchema : {};
}

function listOf(value: unknown): readonly JsonSchema[] {
  return Array.isArray(value) ? value : [];
}
