// deno-lint-ignore-file camelcase -- keys as the manifest spells them
/** `codes` → what each colour sends, and where to. */
import { suggest } from "../base/suggest.ts";
import { type Color, COLORS } from "../model/color.ts";
import type { ChannelSpec, CodeSpec, Dispatch } from "../model/monitor.ts";
import { canonicalKey } from "./canonical_key.ts";
import type { Catalog } from "./catalog.ts";
import { distinctChannels, readChannels } from "./channels.ts";
import { typeWord } from "./found_value.ts";
import { isMapping } from "./layers.ts";
import type { Path } from "./problem.ts";
import type { Scope } from "./scope.ts";
import type { CodeShape, Shapes } from "./shapes.ts";

/** Least time between two messages of one code where `always` sends on every failed check. */
const COOLDOWN_MS_DEFAULT = 300_000;
/** A page that waits so long goes to the fallback. */
const FALLBACK_AFTER_MS = 300_000;

const DISPATCH_OF: Readonly<Record<string, Dispatch>> = {
  true: "transition",
  failure: "transition",
  on_transition: "transition",
  always: "always",
  never: "never",
  false: "never",
};

export interface CodeKinds {
  readonly catalog: Catalog;
  readonly shapes: Shapes;
  readonly notifyGroups: ReadonlyMap<string, readonly ChannelSpec[]>;
  /** Codes already read, by what the manifest says: most monitors of a fleet share a few. */
  readonly knownCodes: Map<string, MonitorCodes>;
}

const KNOWN_CODES_MAX = 4096;

export function readCodes(scope: Scope, kinds: CodeKinds, value: unknown): MonitorCodes {
  const key = `${scope.options.folder}\n${JSON.stringify(value)}`;
  const known = kinds.knownCodes.get(key);
  if (known !== undefined) return known;
  const reportsBefore = scope.reportCount;
  const codes = readColors(scope, kinds, value);
  if (scope.reportCount === reportsBefore && kinds.knownCodes.size < KNOWN_CODES_MAX) {
    kinds.knownCodes.set(key, codes);
  }
  return codes;
}

function readColors(scope: Scope, kinds: CodeKinds, value: unknown): MonitorCodes {
  const codes: Partial<Record<Color, CodeSpec>> = {};
  if (!isMapping(value)) {
    scope.report(["codes"], `found ${typeWord(value)}, expected a mapping of colors`);
    return codes;
  }
  const spelled = new Map<Color, string>();
  for (const [key, code] of Object.entries(value)) {
    const color = readColor(scope, kinds.catalog, key);
    if (color === undefined) continue;
    const earlier = spelled.get(color);
    if (earlier !== undefined) {
      scope.report(["codes", key], `"${earlier}" and "${key}" are the same color; give one of them`, {
        at: "key",
      });
      continue;
    }
    spelled.set(color, key);
    const spec = readCode(scope, kinds, { value: code, path: ["codes", key] });
    if (spec !== undefined) codes[color] = spec;
  }
  return codes;
}

export type MonitorCodes = Readonly<Partial<Record<Color, CodeSpec>>>;

function readColor(scope: Scope, catalog: Catalog, key: string): Color | undefined {
  const word = canonicalKey(["codes"], key, catalog.isProbeName);
  const color = COLORS.find((known) => known === word);
  if (color !== undefined) return color;
  const close = suggest(key, COLORS);
  const hint = close === undefined ? "" : `; did you mean "${close}"?`;
  scope.report(
    ["codes", key],
    `unknown color ${JSON.stringify(key)}${hint}${hint === "" ? "; allowed" : " Allowed"}: ${
      COLORS.join(", ")
    }`,
    {
      at: "key",
    },
  );
  return undefined;
}

function readCode(
  scope: Scope,
  kinds: CodeKinds,
  code: { readonly value: unknown; readonly path: Path },
): CodeSpec | undefined {
  const { value, path } = code;
  if (!isMapping(value)) {
    scope.report(path, `found ${typeWord(value)}, expected a mapping with notify and config`);
    return undefined;
  }
  const { schema, jsonSchema } = kinds.shapes.code;
  const shape = scope.parse(schema, value, { path, jsonSchema });
  if (shape === undefined) return undefined;
  if (shape.config !== undefined && shape.notify === undefined) {
    scope.report([...path, "notify"], `missing beside config; expected one of ${kindNames(kinds.catalog)}`);
    return undefined;
  }
  const own = readChannels(scope, kinds.catalog, { notify: shape.notify ?? [], config: shape.config, path });
  const grouped = groupsChannels(scope, kinds, {
    names: shape.notify_groups ?? [],
    path: [...path, "notify_groups"],
  });
  const dispatch = DISPATCH_OF[String(shape.dispatch)] as Dispatch;
  if (dispatch !== "never" && shape.notify === undefined && shape.notify_groups === undefined) {
    scope.report(path, "nobody is told: neither notify nor notify_groups is given", {
      severity: "warning",
      at: "key",
    });
  }
  return {
    dispatch,
    channels: distinctChannels([...own, ...grouped]),
    cooldownMs: shape.cooldown ?? COOLDOWN_MS_DEFAULT,
    repeatMs: shape.repeat ?? 0,
    ...laterOf(scope, kinds, { shape, path }),
  };
}

/** `escalate` and `fallback`; both are of pages. */
function laterOf(
  scope: Scope,
  kinds: CodeKinds,
  { shape, path }: { readonly shape: CodeShape; readonly path: Path },
): Pick<CodeSpec, "escalate" | "fallback"> {
  const { escalate, fallback, fallback_after } = shape;
  const color = canonicalKey(["codes"], String(path.at(-1)), () => false);
  for (const key of ["escalate", "fallback"] as const) {
    if (shape[key] === undefined || color === "red") continue;
    scope.report([...path, key], `only the code red has ${key}`, { at: "key" });
  }
  if (fallback_after !== undefined && fallback === undefined) {
    scope.report([...path, "fallback"], "missing beside fallback_after");
  }
  const steps = escalate?.map(({ after, notify_groups }, index) => ({
    afterMs: after,
    channels: groupsChannels(scope, kinds, {
      names: notify_groups,
      path: [...path, "escalate", index, "notify_groups"],
    }),
  }));
  return {
    ...(steps === undefined ? {} : { escalate: steps }),
    ...(fallback === undefined ? {} : {
      fallback: {
        afterMs: fallback_after ?? FALLBACK_AFTER_MS,
        channels: groupsChannels(scope, kinds, { names: fallback, path: [...path, "fallback"] }),
      },
    }),
  };
}

function groupsChannels(
  scope: Scope,
  kinds: CodeKinds,
  { names, path }: { readonly names: readonly string[]; readonly path: Path },
): ChannelSpec[] {
  return distinctChannels(names.flatMap((name) => groupChannels(scope, kinds, { name, path })));
}

function kindNames(catalog: Catalog): string {
  return catalog.notifiers.kinds.map(({ plugin }) => plugin.kind).join(", ");
}

function groupChannels(
  scope: Scope,
  kinds: CodeKinds,
  group: { readonly name: string; readonly path: Path },
): readonly ChannelSpec[] {
  const channels = kinds.notifyGroups.get(group.name);
  if (channels !== undefined) return channels;
  const names = [...kinds.notifyGroups.keys()];
  const close = suggest(group.name, names);
  const hint = close === undefined ? "" : `; did you mean "${close}"?`;
  const known = names.length === 0 ? "none is defined" : names.join(", ");
  scope.report(
    group.path,
    `unknown notify group "${group.name}"${hint} Defined: ${known}`.replace('" Defined', '"; defined'),
  );
  return [];
}
