/** One entry of `monitors:` laid over its template and defaults, and read; what the load keeps of it. */
import { suggest } from "../base/suggest.ts";
import type { MonitorSpec } from "../model/monitor.ts";
import { typeWord } from "./found_value.ts";
import type { CodeKinds } from "./codes.ts";
import type { DependencyEdges } from "./dependency_cycles.ts";
import { isMapping, layOver } from "./layers.ts";
import { readMonitor } from "./monitor.ts";
import type { NameIndex } from "./name_index.ts";
import type { Path, Place, ProblemList } from "./problem.ts";
import type { GroupSpec } from "./root.ts";
import { type ConfigRead, type Layer, Scope, type ScopeOptions } from "./scope.ts";
import type { Environment } from "./variables.ts";
import type { SecretReader } from "./secret_file.ts";

export interface Entry {
  readonly own: Layer;
  readonly place: Place;
  /** Where it stands in the root, for an entry without a name: `monitors[3]`. */
  readonly prefix: Path;
  readonly folder: string;
  readonly defaults: Layer | undefined;
  /** Whether `$` occurs in the text around the entry. */
  readonly hasVariables: boolean;
  readonly onConfig?: (read: ConfigRead) => void;
}

/** A name in `depends_on` that had not been met yet. */
export interface OpenReference {
  readonly name: string;
  readonly monitor: string;
  readonly place: Place;
  readonly path: string;
}

export interface EntryReader {
  readonly kinds: CodeKinds;
  readonly templates: ReadonlyMap<string, Layer>;
  readonly groups: ReadonlyMap<string, GroupSpec>;
  readonly problems: ProblemList;
  readonly names: NameIndex;
  readonly openReferences: OpenReference[];
  /** Of the monitors that have any. */
  readonly dependencies: DependencyEdges[];
  readonly env: Environment;
  readonly secretReader: SecretReader;
  readonly lenient: boolean;
  /** The inherited part by where it comes from; filled as templates are met. */
  readonly inherited: Map<Layer | undefined, Map<Layer | undefined, Inherited>>;
}

interface Inherited {
  readonly value: Readonly<Record<string, unknown>>;
  readonly hasVariables: boolean;
}

/** The monitor, or undefined when it is not to be used; then the reasons have been reported. */
export function readEntry(reader: EntryReader, entry: Entry): MonitorSpec | undefined {
  const { value } = entry.own;
  const name = isMapping(value) && typeof value.name === "string" && value.name !== ""
    ? value.name
    : undefined;
  const template = isMapping(value) && typeof value.template === "string"
    ? reader.templates.get(value.template)
    : undefined;
  const below = [template, entry.defaults].filter((layer) => layer !== undefined);
  const options: ScopeOptions = {
    problems: reader.problems,
    layers: [entry.own, ...below],
    isProbeName: reader.kinds.catalog.isProbeName,
    env: reader.env,
    secretReader: reader.secretReader,
    folder: entry.folder,
    lenient: reader.lenient,
    ...(entry.onConfig === undefined ? {} : { onConfig: entry.onConfig }),
    ...(name === undefined ? { prefix: entry.prefix } : { monitor: name }),
  };
  const scope = new Scope(options);
  if (!isMapping(value)) {
    scope.report([], `found ${typeWord(value)}, expected a monitor: a mapping with name and pulse_check`);
    return undefined;
  }
  if (template === undefined && value.template !== undefined) reportTemplate(scope, reader, value.template);
  const merged = mergedValue(scope, reader, { ...entry, template, value });
  const monitor = readMonitor(scope, reader.kinds, merged);
  return keepName(scope, reader, { monitor, name, place: entry.place });
}

function mergedValue(
  scope: Scope,
  reader: EntryReader,
  entry: Entry & { readonly template: Layer | undefined; readonly value: Readonly<Record<string, unknown>> },
): unknown {
  const below = inheritedOf(reader, entry.template, entry.defaults);
  const { isProbeName } = reader.kinds.catalog;
  const merged = below === undefined ? entry.value : layOver(below.value, entry.value, isProbeName);
  return entry.hasVariables || below?.hasVariables === true ? scope.expand(merged) : merged;
}

function inheritedOf(
  reader: EntryReader,
  template: Layer | undefined,
  defaults: Layer | undefined,
): Inherited | undefined {
  if (template === undefined && defaults === undefined) return undefined;
  let byTemplate = reader.inherited.get(defaults);
  if (byTemplate === undefined) reader.inherited.set(defaults, byTemplate = new Map());
  let known = byTemplate.get(template);
  if (known === undefined) {
    const base = isMapping(defaults?.value) ? defaults.value : {};
    const over = isMapping(template?.value) ? template.value : {};
    const value = layOver(base, over, reader.kinds.catalog.isProbeName);
    known = { value, hasVariables: JSON.stringify(value).includes("$") };
    byTemplate.set(template, known);
  }
  return known;
}

function reportTemplate(scope: Scope, reader: EntryReader, found: unknown): void {
  if (typeof found !== "string") return;
  const names = [...reader.templates.keys()];
  const close = suggest(found, names);
  const known = names.length === 0 ? "none is defined" : `defined: ${names.join(", ")}`;
  scope.report(
    ["template"],
    `unknown template "${found}"; ${close === undefined ? known : `did you mean "${close}"?`}`,
  );
}

/** Names are unique; a name counts as taken by a faulty monitor too, unless faulty ones are left out. */
function keepName(
  scope: Scope,
  reader: EntryReader,
  found: {
    readonly monitor: MonitorSpec | undefined;
    readonly name: string | undefined;
    readonly place: Place;
  },
): MonitorSpec | undefined {
  const { monitor, name, place } = found;
  if (name === undefined || (reader.lenient && monitor === undefined)) return undefined;
  const earlier = reader.names.add(name, place);
  if (earlier !== undefined) {
    scope.report(
      ["name"],
      `the name is taken by the monitor at ${earlier.file}:${earlier.line}:${earlier.column}; names are unique`,
    );
    return undefined;
  }
  if (monitor === undefined) return undefined;
  for (const [index, dependency] of monitor.dependsOn.entries()) {
    if (dependency === name) scope.report(["depends_on", index], "a monitor cannot depend on itself");
    if (reader.names.has(dependency)) continue;
    const at = scope.placeOf(["depends_on", index], "value");
    reader.openReferences.push({ name: dependency, monitor: name, place: at, path: `depends_on[${index}]` });
  }
  const { watches = [] } = monitor;
  for (const watched of watches) {
    if (watched === name) scope.report(["pulse_check"], "a monitor cannot look at itself");
    if (reader.names.has(watched)) continue;
    const at = scope.placeOf(["pulse_check"], "value");
    reader.openReferences.push({ name: watched, monitor: name, place: at, path: "pulse_check" });
  }
  if (monitor.dependsOn.length + watches.length > 0) {
    const at = scope.placeOf([monitor.dependsOn.length > 0 ? "depends_on" : "pulse_check"], "value");
    reader.dependencies.push({ monitor: name, dependsOn: [...monitor.dependsOn, ...watches], place: at });
  }
  if (reader.groups.size > 0) warnOfGroups(scope, reader, monitor.groups);
  return scope.failed ? undefined : monitor;
}

function warnOfGroups(scope: Scope, reader: EntryReader, groups: readonly string[]): void {
  for (const [index, group] of groups.entries()) {
    if (reader.groups.has(group)) continue;
    const close = suggest(group, reader.groups.keys());
    const hint = close === undefined ? "" : `; did you mean "${close}"?`;
    scope.report(["groups", index], `the group "${group}" is not defined under groups${hint}`, {
      severity: "warning",
    });
  }
}
