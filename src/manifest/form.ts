/**
 * The fast path of a large manifest: entries that are written like one that was parsed and validated whole. A form is the
 * text of that entry with holes where entries of its kind differ (name, URL, host, port, labels).
 *
 *   literal hole literal hole … literal      - name: "▢"\n  pulse_check:\n    type: http\n … url: ▢\n …
 *
 * An entry that has the literals byte by byte, and in each hole a text that stands for itself in that place, parses to the
 * same tree with those texts in it; what the plug-in makes of a changed configuration its own schema says anew. Anything
 * else is no match, and is parsed. tests/manifest/form_test.ts holds it to the parser, mutation by mutation.
 */
import type { MonitorSpec } from "../model/monitor.ts";
import type { BlockPlugin, ConfigRead } from "./scope.ts";
import { NAME } from "./shapes.ts";

export type HoleStyle = "double" | "single" | "plain" | "number";

/** What the text in a hole is to the monitor. */
export type HoleUse =
  | { readonly part: "name" }
  | { readonly part: "probe" | "remedy"; readonly key: string }
  | { readonly part: "group"; readonly index: number }
  | { readonly part: "label" | "metadata"; readonly key: string };

export interface Hole {
  /** Of the text itself, behind an opening quote. UTF-16 units from the start of the entry; `end` exclusive. */
  readonly start: number;
  readonly end: number;
  readonly style: HoleStyle;
  readonly use: HoleUse;
}

export interface FormSource {
  readonly text: string;
  readonly holes: readonly Hole[];
  readonly spec: MonitorSpec;
  readonly probe: ConfigRead | undefined;
  readonly remedy: ConfigRead | undefined;
  /** Of the entry's place, from its first line (0) and column (1). */
  readonly line: number;
  readonly column: number;
}

// In quotes: what needs no escape, starts no variable and is printable to the parser (YAML 1.2 §5.1).
const DOUBLE = /[ !#%-[\]-~\u00a1-\u1fff\u3000-\ud7ff]*/y;
const SINGLE = /[ -#%&(-~\u00a1-\u1fff\u3000-\ud7ff]*/y;
// Without quotes: begins with a letter, a slash or three numbers with dots between them, so that it is never a number;
// a colon is not followed by a space and a number sign does not occur, so that it ends no scalar (YAML 1.2 §7.3.3).
const PLAIN =
  /(?:[A-Za-z/]|\d+\.\d+\.\d)(?:[A-Za-z0-9_./?@%+=~&-]|:(?=[A-Za-z0-9_./@%+=~&-])| (?=[A-Za-z0-9_./(]))*/y;
const NUMBER = /[1-9]\d{0,8}/y;
const PATTERNS: Readonly<Record<HoleStyle, RegExp>> = {
  double: DOUBLE,
  single: SINGLE,
  plain: PLAIN,
  number: NUMBER,
};
/** Plain words that are no texts, in this or an older YAML. */
const WORDS = /^(?:null|true|false|yes|no|on|off|y|n)$/i;

/** End of the text in a hole of this style at `start`; -1: none that stands for itself. */
export function holeEnd(text: string, start: number, style: HoleStyle): number {
  const pattern = PATTERNS[style];
  pattern.lastIndex = start;
  if (!pattern.test(text)) return -1;
  const end = pattern.lastIndex;
  return style === "plain" && end - start < 6 && WORDS.test(text.slice(start, end)) ? -1 : end;
}

/** What differs from the form's own monitor, in the entry matched last. */
export interface Found {
  end: number;
  name: string;
  target: string;
  remedyTarget: string;
  /** Whether groups, labels or metadata may differ; then `attributes` has them. */
  attributes: Pick<MonitorSpec, "groups" | "labels" | "metadata"> | undefined;
}

export function newFound(): Found {
  return { end: 0, name: "", target: "", remedyTarget: "", attributes: undefined };
}

export class Form {
  readonly spec: MonitorSpec;
  readonly line: number;
  readonly column: number;
  /** Newlines in an entry of this form. */
  readonly lineCount: number;
  readonly #literals: readonly string[];
  readonly #holes: readonly Hole[];
  readonly #texts: string[];
  readonly #probe: BlockReader | undefined;
  readonly #remedy: BlockReader | undefined;
  readonly #hasAttributes: boolean;

  constructor(source: FormSource) {
    const { text, holes } = source;
    this.spec = source.spec;
    this.line = source.line;
    this.column = source.column;
    this.lineCount = text.split("\n").length - 1;
    this.#literals = holes.map((hole, index) => text.slice(holes[index - 1]?.end ?? 0, hole.start));
    this.#literals = [...this.#literals, text.slice(holes.at(-1)?.end ?? 0)];
    this.#holes = holes;
    this.#texts = holes.map(() => "");
    const reader = (part: "probe" | "remedy", block: ConfigRead | undefined) => {
      const split = part === "probe" ? source.spec.probe : source.spec.remedy;
      return block === undefined || split === undefined || holes.every(({ use }) => use.part !== part)
        ? undefined
        : new BlockReader(block, split);
    };
    this.#probe = reader("probe", source.probe);
    this.#remedy = reader("remedy", source.remedy);
    this.#hasAttributes = holes.some(({ use }) =>
      use.part === "group" || use.part === "label" || use.part === "metadata"
    );
  }

  /** Fills `found`. The caller sees to it that an entry begins at `start` and another, or nothing, at `found.end`. */
  match(text: string, start: number, found: Found): boolean {
    const literals = this.#literals;
    const holes = this.#holes;
    let at = start;
    for (let index = 0; index < holes.length; index++) {
      const literal = literals[index] as string;
      if (!text.startsWith(literal, at)) return false;
      at += literal.length;
      const end = holeEnd(text, at, (holes[index] as Hole).style);
      if (end < 0) return false;
      this.#texts[index] = text.slice(at, end);
      at = end;
    }
    const last = literals[holes.length] as string;
    if (!text.startsWith(last, at)) return false;
    found.end = at + last.length;
    return this.#fill(found);
  }

  #fill(found: Found): boolean {
    const { spec } = this;
    found.name = spec.name;
    found.attributes = this.#hasAttributes
      ? { groups: [...spec.groups], labels: { ...spec.labels }, metadata: { ...spec.metadata } }
      : undefined;
    const holes = this.#holes;
    for (let index = 0; index < holes.length; index++) {
      const hole = holes[index] as Hole;
      if (!this.#use(hole, this.#texts[index] as string, found)) return false;
    }
    const target = this.#probe === undefined ? spec.probe.target : this.#probe.target();
    const remedyTarget = this.#remedy === undefined ? spec.remedy?.target ?? "" : this.#remedy.target();
    if (target === undefined || remedyTarget === undefined) return false;
    found.target = target;
    found.remedyTarget = remedyTarget;
    return true;
  }

  #use({ use, style }: Hole, text: string, found: Found): boolean {
    switch (use.part) {
      case "name":
        found.name = text;
        return text !== "" && (text.length <= 100 || NAME.safeParse(text).success);
      case "probe":
        this.#probe?.set(use.key, style === "number" ? Number(text) : text);
        return true;
      case "remedy":
        this.#remedy?.set(use.key, style === "number" ? Number(text) : text);
        return true;
      case "group":
        (found.attributes?.groups as string[])[use.index] = text;
        return text !== "";
      case "label":
        (found.attributes?.labels as Record<string, string>)[use.key] = text;
        return true;
      case "metadata":
        (found.attributes?.metadata as Record<string, unknown>)[use.key] = style === "number"
          ? Number(text)
          : text;
        return true;
    }
  }
}

/** The whole monitor of an entry that matched. */
export function specOf(form: Form, found: Found): MonitorSpec {
  const { spec } = form;
  return {
    ...spec,
    name: found.name,
    probe: { ...spec.probe, target: found.target },
    ...(spec.remedy === undefined ? {} : { remedy: { ...spec.remedy, target: found.remedyTarget } }),
    ...found.attributes,
  };
}

/** Runs a plug-in's schema over a configuration some of whose values change; keeps the last answer. */
class BlockReader {
  readonly #plugin: BlockPlugin;
  readonly #input: Record<string, unknown>;
  readonly #sharedJson: string;
  readonly #quickKey: string | undefined;
  #changed = false;
  #onlyQuick = true;
  #target: string | undefined;

  constructor({ plugin, input }: ConfigRead, split: { readonly target: string; readonly config: unknown }) {
    this.#plugin = plugin;
    this.#input = { ...input };
    this.#sharedJson = JSON.stringify(split.config);
    this.#target = split.target;
    const key = plugin.quick?.key;
    const own = key === undefined ? undefined : input[key];
    // The promise of a quick target holds between values that it takes.
    const takesOwn = typeof own === "string" && plugin.quick?.target(own) === split.target;
    this.#quickKey = takesOwn ? key : undefined;
  }

  set(key: string, value: string | number): void {
    if (this.#input[key] === value) return;
    this.#input[key] = value;
    this.#changed = true;
    if (key !== this.#quickKey) this.#onlyQuick = false;
  }

  /** Undefined: the schema refuses it, or what many monitors share would be another. */
  target(): string | undefined {
    if (!this.#changed) return this.#target;
    if (this.#onlyQuick) {
      const quick = this.#plugin.quick?.target(this.#input[this.#quickKey as string] as string);
      if (quick !== undefined) {
        this.#changed = false;
        return this.#target = quick;
      }
    }
    this.#target = this.#read();
    this.#changed = false;
    // A refused value must not be compared with: only a full reading says that the rest is in order again.
    this.#onlyQuick = this.#target !== undefined;
    return this.#target;
  }

  #read(): string | undefined {
    const parsed = this.#plugin.schema.safeParse(this.#input);
    if (!parsed.success || this.#plugin.advice?.(parsed.data) !== undefined) return undefined;
    const { target, shared } = this.#plugin.split(parsed.data);
    return JSON.stringify(shared) === this.#sharedJson ? target : undefined;
  }
}
