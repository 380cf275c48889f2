/**
 * Manifests → monitors, for whoever starts, validates or plans. Two passes: first what stands beside the monitors in all
 * files, then the monitors one by one, handed out as they come. A file of a million monitors (470 MB) is never held as
 * text or tree; what is kept is the names' hashes and what could not be cut.
 * All problems are collected. Without `lenient`, a result with errors must not be used, whatever was handed out.
 */
import type { MaintenanceWindow } from "../model/maintenance.ts";
import type { MonitorSpec } from "../model/monitor.ts";
import { type MonitorRows, ROW, ROW_WORDS } from "../model/monitor_rows.ts";
import type { Registries } from "../model/plugin.ts";
import { createCatalog } from "./catalog.ts";
import type { WholeBudget } from "./documents.ts";
import type { EntryReader } from "./entry.ts";
import { readList } from "./entry_list.ts";
import { FormReaders } from "./form_reader.ts";
import { InputError, listSource } from "./input.ts";
import { isMapping } from "./layers.ts";
import { WHOLE_BYTES_MAX } from "./limits.ts";
import type { UsedInputs } from "./loader_messages.ts";
import { Loaders, type LoaderThreads } from "./loaders.ts";
import { type LoadedFile, readFileRoots } from "./loaded_file.ts";
import { NameIndex } from "./name_index.ts";
import {
  type BrokenEntry,
  entriesIn,
  type EntryList,
  type ListRange,
  listsOf,
  type Piece,
  rangeOf,
} from "./pieces.ts";
import { type Place, type Problem, ProblemList } from "./problem.ts";
import { checkReferences } from "./references.ts";
import { emptySections, type GroupSpec, type RootSections } from "./root.ts";
import { createSecretReader } from "./secret_file.ts";
import type { SettingsLayer } from "./settings.ts";
import { createShapes } from "./shapes.ts";
import { type Environment, notedEnvironment } from "./variables.ts";

export interface LoadProgress {
  /** Met so far, good or bad, over all files. */
  readonly monitors: number;
  /** At hand. */
  readonly file: string;
}

export interface LoadOptions {
  readonly registries: Registries;
  readonly env: Environment;
  /** Warnings become errors. */
  readonly strict?: boolean;
  /** Faulty monitors are left out and named; their problems become warnings. */
  readonly lenient?: boolean;
  /** A missing file becomes a warning. */
  readonly allowMissing?: boolean;
  /** What `settings:` says, before the first monitor is handed out: what receives monitors can be made here. */
  readonly onSettings?: (
    settings: SettingsLayer,
    maintenance: readonly MaintenanceWindow[],
  ) => Promise<void>;
  /** Threads that parse large files, by range; without them all is parsed in this one. Needs `onRows`. */
  readonly loaders?: LoaderThreads;
  /** Takes the monitors that loader threads read, the first `count` of each block, in order with those of the sink. */
  readonly onRows?: (rows: MonitorRows, count: number) => void;
  /** After each piece of 256 to 512 KiB. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

export interface LoadResult {
  /** No errors. */
  readonly ok: boolean;
  /** Handed out. */
  readonly monitorCount: number;
  /** In the order of files and lines; the first 1000. The counts are exact. */
  readonly problems: readonly Problem[];
  readonly errorCount: number;
  readonly warningCount: number;
  /** Names (or places) of the monitors left out by `lenient`: the first 1000. The count is exact. */
  readonly leftOut: readonly string[];
  readonly leftOutCount: number;
  /** Of `settings:`; to be laid under the file of `--config` and the flags. */
  readonly settings: SettingsLayer;
  readonly maintenance: readonly MaintenanceWindow[];
  readonly groups: Readonly<Record<string, GroupSpec>>;
  /** Read, in order. */
  readonly files: readonly string[];
  /** What else went into the monitors and settings, sorted. */
  readonly used: UsedInputs;
}

export type MonitorSink = (monitor: MonitorSpec, place: Place) => void;

/** `sources`: files, folders, "-" for standard input. Bad input is in the result; it is never thrown. */
export async function streamManifests(
  sources: readonly string[],
  options: LoadOptions,
  onMonitor: MonitorSink,
): Promise<LoadResult> {
  const load = new Load(options, onMonitor);
  await load.readRoots(sources);
  await options.onSettings?.(load.settings, load.maintenance);
  await load.readMonitors();
  return load.finish();
}

export interface LoadedManifests extends LoadResult {
  readonly monitors: readonly MonitorSpec[];
}

/** As streamManifests, with the monitors in a list. */
export async function loadManifests(
  sources: readonly string[],
  options: LoadOptions,
): Promise<LoadedManifests> {
  const monitors: MonitorSpec[] = [];
  const result = await streamManifests(sources, options, (monitor) => monitors.push(monitor));
  return { ...result, monitors };
}

const LEFT_OUT_KEPT_MAX = 1000;

class Load {
  readonly #options: LoadOptions;
  readonly #onMonitor: MonitorSink;
  readonly #problems: ProblemList;
  readonly #sections: RootSections = emptySections();
  readonly #reader: EntryReader;
  readonly #files: LoadedFile[] = [];
  readonly #leftOut: string[] = [];
  readonly #variables = new Set<string>();
  readonly #secretFiles = new Set<string>();
  #leftOutCount = 0;
  #monitorCount = 0;
  #metCount = 0;

  constructor(options: LoadOptions, onMonitor: MonitorSink) {
    this.#options = options;
    this.#onMonitor = onMonitor;
    this.#problems = new ProblemList({ strict: options.strict === true });
    const catalog = createCatalog(options.registries);
    this.#reader = {
      kinds: {
        catalog,
        shapes: createShapes(catalog),
        notifyGroups: this.#sections.notifyGroups,
        knownCodes: new Map(),
      },
      templates: this.#sections.templates,
      groups: this.#sections.groups,
      problems: this.#problems,
      names: new NameIndex(),
      openReferences: [],
      dependencies: [],
      env: notedEnvironment(options.env, this.#variables),
      secretReader: createSecretReader(),
      lenient: options.lenient === true,
      inherited: new Map(),
    };
  }

  get settings(): SettingsLayer {
    return this.#sections.settings;
  }

  get maintenance(): readonly MaintenanceWindow[] {
    return this.#sections.maintenance.map((entry) => entry.window);
  }

  async readRoots(sources: readonly string[]): Promise<void> {
    const budget: WholeBudget = { bytes: WHOLE_BYTES_MAX };
    const reader = { ...this.#reader, sections: this.#sections, budget };
    const seen = new Set<string>();
    for (const source of sources) {
      const names = await this.#guard(source, () => listSource(source)) ?? [];
      for (const name of names.filter((each) => !seen.has(each))) {
        seen.add(name);
        const file = await this.#guard(name, () => readFileRoots(name, reader));
        if (file !== undefined) this.#files.push(file);
      }
    }
  }

  async readMonitors(): Promise<void> {
    using loaders = new Loaders(this.#options.loaders, this.#files, {
      ...this.#reader,
      env: this.#options.env,
    });
    for (const [number, file] of this.#files.entries()) {
      await this.#guard(file.input.name, async () => {
        const readers = new FormReaders({
          reader: this.#reader,
          folder: file.input.folder,
          defaults: file.defaults,
        });
        for (const list of listsOf(file.input, file.documents)) {
          if ("values" in list) {
            this.#readPiece(file, list);
            this.#tellProgress(file);
          } else if (loaders.takes(file, list)) {
            await this.#readByLoaders(loaders, { file, number, list, readers });
          } else await this.#readRange(file, list, { readers });
        }
      });
    }
    for (const name of loaders.used.variables) this.#variables.add(name);
    for (const path of loaders.used.secretFiles) this.#secretFiles.add(path);
  }

  /** A list in this thread; `skip`: so many entries are done with. */
  async #readRange(
    file: LoadedFile,
    range: ListRange,
    { readers, skip = 0 }: { readonly readers: FormReaders; readonly skip?: number },
  ): Promise<void> {
    let left = skip;
    const forms = range.leans ? undefined : readers.of(range.cut?.indent);
    for await (const pieces of rangeOf(file.input, range, forms)) {
      for (const piece of pieces) {
        this.#readPiece(file, piece, left);
        left = Math.max(0, left - entriesIn(piece));
      }
      this.#tellProgress(file);
    }
  }

  /** A list by the loader threads, in the order of the file; here what they would have something to say about. */
  async #readByLoaders(
    loaders: Loaders,
    { file, number, list, readers }: {
      readonly file: LoadedFile;
      readonly number: number;
      readonly list: ListRange;
      readonly readers: FormReaders;
    },
  ): Promise<void> {
    let firstIndex = 0;
    let line = list.cut?.line ?? 1;
    for await (const block of loaders.blocks({ number, file, list })) {
      const cut = { start: block.start, end: block.end, line, indent: list.cut?.indent ?? -1 };
      const taken = block.rows === undefined ? 0 : this.#takeRows(file, block.rows, line);
      if (block.rows === undefined || taken < block.rows.count) {
        const metBefore = this.#metCount - taken;
        await this.#readRange(file, { ...list, cut, firstIndex }, { readers, skip: taken });
        firstIndex += this.#metCount - metBefore;
      } else firstIndex += taken;
      line += block.lines;
      this.#tellProgress(file);
    }
  }

  /** How many rows were taken: all, or those before a name that is taken. */
  #takeRows(file: LoadedFile, rows: MonitorRows, line: number): number {
    const { words } = rows;
    const { names } = this.#reader;
    const place = { file: file.input.name, line: 0, column: 0 };
    let count = 0;
    for (; count < rows.count; count++) {
      const base = count * ROW_WORDS;
      place.line = line + (words[base + ROW.line] as number);
      place.column = words[base + ROW.column] as number;
      if (!names.addHash(words[base + ROW.hashLow] as number, words[base + ROW.hashHigh] as number, place)) {
        break;
      }
    }
    this.#metCount += count;
    this.#monitorCount += count;
    this.#options.onRows?.(rows, count);
    return count;
  }

  #tellProgress(file: LoadedFile): void {
    this.#options.onProgress?.({ monitors: this.#metCount, file: file.input.name });
  }

  finish(): LoadResult {
    const problems = this.#problems;
    checkReferences({ ...this.#reader, sections: this.#sections });
    if (this.#metCount === 0 && problems.errorCount === 0 && problems.warningCount === 0) {
      const file = this.#files[0]?.input.name ?? "<none>";
      const message = "no monitor is defined";
      problems.add({ file, line: 0, column: 0, severity: "warning", path: "monitors", message });
    }
    return {
      ok: problems.errorCount === 0,
      monitorCount: this.#monitorCount,
      problems: problems.problems,
      errorCount: problems.errorCount,
      warningCount: problems.warningCount,
      leftOut: this.#leftOut,
      leftOutCount: this.#leftOutCount,
      settings: this.#sections.settings,
      maintenance: this.maintenance,
      groups: Object.fromEntries(this.#sections.groups),
      files: this.#files.map((file) => file.input.name),
      used: {
        variables: [...this.#variables].sort(),
        secretFiles: [...new Set([...this.#secretFiles, ...this.#reader.secretReader.paths])].sort(),
      },
    };
  }

  #readPiece(file: LoadedFile, piece: Piece, skip = 0): void {
    if (piece.ok === true) this.#readList(file, piece, skip);
    else if (skip > 0) return;
    else if (piece.ok === false) this.#refuseEntry(piece);
    else if (this.#reader.names.has(piece.monitor.name)) {
      for (const each of piece.parse()) this.#readPiece(file, each);
    } else {
      this.#reader.names.add(piece.monitor.name, piece.place);
      this.#metCount++;
      this.#monitorCount++;
      this.#onMonitor(piece.monitor, piece.place);
    }
  }

  #readList(file: LoadedFile, list: EntryList, skip: number): void {
    const entries = { file: { folder: file.input.folder, defaults: file.defaults }, list, skip };
    readList(this.#reader, entries, ({ value, place, monitor }) => {
      this.#metCount++;
      if (monitor !== undefined) {
        this.#monitorCount++;
        this.#onMonitor(monitor, place);
      } else if (this.#options.lenient === true) {
        const name = isMapping(value) && typeof value.name === "string" ? value.name : undefined;
        this.#leaveOut(name ?? `${place.file}:${place.line}`);
      }
    });
  }

  #leaveOut(name: string): void {
    this.#leftOutCount++;
    if (this.#leftOut.length < LEFT_OUT_KEPT_MAX) this.#leftOut.push(name);
  }

  #refuseEntry({ place, message }: BrokenEntry): void {
    this.#metCount++;
    const lenient = this.#options.lenient === true;
    this.#problems.add({ ...place, severity: lenient ? "warning" : "error", path: "", message });
    if (lenient) this.#leaveOut(`${place.file}:${place.line}`);
  }

  /** What is wrong with a file as a whole becomes a problem; the others are read all the same. */
  async #guard<T>(name: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const file = name === "-" ? "<stdin>" : name;
      const allowed = error.missing && this.#options.allowMissing === true;
      const message = allowed
        ? `YAML file ${file} not found, starting without loading monitors`
        : error.message;
      const severity = allowed ? "warning" : "error";
      this.#problems.add({ file, line: 0, column: 0, severity, path: "", message });
      return undefined;
    }
  }
}
