/**
 * A loader thread: reads ranges of a manifest from disk and answers with rows. Short-lived, one or more, each with forms
 * of its own. It never words a problem: a block in which anything is wrong, or worth a warning, or that refers to other
 * monitors, goes back without rows, and the engine's thread reads it again, so that every message is made in one place.
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync } from "node:fs";
import { attributesJson, sharedSpec } from "../model/monitor_rows.ts";
import type { MonitorSpec } from "../model/monitor.ts";
import type { Registries } from "../model/plugin.ts";
import { createCatalog } from "./catalog.ts";
import type { EntryReader } from "./entry.ts";
import { type EntryFile, readList } from "./entry_list.ts";
import type { Form, Found } from "./form.ts";
import { FormReaders } from "./form_reader.ts";
import { ITEM_BYTES_MAX } from "./limits.ts";
import type {
  LoaderAnswer,
  LoaderBoot,
  LoaderFile,
  LoaderJob,
  LoaderRows,
  ToLoader,
  UsedInputs,
} from "./loader_messages.ts";
import { NameIndex } from "./name_index.ts";
import { parseText } from "./pieces.ts";
import { ProblemList } from "./problem.ts";
import { RowsWriter } from "./rows_writer.ts";
import type { Layer } from "./scope.ts";
import { createSecretReader } from "./secret_file.ts";
import { createShapes } from "./shapes.ts";
import { type SourceText, wholeText } from "./source_text.ts";
import { notedEnvironment } from "./variables.ts";

export interface LoaderScope {
  onmessage: ((event: MessageEvent<ToLoader>) => void) | null;
  postMessage(message: LoaderAnswer, transfer: ArrayBuffer[]): void;
}

export function startLoaderThread(scope: LoaderScope, registries: Registries): void {
  let loader: Loader | undefined;
  scope.onmessage = ({ data }) => {
    if (data.type === "boot") loader = new Loader(data, registries);
    else if (loader !== undefined) {
      const answer = loader.answer(data);
      const { rows } = answer;
      scope.postMessage(answer, rows === undefined ? [] : [rows.words.buffer, rows.bytes.buffer]);
    }
  };
}

interface OpenFile {
  readonly file: LoaderFile;
  readonly descriptor: number;
  readonly entries: EntryFile;
  readonly readers: FormReaders;
}

class Loader {
  readonly #boot: LoaderBoot;
  readonly #reader: EntryReader;
  readonly #rows = new RowsWriter();
  readonly #variables = new Set<string>();
  #secretFilesTold = 0;
  readonly #specNumbers = new Map<string, number>();
  readonly #formSpecs = new WeakMap<Form, { readonly spec: number; readonly attributes: string }>();
  #newSpecs: MonitorSpec[] = [];
  #bytes = Buffer.alloc(0);
  #open: OpenFile | undefined;

  constructor(boot: LoaderBoot, registries: Registries) {
    this.#boot = boot;
    const catalog = createCatalog(registries);
    this.#reader = {
      kinds: {
        catalog,
        shapes: createShapes(catalog),
        notifyGroups: new Map(boot.notifyGroups),
        knownCodes: new Map(),
      },
      templates: new Map(boot.templates.map(([name, value]) => [name, valueLayer(value)])),
      groups: new Map(boot.groups),
      problems: new ProblemList({ strict: false }),
      names: new NameIndex(),
      openReferences: [],
      dependencies: [],
      env: notedEnvironment(boot.env, this.#variables),
      secretReader: createSecretReader(),
      lenient: false,
      inherited: new Map(),
    };
  }

  answer(job: LoaderJob): LoaderAnswer {
    const none: LoaderAnswer = { number: job.number, range: undefined, rows: undefined };
    try {
      const open = this.#openFile(job.file);
      const block = this.#readBlock(open.descriptor, job, open.file.skip);
      if (block === undefined) return none;
      const lines = countLines(block.bytes);
      const range = { start: block.start, end: block.start + block.bytes.length, lines };
      return { number: job.number, range, rows: this.#readRows(open, job, block.bytes) };
    } catch (error) {
      // The disk's faults are worded where all the others are.
      if (error instanceof Error && "code" in error) return none;
      throw error;
    }
  }

  #openFile(index: number): OpenFile {
    const file = this.#boot.files[index] as LoaderFile;
    if (this.#open?.file === file) return this.#open;
    if (this.#open !== undefined) closeSync(this.#open.descriptor);
    const defaults = file.defaults === undefined ? undefined : valueLayer(file.defaults.value);
    const entries = { folder: file.folder, defaults };
    const readers = new FormReaders({ reader: this.#reader, ...entries });
    return this.#open = { file, descriptor: openSync(file.path, "r"), entries, readers };
  }

  /** Whole entries: from the first that begins at or behind `from` to before the first at or behind `to`. */
  #readBlock(
    descriptor: number,
    { from, to, first, last, indent }: LoaderJob,
    skip: number,
  ): { readonly start: number; readonly bytes: Uint8Array } | undefined {
    // One byte before, since what begins an entry is the newline before it.
    const base = Math.max(first, from - 1);
    for (let more = MORE_BYTES; more <= ITEM_BYTES_MAX * 2; more *= 8) {
      const length = Math.min(last, to + more) - base;
      if (this.#bytes.length < length) this.#bytes = Buffer.alloc(length + MORE_BYTES);
      const bytes = this.#bytes.subarray(0, length);
      if (readSync(descriptor, bytes, 0, length, skip + base) !== length) return undefined;
      const start = from === first ? 0 : entryAfter(bytes, { at: from - 1 - base, indent });
      const end = to >= last ? length : entryAfter(bytes, { at: to - 1 - base, indent });
      if (start >= 0 && end >= 0) {
        return { start: base + start, bytes: bytes.subarray(start, Math.max(start, end)) };
      }
      // Neither is there: one entry that is larger than what was read, or the rest of the list.
      if (base + length === last) {
        const from = start < 0 ? length : start;
        return { start: base + from, bytes: bytes.subarray(from, length) };
      }
    }
    return undefined;
  }

  #readRows(
    { entries, readers }: OpenFile,
    { indent }: LoaderJob,
    bytes: Uint8Array,
  ): LoaderRows | undefined {
    const text = decode(bytes);
    if (text === undefined) return undefined;
    this.#rows.clear();
    const problems = new ProblemList({ strict: false });
    const reader = {
      ...this.#reader,
      problems,
      names: new NameIndex(),
      openReferences: [],
      dependencies: [],
    };
    let isClean = true;
    readers.of(indent).read(wholeText({ file: "", text, line: 0 }), {
      known: (form, found, at) => this.#addKnown(form, found, at.line),
      unknown: (source) => {
        isClean &&= this.#addParsed(reader, { entries, source, indent });
      },
    });
    if (!isClean || problems.errorCount + problems.warningCount > 0) return undefined;
    const newSpecs = this.#newSpecs;
    this.#newSpecs = [];
    return { newSpecs, count: this.#rows.count, used: this.#usedSince(), ...this.#rows.take() };
  }

  #usedSince(): UsedInputs {
    const variables = [...this.#variables];
    this.#variables.clear();
    const secretFiles = this.#reader.secretReader.paths.slice(this.#secretFilesTold);
    this.#secretFilesTold += secretFiles.length;
    return { variables, secretFiles };
  }

  #addKnown(form: Form, found: Found, line: number): void {
    let known = this.#formSpecs.get(form);
    if (known === undefined) {
      known = { spec: this.#specNumber(form.spec), attributes: attributesJson(form.spec) };
      this.#formSpecs.set(form, known);
    }
    const attributes = found.attributes === undefined
      ? known.attributes
      : attributesJson({ ...found.attributes, dependsOn: [] });
    const { name, target, remedyTarget } = found;
    this.#rows.add({ spec: known.spec, line: line + form.line, column: form.column }, {
      name,
      target,
      remedyTarget,
      attributes,
    });
  }

  /** False when there is something to say about it. */
  #addParsed(
    reader: EntryReader,
    { entries, source, indent }: {
      readonly entries: EntryFile;
      readonly source: SourceText;
      readonly indent: number;
    },
  ): boolean {
    let isClean = true;
    const chunk = { source, firstIndex: 0, listPath: [], indent: indent < 0 ? undefined : indent };
    for (const list of parseText(chunk)) {
      if (list.ok !== true) return false;
      readList(reader, { file: entries, list }, ({ place, monitor }) => {
        if (monitor === undefined || monitor.dependsOn.length > 0 || monitor.watches !== undefined) {
          return void (isClean = false);
        }
        this.#rows.add({ spec: this.#specNumber(monitor), line: place.line, column: place.column }, {
          name: monitor.name,
          target: monitor.probe.target,
          remedyTarget: monitor.remedy?.target ?? "",
          attributes: attributesJson(monitor),
        });
      });
    }
    return isClean;
  }

  #specNumber(spec: MonitorSpec): number {
    const shared = sharedSpec(spec);
    const json = JSON.stringify(shared);
    let number = this.#specNumbers.get(json);
    if (number === undefined) {
      number = this.#specNumbers.size;
      this.#specNumbers.set(json, number);
      this.#newSpecs.push(shared);
    }
    return number;
  }
}

/** Read behind a block, in search of its end; ever more when it is not found. */
const MORE_BYTES = 16 * 1024;
const NEWLINE = 10;

/** A tree whose places nobody will ask for. */
function valueLayer(value: unknown): Layer {
  return { value, source: wholeText({ file: "", text: "" }), offsetOf: () => undefined, origin: "" };
}

/** Start of the first line behind the newline at or after `at` that begins an entry; -1: none that can be told. */
function entryAfter(bytes: Buffer, { at, indent }: { readonly at: number; readonly indent: number }): number {
  const mark = indent < 0 ? "\n" : `\n${" ".repeat(indent)}-`;
  for (let found = bytes.indexOf(mark, at); found >= 0; found = bytes.indexOf(mark, found + 1)) {
    const after = bytes[found + mark.length];
    if (indent < 0 || after === 32 || after === 9 || after === NEWLINE || after === 13) return found + 1;
  }
  return -1;
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string | undefined {
  try {
    return DECODER.decode(bytes);
  } catch {
    return undefined;
  }
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
