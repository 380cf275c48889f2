/**
 * Makes a form (form.ts) of an entry: finds the scalars that may differ, and proves each by reading the entry once more
 * with another text in its place. A hole stays only if the form and the parser then agree on the whole monitor. About a
 * millisecond an entry; done for the few that are like no other before.
 */
import { isDeepStrictEqual } from "node:util";
import type { MonitorSpec } from "../model/monitor.ts";
import { type EntryReader, readEntry } from "./entry.ts";
import { Form, type Hole, holeEnd, type HoleStyle, type HoleUse, newFound, specOf } from "./form.ts";
import { isMapping } from "./layers.ts";
import { NameIndex } from "./name_index.ts";
import { type Path, ProblemList } from "./problem.ts";
import type { ConfigRead, Layer } from "./scope.ts";
import { placeAt, wholeText } from "./source_text.ts";
import { parseYaml, type YamlDocument } from "./yaml.ts";

export interface LearnOptions {
  readonly reader: EntryReader;
  readonly folder: string;
  readonly defaults: Layer | undefined;
  /** Whether an entry is a list of one (YAML) or the value itself (a line of JSON). */
  readonly listed: boolean;
}

/** `text`: one entry with its line's end. Undefined: entries like this one are always to be parsed. */
export function learnForm(text: string, options: LearnOptions): Form | undefined {
  const read = readAlone(text, options);
  if (read === undefined) return undefined;
  const { dependsOn, watches, remedy } = read.spec;
  // References are checked, and steps are read, entry by entry.
  if (dependsOn.length > 0 || watches !== undefined || remedy?.steps !== undefined) return undefined;
  const place = placeAt(wholeText({ file: "", text }), read.offset);
  const build = (holes: readonly Hole[]) =>
    new Form({
      text,
      holes,
      spec: read.spec,
      probe: read.probe,
      remedy: read.remedy,
      line: place.line - 1,
      column: place.column,
    });
  const candidates = candidateHoles(text, read, options).sort((a, b) => a.start - b.start);
  if (candidates.some((hole, index) => hole.start < (candidates[index - 1]?.end ?? 0))) return undefined;
  const proved = candidates.filter((hole) => isProved(text, { hole, form: build([hole]) }, options));
  if (proved[0]?.use.part !== "name" && !proved.some((hole) => hole.use.part === "name")) return undefined;
  const form = build(proved);
  return agrees(text, form, read.spec) ? form : undefined;
}

interface AloneRead {
  readonly spec: MonitorSpec;
  readonly value: Readonly<Record<string, unknown>>;
  readonly document: YamlDocument;
  /** Of the entry's place. */
  readonly offset: number;
  readonly probe: ConfigRead | undefined;
  readonly remedy: ConfigRead | undefined;
}

/** The entry, if there is nothing at all to say about it. */
function readAlone(text: string, options: LearnOptions): AloneRead | undefined {
  const source = wholeText({ file: "", text: options.listed ? text : text.trimEnd() });
  const parsed = parseYaml(source.text);
  const document = parsed.ok && parsed.documents.length === 1 ? parsed.documents[0] : undefined;
  if (document === undefined || document.hasAliases) return undefined;
  const list = options.listed ? document.value : [document.value];
  const value = Array.isArray(list) && list.length === 1 ? list[0] as unknown : undefined;
  if (!isMapping(value)) return undefined;
  const path: Path = options.listed ? [0] : [];
  const problems = new ProblemList({ strict: false });
  const reads: ConfigRead[] = [];
  const offset = document.offsetOf(path, "value") ?? 0;
  const spec = readEntry({
    ...options.reader,
    problems,
    names: new NameIndex(),
    openReferences: [],
    dependencies: [],
  }, {
    own: {
      value,
      source,
      offsetOf: (below, what) => document.offsetOf([...path, ...below], what),
      origin: "",
    },
    place: placeAt(source, offset),
    prefix: ["monitors", 0],
    folder: options.folder,
    defaults: options.defaults,
    hasVariables: text.includes("$"),
    onConfig: (read) => reads.push(read),
  });
  if (spec === undefined || problems.errorCount + problems.warningCount > 0) return undefined;
  const { catalog } = options.reader.kinds;
  const byPlugin = (plugin: unknown) => reads.find((read) => read.plugin === plugin);
  return {
    spec,
    value,
    document,
    offset,
    probe: byPlugin(catalog.probes.byName.get(spec.probe.kind)?.plugin),
    remedy: spec.remedy && byPlugin(catalog.remedies.byName.get(spec.remedy.kind)?.plugin),
  };
}

/** Scalars that are of a style and at a place that a hole can have. */
function candidateHoles(text: string, read: AloneRead, options: LearnOptions): Hole[] {
  const { value } = read;
  const holes: Hole[] = [];
  const add = (path: Path, leaf: unknown, use: HoleUse) => {
    const at = read.document.offsetOf(options.listed ? [0, ...path] : path, "value");
    const hole = at === undefined ? undefined : holeAt(text, at, { leaf, use });
    if (hole !== undefined) holes.push(hole);
  };
  const addAll = (path: Path, mapping: unknown, use: (key: string) => HoleUse | undefined) => {
    if (!isMapping(mapping)) return;
    for (const [key, leaf] of Object.entries(mapping)) {
      const found = use(key);
      if (found !== undefined) add([...path, key], leaf, found);
    }
  };
  add(["name"], value.name, { part: "name" });
  for (const part of ["probe", "remedy"] as const) {
    const block = read[part];
    const blockPath = block?.path ?? [];
    const own = blockPath.reduce<unknown>(
      (node, step) => isMapping(node) ? node[String(step)] : undefined,
      value,
    );
    if (block !== undefined) {
      addAll(blockPath, own, (key) => Object.hasOwn(block.input, key) ? { part, key } : undefined);
    }
  }
  addAll(["labels"], value.labels, (key) => ({ part: "label", key }));
  addAll(["metadata"], value.metadata, (key) => ({ part: "metadata", key }));
  // Groups that are declared are looked up by name, and one that is not is warned of.
  if (options.reader.groups.size === 0 && Array.isArray(value.groups)) {
    for (const [index, group] of value.groups.entries()) {
      add(["groups", index], group, { part: "group", index });
    }
  }
  return holes;
}

function holeAt(
  text: string,
  at: number,
  { leaf, use }: { readonly leaf: unknown; readonly use: HoleUse },
): Hole | undefined {
  const quote = text[at];
  const style: HoleStyle = typeof leaf === "number"
    ? "number"
    : quote === '"'
    ? "double"
    : quote === "'"
    ? "single"
    : "plain";
  if (typeof leaf !== "string" && typeof leaf !== "number") return undefined;
  if (use.part === "name" && style === "number") return undefined;
  const start = style === "double" || style === "single" ? at + 1 : at;
  const end = holeEnd(text, start, style);
  const closed = start === at || text[end] === quote;
  return end > start && closed && text.slice(start, end) === String(leaf)
    ? { start, end, style, use }
    : undefined;
}

/** Other texts for a hole, the first that the form takes must be read alike. */
function isProved(
  text: string,
  { hole, form }: { readonly hole: Hole; readonly form: Form },
  options: LearnOptions,
): boolean {
  const own = text.slice(hole.start, hole.end);
  const last = own.slice(-1);
  const others = hole.style === "number"
    ? [String(Number(own) + 1), String(Math.max(1, Number(own) - 1))]
    : [`${own}q7`, `${own.slice(0, -1)}${last === "1" ? "2" : "1"}`, `${own}/q7`];
  for (const other of others) {
    if (other === own) continue;
    const changed = text.slice(0, hole.start) + other + text.slice(hole.end);
    const found = newFound();
    const matched = form.match(changed, 0, found) && found.end === changed.length;
    const read = matched ? readAlone(changed, options) : undefined;
    if (matched) return read !== undefined && isDeepStrictEqual(specOf(form, found), read.spec);
  }
  return false;
}

function agrees(text: string, form: Form, spec: MonitorSpec): boolean {
  const found = newFound();
  return form.match(text, 0, found) && found.end === text.length &&
    isDeepStrictEqual(specOf(form, found), spec);
}
