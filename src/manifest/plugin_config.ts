/** A plug-in's configuration block: secrets read from files, then the plug-in's own schema. The same in all three lanes. */
import type { PluginInfo } from "../model/plugin.ts";
import type { Kind } from "./catalog.ts";
import { isMapping } from "./layers.ts";
import type { Path } from "./problem.ts";
import { keysAt } from "./schema_keys.ts";
import type { BlockPlugin, Scope } from "./scope.ts";
import { typeWord } from "./found_value.ts";

/** The parsed configuration, or undefined after reporting why not. `block`: undefined and null are an empty mapping. */
export function readConfig<P extends PluginInfo<unknown>>(
  scope: Scope,
  kind: Kind<P>,
  block: {
    readonly value: unknown;
    readonly path: Path;
    /** Keys that may stand in the block but were taken out before. */
    readonly alsoAllowed?: readonly string[];
  },
): { readonly config: unknown } | undefined {
  const value = block.value ?? {};
  if (!isMapping(value)) {
    scope.report(block.path, `found ${typeWord(value)}, expected a mapping`);
    return undefined;
  }
  const before = scope.failed;
  scope.failed = false;
  const filled = fillSecrets(scope, kind, { value, path: block.path, inside: [] });
  const secretsFailed = scope.failed;
  scope.failed ||= before;
  if (secretsFailed) return undefined;
  const config = scope.parse(kind.plugin.schema, filled, {
    path: block.path,
    jsonSchema: kind.jsonSchema,
    allowed: [...kind.topKeys, ...(block.alsoAllowed ?? [])],
  });
  if (config === undefined) return undefined;
  const input = scope.parsed;
  if (isMapping(input)) {
    scope.options.onConfig?.({
      plugin: kind.plugin as unknown as BlockPlugin,
      input,
      path: block.path,
    });
  }
  const advice = kind.plugin.advice?.(config);
  if (advice !== undefined) scope.report(block.path, advice, { severity: "warning", at: "key" });
  return { config };
}

interface SecretBlock {
  readonly value: unknown;
  readonly path: Path;
  /** Keys from the configuration down to here. */
  readonly inside: Path;
}

/** `X_file: PATH` becomes `X: content`, where the plug-in knows X there and does not know X_file itself. */
function fillSecrets<P extends PluginInfo<unknown>>(
  scope: Scope,
  kind: Kind<P>,
  block: SecretBlock,
): unknown {
  const { value, path } = block;
  if (!isMapping(value) || !namesFiles(value)) return value;
  const filled: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const known = key.endsWith("_file") ? keysAt(kind.jsonSchema, block.inside) : [];
    const secretKey = secretKeyOf(key, known);
    const below = { value: item, path: [...path, key], inside: [...block.inside, key] };
    if (secretKey === undefined) filled[key] = fillSecrets(scope, kind, below);
    else if (Object.hasOwn(value, secretKey)) {
      scope.report(below.path, `${secretKey} and ${key} cannot both be given`, { at: "key" });
    } else if (typeof item !== "string") {
      scope.report(below.path, `found ${typeWord(item)}, expected the path of a file`);
    } else {
      const secret = scope.options.secretReader.read({ path: item, folder: scope.options.folder });
      if (!secret.ok) scope.report(below.path, secret.message);
      else {
        filled[secretKey] = secret.text;
        scope.hide([...path, secretKey], { text: secret.text, written: below.path });
      }
    }
  }
  return filled;
}

function namesFiles(value: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(value).some(([key, item]) =>
    key.endsWith("_file") || (isMapping(item) && namesFiles(item))
  );
}

/** `routing_key` for `routing_key_file`, when that is what the plug-in means by it. */
export function secretKeyOf(key: string, known: readonly string[]): string | undefined {
  if (!key.endsWith("_file") || known.includes(key)) return undefined;
  const secretKey = key.slice(0, -"_file".length);
  return known.includes(secretKey) ? secretKey : undefined;
}
