/**
 * Manifests → monitors, for whoever starts, validates or plans. Two passes: first what stands beside the monitors in all
 * files, then the monitors one by one, handed out as they come. A file of a million monitors (470 MB) is never held as
 * text or tree; what is kept is the names' hashes and what could not be cut.
 * All problems are collected. Without `lenient`, a result with errors must not be used, whatever was handed out.
 */
import type { MaintenanceWindow } from "../model/maintenance.ts";
import type { MonitorSpec } from "../model/monitor.ts";
import type { Registries } from "../model/plugin.ts";
import { createCatalog } from "./catalog.ts";
import type { WholeBudget } from "./documents.ts";
import { type EntryReader, readEntry } from "./entry.ts";
import { InputError, listSource } from "./input.ts";
import { isMapping } from "./layers.ts";
import { WHOLE_BYTES_MAX } from "./limits.ts";
import { type LoadedFile, readFileRoots } from "./loaded_file.ts";
import { NameIndex } from "./name_index.ts";
import { type BrokenEntry, type EntryList, piecesOf } from "./pieces.ts";
import { type Place, type Problem, ProblemList } from "./problem.ts";
import { checkReferences } from "./references.ts";
import { emptySections, type GroupSpec, type RootSections } from "./root.ts";
import { createSecretReader } from "./secret_file.ts";
import type { SettingsLayer } from "./settings.ts";
import { createShapes } from "./shapes.ts";
import { placeAt } from "./source_text.ts";
import type { Environment } from "./variables.ts";

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
  /** After each piece of about 256 KiB. */
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
      env: options.env,
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
    for (const file of this.#files) {
      await this.#guard(file.input.name, async () => {
        for await (const pieces of piecesOf(file.input, file.documents)) {
          for (const piece of pieces) {
            if (piece.ok) this.#readList(file, piece);
            else this.#refuseEntry(piece);
          }
          this.#options.onProgress?.({ monitors: this.#metCount, file: file.input.name });
        }
      });
    }
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
    };
  }

  #readList(file: LoadedFile, list: EntryList): void {
    const { document, source } = list;
    let offset = 0;
    for (const [index, value] of list.values.entries()) {
      this.#metCount++;
      const path = list.pathTo(index);
      // An entry of nothing but a dash has no place: the one before it is near enough.
      offset = document.offsetOf(path, "value") ?? offset;
      const place = placeAt(source, offset);
      const monitor = readEntry(this.#reader, {
        own: {
          value,
          source,
          offsetOf: (below, what) => document.offsetOf([...path, ...below], what),
          origin: "",
        },
        place,
        prefix: [...list.listPath, list.firstIndex + index],
        folder: file.input.folder,
        defaults: file.defaults,
        hasVariables: list.hasVariables,
      });
      if (monitor !== undefined) {
        this.#monitorCount++;
        this.#onMonitor(monitor, place);
      } else if (this.#options.lenient === true) {
        const name = isMapping(value) && typeof value.name === "string" ? value.name : undefined;
        this.#leaveOut(name ?? `${place.file}:${place.line}`);
      }
    }
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
