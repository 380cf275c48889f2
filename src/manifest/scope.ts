/**
 * Reading one monitor (or one section of the root): where its values came from, what to call it, and where to put the
 * problems. A value may come from the monitor, its template or the defaults; a problem names the place it was written.
 */
import type { Schema } from "../base/schema.ts";
import type { QuickTarget, SplitConfig } from "../model/plugin.ts";
import { type IsProbeName, spelledPath } from "./canonical_key.ts";
import { type ExplainContext, explainIssue, type Issue } from "./explain.ts";
import { Hidden } from "./found_value.ts";
import type { Path, Place, ProblemList } from "./problem.ts";
import { renderPath } from "./problem.ts";
import { type JsonSchema, keysAt } from "./schema_keys.ts";
import type { SecretReader } from "./secret_file.ts";
import { placeAt, type SourceText } from "./source_text.ts";
import { type Environment, expandVariables, typedText } from "./variables.ts";

/** A tree as it stands in a file, before variables are filled in. */
export interface Layer {
  readonly value: unknown;
  readonly source: SourceText;
  /** Offset in the source, by a path from this value. */
  readonly offsetOf: (path: Path, what: "key" | "value") => number | undefined;
  /** "" for what the monitor says itself, else ` (from template "web")`. */
  readonly origin: string;
}

export interface ScopeOptions {
  readonly problems: ProblemList;
  /** Nearest first. */
  readonly layers: readonly [Layer, ...Layer[]];
  readonly isProbeName: IsProbeName;
  readonly env: Environment;
  readonly secretReader: SecretReader;
  /** Folder of the manifest, for `…_file` keys. */
  readonly folder: string;
  readonly monitor?: string;
  /** Shown before each path: where in the root this scope stands. */
  readonly prefix?: Path;
  /** Faults of this scope leave a monitor out; they do not refuse the manifest. */
  readonly lenient?: boolean;
  /** Told of every plug-in configuration that was accepted. */
  readonly onConfig?: (read: ConfigRead) => void;
}

/** A plug-in's configuration as its schema was given it, and the keys that lead to it in the monitor. */
export interface ConfigRead {
  readonly plugin: BlockPlugin;
  readonly input: Readonly<Record<string, unknown>>;
  readonly path: Path;
}

/** What of a plug-in reads a configuration block. */
export interface BlockPlugin {
  readonly schema: Schema<unknown>;
  readonly quick?: QuickTarget;
  split(config: unknown): SplitConfig;
  advice?(config: unknown): string | undefined;
}

export interface ReportOptions {
  readonly severity?: "error" | "warning";
  readonly at?: "key" | "value";
}

export interface ParseOptions {
  readonly path: Path;
  readonly jsonSchema: JsonSchema;
  /** Keys that the shape knows but nobody should be offered. */
  readonly allowed?: readonly string[];
}

export class Scope {
  readonly options: ScopeOptions;
  /** True once an error was reported. */
  failed = false;
  /** Errors and warnings. */
  reportCount = 0;
  /** What the last parse took: its value, with the texts from variables that had to be numbers made numbers. */
  parsed: unknown;
  #secrets: string[] = [];
  #wholePaths = new Set<string>();
  #hidden = new Map<string, { readonly value: Hidden; readonly written: Path }>();
  /** Values that could not be filled in: nothing more is said about them. */
  #settled = new Set<string>();

  constructor(options: ScopeOptions) {
    this.options = options;
  }

  /** Fills in variables; the result is what every parse must be given. `path`: where the value stands in this scope. */
  expand(value: unknown, path: Path = []): unknown {
    const expanded = expandVariables(value, { env: this.options.env, path }, (at, message) => {
      this.report(at, message);
      this.#settled.add(JSON.stringify(at));
    });
    this.#secrets.push(...expanded.secrets);
    for (const whole of expanded.wholePaths) this.#wholePaths.add(whole);
    return expanded.value;
  }

  /** A value read from a file that the manifest names at `written`: problems point there and never repeat the value. */
  hide(path: Path, secret: { readonly text: string; readonly written: Path }): void {
    const value = new Hidden(`the content of ${secret.written.at(-1)}`);
    this.#hidden.set(JSON.stringify(path), { value, written: secret.written });
    this.#secrets.push(secret.text);
  }

  report(path: Path, message: string, options: ReportOptions = {}): void {
    this.reportCount++;
    if (this.#settled.has(JSON.stringify(path))) return;
    const found = this.#locate(
      this.#hidden.get(JSON.stringify(path))?.written ?? path,
      options.at ?? "value",
    );
    const severity = options.severity ?? "error";
    if (severity === "error") this.failed = true;
    this.options.problems.add({
      ...found.place,
      severity: this.options.lenient === true ? "warning" : severity,
      ...(this.options.monitor === undefined ? {} : { monitor: this.options.monitor }),
      path: renderPath([...(this.options.prefix ?? []), ...found.spelled]),
      message: this.#scrub(message) + found.origin,
    }, { once: found.origin !== "" });
  }

  /** The parsed value, or undefined after reporting why not. */
  parse<T>(schema: Schema<T>, value: unknown, options: ParseOptions): T | undefined {
    let result = schema.safeParse(value);
    this.parsed = value;
    if (!result.success && this.#wholePaths.size > 0) {
      this.parsed = this.#retype(value, result.error.issues, options.path);
      result = schema.safeParse(this.parsed);
    }
    if (result.success) return result.data;
    const context: ExplainContext = {
      rawAt: (path) => this.rawAt([...options.path, ...path]),
      keysAt: (path) =>
        path.length === 0 && options.allowed ? options.allowed : keysAt(options.jsonSchema, path),
    };
    for (const issue of result.error.issues) {
      for (const fault of explainIssue(issue, context)) {
        this.report([...options.path, ...fault.path], fault.message, { at: fault.at });
      }
    }
    return undefined;
  }

  /** What the manifest says at a path, before variables are filled in. */
  rawAt(path: Path): unknown {
    const hidden = this.#hidden.get(JSON.stringify(path));
    if (hidden !== undefined) return hidden.value;
    for (const layer of this.options.layers) {
      const spelled = spelledPath(layer.value, path, this.options.isProbeName);
      if (spelled !== undefined) {
        return spelled.reduce<unknown>((node, step) => childOf(node, step), layer.value);
      }
    }
    return undefined;
  }

  placeOf(path: Path, at: "key" | "value"): Place {
    return this.#locate(path, at).place;
  }

  /** The first layer that has the path; else the nearest value above it in the nearest layer. */
  #locate(path: Path, at: "key" | "value"): { place: Place; spelled: Path; origin: string } {
    const [own] = this.options.layers;
    for (let length = path.length; length >= 0; length--) {
      for (const layer of length === path.length ? this.options.layers : [own]) {
        const spelled = spelledPath(layer.value, path.slice(0, length), this.options.isProbeName);
        const offset = spelled && layer.offsetOf(spelled, length === path.length ? at : "key");
        if (spelled === undefined || offset === undefined) continue;
        return {
          place: placeAt(layer.source, offset),
          spelled: [...spelled, ...path.slice(length)],
          origin: layer.origin,
        };
      }
    }
    return { place: placeAt(this.options.layers[0].source, 0), spelled: path, origin: "" };
  }

  /** `port: ${PORT}` is text after variables are filled in; where a number is wanted it becomes one. */
  #retype(value: unknown, issues: readonly Issue[], path: Path): unknown {
    let retyped = value;
    for (const issue of issues) {
      const typed = typedText(issue.path.reduce<unknown>((node, step) => childOf(node, step), retyped));
      if (typed === undefined || !this.#wholePaths.has(JSON.stringify([...path, ...issue.path]))) continue;
      retyped = replaceAt(retyped, issue.path, typed);
    }
    return retyped;
  }

  #scrub(message: string): string {
    return this.#secrets.reduce(
      (text, secret) => secret.length > 3 ? text.replaceAll(secret, "***") : text,
      message,
    );
  }
}

function childOf(node: unknown, step: PropertyKey): unknown {
  return node !== null && typeof node === "object" && Object.hasOwn(node, step)
    ? (node as Record<PropertyKey, unknown>)[step]
    : undefined;
}

function replaceAt(node: unknown, path: readonly PropertyKey[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const copy = Array.isArray(node) ? [...node] : { ...node as object };
  (copy as Record<PropertyKey, unknown>)[step] = replaceAt(childOf(node, step), rest, value);
  return copy;
}
