/** What every verb that runs something gets from the program: plug-ins, and how its threads are made. */
import type { MakeWorker, WorkerLike } from "../engine/web_worker.ts";
import type { Registries } from "../model/plugin.ts";

/** How threads are made: literals in the program's root file, see main.ts. */
export interface Threads {
  readonly makeWorker: MakeWorker;
  readonly makeServer: () => WorkerLike;
  readonly makeJournal: () => WorkerLike;
  readonly makeNames: () => WorkerLike;
  /** The demo's mock fleet. */
  readonly makeTargets: () => WorkerLike;
  /** Parses ranges of large manifests. */
  readonly makeLoader: () => WorkerLike;
  /** Reads a manifest anew while another runs. */
  readonly makeReload: () => WorkerLike;
}

export interface ProgramContext extends Threads {
  readonly registries: Registries;
  readonly commandLine: readonly string[];
}
