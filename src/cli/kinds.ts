/** `cpra kinds`: the checks, remedies and notifiers there are; with a name, what its configuration takes, and an example. */
import { suggest } from "../base/suggest.ts";
import { createCatalog, type Kind, type Shelf } from "../manifest/catalog.ts";
import type { JsonSchema } from "../manifest/schema_keys.ts";
import type { PluginInfo, Registries } from "../model/plugin.ts";

export interface KindsAnswer {
  readonly found: boolean;
  /** Without a line end. */
  readonly text: string;
}

export function renderKinds(registries: Registries, name?: string): KindsAnswer {
  const catalog = createCatalog(registries);
  const shelves: readonly Named[] = [
    { title: "Checks", word: "pulse_check.type", shelf: catalog.probes },
    { title: "Remedies", word: "intervention.action", shelf: catalog.remedies },
    { title: "Notifiers", word: "codes.<color>.notify", shelf: catalog.notifiers },
  ];
  if (name === undefined) return { found: true, text: shelves.map(renderShelf).join("\n\n") };
  const found = shelves.flatMap(({ word, shelf }) => {
    const kind = shelf.byName.get(name.toLowerCase());
    return kind === undefined ? [] : [renderKind(word, kind)];
  });
  if (found.length > 0) return { found: true, text: found.join("\n\n") };
  const names = [...new Set(shelves.flatMap(({ shelf }) => [...shelf.byName.keys()]))];
  const close = suggest(name, names);
  const hint = close === undefined ? "" : `did you mean "${close}"? `;
  return { found: false, text: `unknown kind "${name}"; ${hint}Known: ${names.join(", ")}` };
}

interface Named {
  readonly title: string;
  /** Where a manifest names it. */
  readonly word: string;
  readonly shelf: Shelf<PluginInfo<unknown>>;
}

function renderShelf({ title, word, shelf }: Named): string {
  const width = Math.max(0, ...shelf.kinds.map(({ plugin }) => names(plugin).length));
  const lines = shelf.kinds.map(({ plugin }) => `  ${names(plugin).padEnd(width)}  ${plugin.summary}`);
  return [`${title} (${word})`, ...lines].join("\n");
}

function names(plugin: PluginInfo<unknown>): string {
  return [plugin.kind, ...plugin.aliases].join(", ");
}

function renderKind(word: string, { plugin, jsonSchema }: Kind<PluginInfo<unknown>>): string {
  const required = (jsonSchema.required ?? []) as readonly string[];
  const properties = Object.entries((jsonSchema.properties ?? {}) as Readonly<Record<string, JsonSchema>>);
  const width = Math.max(0, ...properties.map(([key]) => key.length));
  const fields = properties.map(([key, schema]) => {
    const rest = required.includes(key)
      ? " (required)"
      : schema.default === undefined
      ? ""
      : ` (default ${JSON.stringify(schema.default)})`;
    return `  ${key.padEnd(width)}  ${typeText(schema)}${rest}`;
  });
  const example = plugin.example.trimEnd().split("\n").map((line, index) =>
    `    ${index === 0 ? "-" : " "} ${line}`
  );
  return [
    `${names(plugin)}: ${plugin.summary}`,
    "",
    `Configuration (${word}: ${plugin.kind})`,
    ...(fields.length === 0 ? ["  nothing"] : fields),
    "",
    "Example",
    "  monitors:",
    ...example,
  ].join("\n");
}

/** `string`, `"GET" | "POST"`, `integer 1 … 65535`, `list of string`. */
function typeText(schema: JsonSchema): string {
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const branches = (schema.anyOf ?? schema.oneOf) as readonly JsonSchema[] | undefined;
  if (branches !== undefined) return [...new Set(branches.map(typeText))].join(" or ");
  if (schema.type === "array") return `list of ${typeText((schema.items ?? {}) as JsonSchema)}`;
  if (schema.type === "object") {
    const keys = Object.keys((schema.properties ?? {}) as object);
    return keys.length === 0 ? "mapping" : `{${keys.join(", ")}}`;
  }
  if (schema.type === undefined) return "any value";
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : String(schema.type);
  const minimum = schema.minimum === undefined || Number(schema.minimum) <= Number.MIN_SAFE_INTEGER
    ? undefined
    : schema.minimum;
  const maximum = schema.maximum === undefined || Number(schema.maximum) >= Number.MAX_SAFE_INTEGER
    ? undefined
    : schema.maximum;
  if (minimum === undefined && maximum === undefined) return type;
  return `${type} ${minimum ?? ""}${maximum === undefined ? " or more" : ` … ${maximum}`}`.replace("  ", " ");
}
