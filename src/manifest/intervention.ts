/** `intervention` → the remedy. `target` and `config` are one block in two parts, as are `action` and `type` one word. */
import type { RemedySpec } from "../model/monitor.ts";
import { type Catalog, unknownKindMessage } from "./catalog.ts";
import { typeWord } from "./found_value.ts";
import { isMapping } from "./layers.ts";
import { readConfig } from "./plugin_config.ts";
import type { Path } from "./problem.ts";
import type { Scope } from "./scope.ts";
import type { Shapes } from "./shapes.ts";

const TIMEOUT_MS_DEFAULT = 60_000;

export function readIntervention(
  scope: Scope,
  kinds: { readonly catalog: Catalog; readonly shapes: Shapes },
  value: unknown,
): RemedySpec | undefined {
  const path: Path = ["intervention"];
  if (!isMapping(value)) {
    scope.report(path, `found ${typeWord(value)}, expected a mapping with action and config`);
    return undefined;
  }
  const { schema, jsonSchema } = kinds.shapes.intervention;
  const shape = scope.parse(schema, value, { path, jsonSchema });
  const action = readAction(scope, value, path);
  const kind = action && kinds.catalog.remedies.byName.get(action.word.toLowerCase());
  if (action && kind === undefined) {
    scope.report([...path, action.key], unknownKindMessage(kinds.catalog.remedies, action.word));
  }
  const block = readBlock(scope, value, path);
  const read = kind && block && readConfig(scope, kind, block);
  if (shape === undefined || kind === undefined || read === undefined) return undefined;
  const { target, shared } = kind.plugin.split(read.config);
  return {
    kind: kind.plugin.kind,
    target,
    config: shared,
    retries: shape.retries,
    maxFailures: shape.max_failures,
    timeoutMs: shape.timeout ?? TIMEOUT_MS_DEFAULT,
    ...(shape.idempotent ? { idempotent: true as const } : {}),
  };
}

type Mapping = Readonly<Record<string, unknown>>;

function readAction(
  scope: Scope,
  value: Mapping,
  path: Path,
): { readonly word: string; readonly key: string } | undefined {
  const { action, type } = value;
  if (action === undefined && type === undefined) {
    scope.report([...path, "action"], "missing; expected the kind of action, such as docker");
    return undefined;
  }
  if (typeof action === "string" && typeof type === "string" && action !== type) {
    scope.report(
      [...path, "type"],
      `found "${type}", but action is "${action}"; they mean the same: give one of them`,
    );
    return undefined;
  }
  if (typeof action === "string") return { word: action, key: "action" };
  return typeof type === "string" ? { word: type, key: "type" } : undefined;
}

function readBlock(
  scope: Scope,
  value: Mapping,
  path: Path,
): { readonly value: Mapping; readonly path: Path } | undefined {
  const target = value.target ?? {};
  const config = value.config ?? {};
  for (const [key, part] of Object.entries({ target, config })) {
    if (isMapping(part)) continue;
    scope.report([...path, key], `found ${typeWord(part)}, expected a mapping`);
    return undefined;
  }
  const parts = { target: target as Mapping, config: config as Mapping };
  const twice = Object.keys(parts.config).find((key) =>
    Object.hasOwn(parts.target, key) &&
    JSON.stringify(parts.target[key]) !== JSON.stringify(parts.config[key])
  );
  if (twice !== undefined) {
    const message =
      `${twice} stands in target and in config with different values; target and config are one block`;
    scope.report([...path, "config", twice], message);
    return undefined;
  }
  const name = value.config === undefined && value.target !== undefined ? "target" : "config";
  return { value: { ...parts.target, ...parts.config }, path: [...path, name] };
}
