/**
 * What stands beside `monitors:`. Templates, groups, notify_groups, maintenance and settings hold for all files of a load;
 * defaults hold for the file they stand in, so that a file added to a folder changes no other.
 * Keys that begin with `x-` are free (for anchors).
 */
import type { z } from "../base/schema.ts";
import { z as zod } from "../base/schema.ts";
import type { MaintenanceWindow } from "../model/maintenance.ts";
import type { ChannelSpec } from "../model/monitor.ts";
import type { Catalog } from "./catalog.ts";
import { distinctChannels, readChannels } from "./channels.ts";
import { unknownKey } from "./explain.ts";
import { typeWord } from "./found_value.ts";
import { isMapping } from "./layers.ts";
import { readMaintenance } from "./maintenance.ts";
import type { Path, Place } from "./problem.ts";
import { inputJsonSchema, keysAt } from "./schema_keys.ts";
import type { Layer, Scope } from "./scope.ts";
import { SETTINGS_SHAPE, type SettingsLayer } from "./settings.ts";
import type { Shape, Shapes } from "./shapes.ts";

const ROOT_KEYS = [
  "monitors",
  "defaults",
  "templates",
  "groups",
  "notify_groups",
  "maintenance",
  "settings",
] as const;

const GROUP = zod.strictObject({ description: zod.string().optional() });
export type GroupSpec = z.output<typeof GROUP>;
export const GROUP_SHAPE: Shape<GroupSpec> = { schema: GROUP, jsonSchema: inputJsonSchema(GROUP) };

/** Collected over all files. */
export interface RootSections {
  readonly templates: Map<string, Layer>;
  readonly notifyGroups: Map<string, readonly ChannelSpec[]>;
  readonly groups: Map<string, GroupSpec>;
  readonly maintenance: { readonly window: MaintenanceWindow; readonly place: Place }[];
  settings: SettingsLayer;
}

export function emptySections(): RootSections {
  return { templates: new Map(), notifyGroups: new Map(), groups: new Map(), maintenance: [], settings: {} };
}

export interface RootKinds {
  readonly catalog: Catalog;
  readonly shapes: Shapes;
}

/** `root`: a mapping. Returns the defaults for its file, if it has any. */
export function readRoot(
  scope: Scope,
  kinds: RootKinds,
  found: { readonly root: Readonly<Record<string, unknown>>; readonly into: RootSections },
): Layer | undefined {
  const { root, into } = found;
  for (const key of Object.keys(root)) {
    if (key.startsWith("x-") || (ROOT_KEYS as readonly string[]).includes(key)) continue;
    const fault = unknownKey([], key, ROOT_KEYS);
    scope.report(fault.path, fault.message, { at: fault.at });
  }
  if (root.monitors !== undefined && root.monitors !== null && !Array.isArray(root.monitors)) {
    scope.report(["monitors"], `found ${typeWord(root.monitors)}, expected a list of monitors`);
  }
  readSettings(scope, root.settings, into);
  readTemplates(scope, kinds, root.templates, into);
  readGroups(scope, root.groups, into);
  readNotifyGroups(scope, kinds, root.notify_groups, into);
  if (root.maintenance !== undefined && root.maintenance !== null) {
    const windows = readMaintenance(scope, scope.expand(root.maintenance, ["maintenance"]), ["maintenance"]);
    for (const [index, window] of windows.entries()) {
      if (window !== undefined) {
        into.maintenance.push({ window, place: scope.placeOf(["maintenance", index], "value") });
      }
    }
  }
  if (root.defaults === undefined || root.defaults === null) return undefined;
  return readPartial(scope, kinds, { path: ["defaults"], value: root.defaults, origin: " (from defaults)" });
}

function readSettings(scope: Scope, value: unknown, into: RootSections): void {
  if (value === undefined || value === null) return;
  const expanded = scope.expand(value, ["settings"]);
  const layer = readSettingsLayer(scope, expanded, ["settings"]);
  for (const key of Object.keys(layer ?? {})) {
    if (Object.hasOwn(into.settings, key)) {
      scope.report(["settings", key], "stands in two manifests; give it once", { at: "key" });
    }
  }
  into.settings = { ...into.settings, ...layer };
}

/** Also for the file of `--config`. `token_file` is read here. */
export function readSettingsLayer(scope: Scope, value: unknown, path: Path): SettingsLayer | undefined {
  if (!isMapping(value)) {
    scope.report(path, `found ${typeWord(value)}, expected a mapping`);
    return undefined;
  }
  const { token_file: file, ...rest } = value;
  const filled: Record<string, unknown> = rest;
  if (file !== undefined) {
    if (rest.token !== undefined) {
      scope.report([...path, "token_file"], "token and token_file cannot both be given", { at: "key" });
    }
    const secret = typeof file === "string"
      ? scope.options.secretReader.read({ path: file, folder: scope.options.folder })
      : { ok: false as const, message: `found ${typeWord(file)}, expected the path of a file` };
    if (!secret.ok) scope.report([...path, "token_file"], secret.message);
    else {
      filled.token = secret.text;
      scope.hide([...path, "token"], { text: secret.text, written: [...path, "token_file"] });
    }
  }
  return scope.parse(SETTINGS_SHAPE.schema, filled, { path, jsonSchema: SETTINGS_SHAPE.jsonSchema });
}

function readTemplates(scope: Scope, kinds: RootKinds, value: unknown, into: RootSections): void {
  for (const [name, template] of entriesOf(scope, value, "templates")) {
    if (into.templates.has(name)) {
      scope.report(["templates", name], `the template "${name}" is defined twice`, { at: "key" });
      continue;
    }
    const origin = ` (from template "${name}")`;
    const layer = readPartial(scope, kinds, { path: ["templates", name], value: template, origin });
    if (layer !== undefined) into.templates.set(name, layer);
  }
}

/** Only the outermost keys are checked here: the values are, where a monitor takes them. */
function readPartial(
  scope: Scope,
  kinds: RootKinds,
  part: { readonly path: Path; readonly value: unknown; readonly origin: string },
): Layer | undefined {
  const { partial } = kinds.shapes;
  const { path, value, origin } = part;
  const clean = scope.parse(partial.schema, value, { path, jsonSchema: partial.jsonSchema }) !== undefined;
  if (!isMapping(value)) return undefined;
  const known = keysAt(partial.jsonSchema, []);
  const own = scope.options.layers[0];
  return {
    // A key that was just refused is not refused again in every monitor.
    value: clean ? value : Object.fromEntries(Object.entries(value).filter(([key]) => known.includes(key))),
    source: own.source,
    offsetOf: (below, what) => own.offsetOf([...path, ...below], what),
    origin,
  };
}

function readGroups(scope: Scope, value: unknown, into: RootSections): void {
  for (const [name, group] of entriesOf(scope, value, "groups")) {
    const path = ["groups", name];
    if (into.groups.has(name)) scope.report(path, `the group "${name}" is defined twice`, { at: "key" });
    const spec = scope.parse(GROUP_SHAPE.schema, group ?? {}, { path, jsonSchema: GROUP_SHAPE.jsonSchema });
    into.groups.set(name, spec ?? {});
  }
}

function readNotifyGroups(scope: Scope, kinds: RootKinds, value: unknown, into: RootSections): void {
  const expanded = value === undefined ? undefined : scope.expand(value, ["notify_groups"]);
  for (const [name, list] of entriesOf(scope, expanded, "notify_groups")) {
    const path = ["notify_groups", name];
    if (into.notifyGroups.has(name)) {
      scope.report(path, `the notify group "${name}" is defined twice`, { at: "key" });
    }
    if (!Array.isArray(list)) {
      scope.report(path, `found ${typeWord(list)}, expected a list of {notify, config}`);
    }
    const entries: readonly unknown[] = Array.isArray(list) ? list : [];
    const channels = entries.flatMap((entry, index) =>
      readGroupEntry(scope, kinds, { entry, path: [...path, index] })
    );
    into.notifyGroups.set(name, distinctChannels(channels));
  }
}

function readGroupEntry(
  scope: Scope,
  kinds: RootKinds,
  found: { readonly entry: unknown; readonly path: Path },
): ChannelSpec[] {
  const { path } = found;
  const { schema, jsonSchema } = kinds.shapes.channel;
  const shape = scope.parse(schema, found.entry, { path, jsonSchema });
  if (shape === undefined) return [];
  if (shape.notify === undefined) {
    const names = kinds.catalog.notifiers.kinds.map(({ plugin }) => plugin.kind);
    scope.report([...path, "notify"], `missing; expected one of ${names.join(", ")}`);
    return [];
  }
  return readChannels(scope, kinds.catalog, { notify: shape.notify, config: shape.config, path });
}

function entriesOf(scope: Scope, value: unknown, key: string): [string, unknown][] {
  if (value === undefined || value === null) return [];
  if (isMapping(value)) return Object.entries(value);
  scope.report([key], `found ${typeWord(value)}, expected a mapping of names`);
  return [];
}
