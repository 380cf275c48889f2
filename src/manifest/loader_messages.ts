/** What the engine's thread and a loader thread say to each other. All of it can be cloned. */
import type { ChannelSpec, MonitorSpec } from "../model/monitor.ts";
import type { GroupSpec } from "./root.ts";
import type { Environment } from "./variables.ts";

/** What stands beside the monitors: enough to read them, not to say where a fault is. That is done in the engine's thread. */
export interface LoaderBoot {
  readonly type: "boot";
  readonly env: Environment;
  readonly templates: readonly (readonly [name: string, value: unknown])[];
  readonly groups: readonly (readonly [name: string, group: GroupSpec])[];
  readonly notifyGroups: readonly (readonly [name: string, channels: readonly ChannelSpec[]])[];
  readonly files: readonly LoaderFile[];
}

export interface LoaderFile {
  readonly path: string;
  /** Bytes before the text; offsets count from behind them. */
  readonly skip: number;
  readonly folder: string;
  readonly defaults: { readonly value: unknown } | undefined;
}

/** Read the entries that begin in [from, to) of a list that takes [first, last) of the file. */
export interface LoaderJob {
  readonly type: "job";
  readonly number: number;
  /** Index into the files. */
  readonly file: number;
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
  /** Spaces before a dash; below 0: JSON lines. */
  readonly indent: number;
}

export type ToLoader = LoaderBoot | LoaderJob;

export interface LoaderAnswer {
  readonly number: number;
  /** The bytes from the first of these entries to the end of the last; undefined: it could not be told. */
  readonly range: { readonly start: number; readonly end: number; readonly lines: number } | undefined;
  /** Undefined: there is something to say about at least one entry. */
  readonly rows: LoaderRows | undefined;
}

export interface LoaderRows {
  /** Numbers of rows count on over all answers of one loader; these come behind those sent before. */
  readonly newSpecs: readonly MonitorSpec[];
  readonly words: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** Looked up since the answer before: names of variables, full paths of secret files. */
  readonly used: UsedInputs;
}

/** What else than the manifest itself went into the monitors. */
export interface UsedInputs {
  readonly variables: readonly string[];
  readonly secretFiles: readonly string[];
}
