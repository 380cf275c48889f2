/**
 * A reload: parse, validate, compare (in a thread of its own), and only then swap, some rows a tick. Whatever goes wrong, the
 * manifest that runs goes on running, and the answer and the log say what was wrong and where. One at a time.
 */
import type { App } from "../app.ts";
import type { Clock } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import type { Logger } from "../base/log.ts";
import { type PlannedSwap, tooLarge } from "../engine/swap_plan.ts";
import type { WorkerLike } from "../engine/web_worker.ts";
import { resolveSettings, type Settings, type SettingsLayer } from "../manifest/settings.ts";
import { type ActionAnswer, type ActionHandler, unknownParameters } from "../model/action.ts";
import type { MaintenanceWindow } from "../model/maintenance.ts";
import type { CacheRequest } from "./cache_key.ts";
import type { ReloadAnswer, ReloadRequest } from "./reload_thread.ts";

export interface ReloaderOptions {
  readonly app: App;
  readonly makeThread: () => WorkerLike;
  /** As it was read at the start. */
  readonly request: CacheRequest;
  /** Everything that the manifest's settings are laid under, and what came of it at the start. */
  readonly layers: (manifest: SettingsLayer) => readonly SettingsLayer[];
  readonly cores: number;
  readonly settings: Settings;
  readonly windows: readonly MaintenanceWindow[];
  readonly clock: Clock;
  readonly log: Logger;
  /** A reload begins and ends, whatever comes of it. */
  readonly observe?: { begins(): void; ends(): void };
}

/** A manifest of a million monitors takes some ten seconds. */
const READ_MS_MAX = 240_000;

export class Reloader {
  readonly #options: ReloaderOptions;
  #windows: readonly MaintenanceWindow[];
  #running: Promise<ActionAnswer> | undefined;
  #again = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#windows = options.windows;
  }

  /** SIGHUP: one that comes while another is under way makes one more, since the files may have changed meanwhile. */
  readonly signalled = (): void => {
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    void this.#begin({ force: false }).then(() => {
      if (!this.#again) return;
      this.#again = false;
      this.signalled();
    });
  };

  /** `POST /-/reload`, with `force` for a step that is too large otherwise. */
  readonly action: ActionHandler = (parameters) => {
    const wrong = unknownParameters(parameters, ["force"]);
    if (wrong !== undefined) return wrong;
    const force = FORCE.get(parameters["force"]);
    if (force === undefined) {
      return { status: 400, body: { error: "force is neither 1 nor 0", parameter: "force" } };
    }
    if (this.#running !== undefined) return { status: 409, body: { error: "a reload is under way already" } };
    return this.#begin({ force });
  };

  #begin(how: { readonly force: boolean }): Promise<ActionAnswer> {
    const { observe, log } = this.#options;
    observe?.begins();
    this.#running = this.#reload(how).catch((error: Error) => {
      log.error("Reload failed: the old manifest keeps running", { error: error.message });
      return { status: 500, body: { error: error.message } };
    });
    return this.#running.finally(() => {
      this.#running = undefined;
      observe?.ends();
    });
  }

  async #reload({ force }: { readonly force: boolean }): Promise<ActionAnswer> {
    const { app, request, clock, log } = this.#options;
    const startedMs = clock.monoMs();
    log.info(`Reloading ${request.sources.join(", ")}`);
    if (request.sources.includes("-")) return this.#refuse(409, ["standard input cannot be read again"]);
    const answer = await this.#read();
    if (answer.type === "failed") throw new Error(answer.error);
    if (answer.type === "refused") return this.#refuse(422, answer.problems);
    for (const line of answer.warnings) log.warn(line);
    const { plan } = answer;
    const large = tooLarge(plan, app.world.monitors);
    if (large.length > 0 && !force) {
      return this.#refuse(409, [...large, "if that is meant, reload with force (cpra reload --force)"]);
    }
    if (!app.world.hasRoomFor(plan.room)) return this.#refuse(409, [noRoom(app, plan)]);
    await app.swap(plan);
    this.#windows = answer.windows;
    const unchanged = this.#settingsKept(answer.settings);
    const { added, changed, removed } = plan.difference;
    const counts = {
      monitors: app.world.monitors,
      added: added.length,
      changed: changed.length,
      removed: removed.length,
    };
    const tookMs = Math.round(clock.monoMs() - startedMs);
    log.info(`Reload completed in ${formatDuration(tookMs)}`, counts);
    const restart = unchanged.length > 0 ? { needRestart: unchanged } : {};
    return { status: 200, body: { ...counts, tookMs, warnings: answer.warnings, ...restart } };
  }

  #refuse(status: 409 | 422, problems: readonly string[]): ActionAnswer {
    const { log } = this.#options;
    for (const line of problems) log.error(line);
    log.error("Reload refused: the old manifest keeps running");
    return { status, body: { error: "the old manifest keeps running", problems } };
  }

  /** Settings are for a whole life of the process: says which ones would be others after a restart. */
  #settingsKept(manifest: SettingsLayer): string[] {
    const { settings, layers, cores, log } = this.#options;
    const now = resolveSettings(layers(manifest), { cores }).settings;
    const keys = Object.keys(settings) as (keyof Settings)[];
    const others = keys.filter((key) => JSON.stringify(settings[key]) !== JSON.stringify(now[key]));
    if (others.length > 0) {
      log.warn("Settings take effect with a restart, not with a reload", { settings: others.join(", ") });
    }
    return others;
  }

  #read(): Promise<ReloadAnswer> {
    const { app, makeThread, request } = this.#options;
    const thread = makeThread();
    return new Promise<ReloadAnswer>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the manifest was not read within ${READ_MS_MAX / 1000} s`));
      }, READ_MS_MAX);
      const end = (settle: () => void) => {
        clearTimeout(timer);
        settle();
      };
      thread.onmessage = ({ data }: MessageEvent<ReloadAnswer>) => end(() => resolve(data));
      thread.onerror = (event) => {
        event.preventDefault();
        end(() => reject(new Error(`fault in the reload thread: ${event.message}`)));
      };
      const asked: ReloadRequest = {
        ...request,
        env: { ...request.env },
        running: app.world.handle(),
        freeRows: app.engine.freeRows(),
        windowsBefore: this.#windows,
      };
      thread.postMessage(asked);
    }).finally(() => thread.terminate());
  }
}

const FORCE: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [undefined, false],
  ["0", false],
  ["false", false],
  [false, false],
  ["1", true],
  ["true", true],
  [true, true],
]);

function noRoom({ world }: App, plan: PlannedSwap): string {
  return `there is no room for ${plan.monitors} monitors and their texts beside what is there: ` +
    `max_monitors is ${world.capacity}; raise it, or restart, which frees what earlier reloads left`;
}
