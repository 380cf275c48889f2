/**
 * The one door to the YAML parser (js-yaml): text → plain JSON values, with limits, refused keys, and the position of
 * every value on demand. JSON goes through the same door: it is YAML 1.2 flow style, and so has the same positions, the
 * same messages in every runtime, and the same refusal of duplicate keys.
 * Load: chunks of 256 KiB, about 30 MB/s. Positions cost nothing until the first one is asked for.
 */
import {
  constructFromEvents,
  CORE_SCHEMA,
  defineMappingTag,
  defineScalarTag,
  type Event,
  EVENT_ID,
  floatCoreTag,
  getScalarValue,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  parseEvents,
  YAMLException,
} from "js-yaml";
import { ALIASES_MAX, DEPTH_MAX, EXPANDED_VALUES_MAX } from "./limits.ts";
import type { Path } from "./problem.ts";

export interface YamlDocument {
  /** null, booleans, finite numbers, strings, arrays, plain objects. Aliases make shared objects: never change it. */
  readonly value: unknown;
  readonly hasAliases: boolean;
  /** Offset of the value (or of its key) at a path from the document's root; undefined when there is none. */
  offsetOf(path: Path, what: "key" | "value"): number | undefined;
}

export type YamlResult =
  | { readonly ok: true; readonly documents: readonly YamlDocument[] }
  | { readonly ok: false; readonly offset: number; readonly message: string };

export function parseYaml(text: string): YamlResult {
  let events: Event[] = [];
  try {
    events = parseEvents(text, { maxDepth: DEPTH_MAX });
    const values = constructFromEvents(events, {
      source: text,
      schema: SCHEMA,
      maxAliases: ALIASES_MAX,
      maxTotalMergeKeys: EXPANDED_VALUES_MAX,
    });
    return { ok: true, documents: cutDocuments(text, events, values) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const position = error.mark?.position ?? 0;
    // A quoted key is reported behind its quote.
    const offset = /^(duplicated|the key)/.test(error.reason) && /["']/.test(text[position - 1] ?? "")
      ? position - 1
      : position;
    return { ok: false, offset, message: plainMessage(error.reason, text, offset) };
  }
}

const REFUSED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

const STRICT_MAP = defineMappingTag<Record<string, unknown>>("tag:yaml.org,2002:map", {
  create: () => ({}),
  addPair: (carrier, key, value) => {
    if (key === null) return "a key is missing before the colon";
    if (typeof key === "object") return "a key must be a plain text, not a mapping or a list";
    const name = String(key);
    if (REFUSED_KEYS.has(name)) return `the key ${JSON.stringify(name)} is not allowed`;
    carrier[name] = value;
    return "";
  },
  has: mapTag.has,
  keys: mapTag.keys,
  get: mapTag.get,
  identify: mapTag.identify,
});

/** `.inf` and `.nan` stay text: no field takes them, and they would become null on their way through JSON. */
const FINITE_FLOAT = defineScalarTag<number>("tag:yaml.org,2002:float", {
  implicit: true,
  implicitFirstChars: floatCoreTag.implicitFirstChars,
  identify: floatCoreTag.identify,
  resolve: (source, isExplicit, tagName) => {
    const value = floatCoreTag.resolve(source, isExplicit, tagName);
    return typeof value === "number" && Number.isFinite(value) ? value : NOT_RESOLVED;
  },
});

const SCHEMA = CORE_SCHEMA.withTags(mergeTag, STRICT_MAP, FINITE_FLOAT);

/** The parser's words, where they would not tell a person what to do. */
function plainMessage(reason: string, text: string, offset: number): string {
  const found = text[offset] ?? "";
  if (reason === "duplicated mapping key") {
    const key = /^(?:"([^"\n]*)"|'([^'\n]*)'|([^\s:,}]+))/.exec(text.slice(offset, offset + 200));
    return `the key ${JSON.stringify(key?.[1] ?? key?.[2] ?? key?.[3] ?? "")} stands twice in one mapping`;
  }
  if (reason.startsWith("nesting exceeded")) return `nested deeper than ${DEPTH_MAX} levels`;
  if (reason.startsWith("aliases exceeded")) return `more than ${ALIASES_MAX} aliases in one document`;
  if (reason === "deficient indentation" || /^unexpected end of the stream/.test(reason)) {
    return "a quote or bracket opened before this is not closed, or what it holds is not indented";
  }
  const tag = /^unknown \w+ tag !<(.*)>$/.exec(reason);
  if (tag !== null) return `the tag ${tag[1]} is not allowed; write plain values`;
  const alias = /^unidentified alias "(.*)"$/s.exec(reason);
  if (alias !== null) return `the alias *${alias[1]} has no anchor &${alias[1]} before it`;
  if (/[@`%]/.test(found)) return `a value cannot start with "${found}": put it in quotes`;
  if (reason === "bad indentation of a mapping entry" && /^[^\n]*: /.test(text.slice(offset, offset + 200))) {
    return `${reason}; a value that contains ": " needs quotes`;
  }
  if (found === "\t" || /\n\t+$/.test(text.slice(0, offset))) {
    return "a tab stands in the indentation: use spaces";
  }
  return reason.replace(/^can not /, "cannot ");
}

function cutDocuments(text: string, events: readonly Event[], values: readonly unknown[]): YamlDocument[] {
  const documents: YamlDocument[] = [];
  let nodes: Nodes | undefined;
  let depth = 0;
  let hasAliases = false;
  let first = 0;
  for (let index = 0; index < events.length; index++) {
    const type = (events[index] as Event).type;
    if (type === EVENT_ID.DOCUMENT) {
      first = index + 1;
      hasAliases = false;
    }
    if (type === EVENT_ID.ALIAS) hasAliases = true;
    if (type === EVENT_ID.POP) depth--;
    else if (type !== EVENT_ID.SCALAR && type !== EVENT_ID.ALIAS) depth++;
    if (type !== EVENT_ID.POP || depth > 0) continue;
    const root = first;
    documents.push({
      value: values[documents.length],
      hasAliases,
      offsetOf: (path, what) => offsetOf(nodes ??= indexNodes(text, events), { root, path, what }),
    });
  }
  return documents;
}

interface Nodes {
  readonly text: string;
  readonly events: readonly Event[];
  /** Index of the event after the node that starts at this index. */
  readonly after: Int32Array;
  /** First event of an anchored node, by the anchor's name; the last definition wins. */
  readonly anchors: ReadonlyMap<string, number>;
  /** Children of the lists that were walked. */
  readonly items: Map<number, number[]>;
}

function indexNodes(text: string, events: readonly Event[]): Nodes {
  const after = new Int32Array(events.length);
  const anchors = new Map<string, number>();
  const open: number[] = [];
  for (let index = 0; index < events.length; index++) {
    const event = events[index] as Event;
    if (event.type === EVENT_ID.POP) after[open.pop() as number] = index + 1;
    else if (event.type === EVENT_ID.SCALAR || event.type === EVENT_ID.ALIAS) after[index] = index + 1;
    else open.push(index);
    if ("tagStart" in event && event.anchorStart >= 0) {
      anchors.set(text.slice(event.anchorStart, event.anchorEnd), index);
    }
  }
  return { text, events, after, anchors, items: new Map() };
}

interface Wanted {
  readonly root: number;
  readonly path: Path;
  readonly what: "key" | "value";
}

function offsetOf(nodes: Nodes, wanted: Wanted): number | undefined {
  let node = wanted.root;
  let key: number | undefined;
  for (const step of wanted.path) {
    const child = typeof step === "number" ? listChild(nodes, node, step) : mappingChild(nodes, node, step);
    if (child === undefined) return undefined;
    node = child.value;
    key = child.key;
  }
  const keyOffset = key === undefined ? undefined : startOf(nodes.events[key] as Event);
  return wanted.what === "key" && keyOffset !== undefined
    ? keyOffset
    : startOf(nodes.events[node] as Event) ?? keyOffset;
}

interface Child {
  readonly key?: number;
  readonly value: number;
}

function listChild(nodes: Nodes, at: number, index: number): Child | undefined {
  const list = followAlias(nodes, at);
  if (nodes.events[list]?.type !== EVENT_ID.SEQUENCE) return undefined;
  let items = nodes.items.get(list);
  if (items === undefined) {
    items = [];
    const end = (nodes.after[list] as number) - 1;
    for (let item = list + 1; item < end; item = nodes.after[item] as number) items.push(item);
    nodes.items.set(list, items);
  }
  const value = items[index];
  return value === undefined ? undefined : { value };
}

function mappingChild(nodes: Nodes, at: number, name: string): Child | undefined {
  const mapping = followAlias(nodes, at);
  if (nodes.events[mapping]?.type !== EVENT_ID.MAPPING) return undefined;
  const end = (nodes.after[mapping] as number) - 1;
  let merged: number | undefined;
  for (let key = mapping + 1; key < end;) {
    const value = nodes.after[key] as number;
    const event = nodes.events[key] as Event;
    const text = event.type === EVENT_ID.SCALAR ? getScalarValue(nodes.text, event) : undefined;
    if (text === name) return { key, value };
    if (text === "<<") merged = value;
    key = nodes.after[value] as number;
  }
  return merged === undefined ? undefined : mergedChild(nodes, merged, name);
}

/** `<<: *base` and `<<: [*a, *b]`: the first that has the key. */
function mergedChild(nodes: Nodes, at: number, name: string): Child | undefined {
  const direct = mappingChild(nodes, at, name);
  if (direct !== undefined) return direct;
  for (let index = 0;; index++) {
    const item = listChild(nodes, at, index);
    if (item === undefined) return undefined;
    const found = mappingChild(nodes, item.value, name);
    if (found !== undefined) return found;
  }
}

function followAlias(nodes: Nodes, at: number): number {
  const event = nodes.events[at];
  if (event?.type !== EVENT_ID.ALIAS) return at;
  return nodes.anchors.get(nodes.text.slice(event.anchorStart, event.anchorEnd)) ?? at;
}

/** Where a reader would point; undefined for a value that is not written ("key:" and nothing after it). */
function startOf(event: Event): number | undefined {
  if (event.type === EVENT_ID.SCALAR) {
    const quote = event.style === 2 || event.style === 3 ? 1 : 0;
    return event.valueStart < 0 ? undefined : event.valueStart - quote;
  }
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1;
  if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING) return event.start;
  return undefined;
}
