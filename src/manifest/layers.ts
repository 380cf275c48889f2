/**
 * A monitor is laid over its template, and that over the defaults: mappings merge key by key, everything else replaces.
 * `key:` with nothing after it takes an inherited value away. A block that belongs to one kind (a probe's configuration,
 * a remedy's, a notifier's) is inherited only by the same kind.
 */
import { canonicalKey, type IsProbeName } from "./canonical_key.ts";
import type { Path } from "./problem.ts";

type Mapping = Readonly<Record<string, unknown>>;

export function isMapping(value: unknown): value is Mapping {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Neither argument is changed; parts of both are shared with the result. */
export function layOver(base: Mapping, over: Mapping, isProbeName: IsProbeName): Mapping {
  return layOverAt([], { base, over }, isProbeName);
}

function layOverAt(
  parents: Path,
  layers: { readonly base: Mapping; readonly over: Mapping },
  isProbeName: IsProbeName,
): Mapping {
  const { over } = layers;
  const base = withoutForeignBlocks(parents, layers, isProbeName);
  const spelling = new Map(Object.keys(over).map((key) => [canonicalKey(parents, key, isProbeName), key]));
  const merged: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(base)) {
    const canonical = canonicalKey(parents, key, isProbeName);
    const name = Object.hasOwn(over, key) ? key : spelling.get(canonical) ?? key;
    const above = over[name];
    if (!Object.hasOwn(over, name)) merged[name] = value;
    else if (isMapping(value) && isMapping(above)) {
      merged[name] = layOverAt([...parents, canonical], { base: value, over: above }, isProbeName);
    } else if (above !== null) merged[name] = above;
  }
  for (const [key, value] of Object.entries(over)) {
    const inherited = Object.keys(base).some((name) =>
      canonicalKey(parents, name, isProbeName) === canonicalKey(parents, key, isProbeName)
    );
    if (!inherited) merged[key] = value;
    else if (!Object.hasOwn(merged, key) && value !== null) merged[key] = value;
  }
  return merged;
}

/** Which key names the kind, and which keys belong to that kind alone, by where the mapping stands. */
function kindOf(
  parents: Path,
  mapping: Mapping,
): { readonly kind: unknown; readonly owned: readonly string[] } | undefined {
  if (parents.length === 1 && parents[0] === "pulse_check") return { kind: mapping.type, owned: ["config"] };
  if (parents.length === 1 && parents[0] === "intervention") {
    return { kind: mapping.action ?? mapping.type, owned: ["config"] };
  }
  if (parents.length === 2 && parents[0] === "codes") return { kind: mapping.notify, owned: ["config"] };
  return undefined;
}

function withoutForeignBlocks(
  parents: Path,
  layers: { readonly base: Mapping; readonly over: Mapping },
  isProbeName: IsProbeName,
): Mapping {
  const below = kindOf(parents, layers.base);
  const above = kindOf(parents, layers.over);
  if (below === undefined || above === undefined || above.kind === undefined) return layers.base;
  if (JSON.stringify(below.kind) === JSON.stringify(above.kind)) return layers.base;
  return Object.fromEntries(
    Object.entries(layers.base).filter(([key]) =>
      !below.owned.includes(canonicalKey(parents, key, isProbeName))
    ),
  );
}
