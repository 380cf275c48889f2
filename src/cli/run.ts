/** `cpra run` (the default): load, check, repair and alert until a signal comes, then drain. */
import { availableParallelism } from "node:os";
import process from "node:process";
import { type App, createApp } from "../app.ts";
import { SYSTEM_CLOCK } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { createLogger, type Logger } from "../base/log.ts";
import { collectGarbage } from "../host/collect.ts";
import { createDescriptorSink, type DescriptorSink, LOG_BYTES_WAITING } from "../host/descriptor_sink.ts";
import { JournalLockedError } from "../journal/link.ts";
import { NO_RAW_ENGINE, openWakes } from "../host/eventfd.ts";
import { LANES } from "../lanes/lane.ts";
import { type LoadResult, streamManifests } from "../manifest/load.ts";
import { renderProblems } from "../manifest/problem.ts";
import { resolveSettings, type Settings, type SettingsLayer } from "../manifest/settings.ts";
import { loadSettingsFile } from "../manifest/load_settings.ts";
import type { MaintenanceWindow } from "../model/maintenance.ts";
import { WorldFullError } from "../world/world.ts";
import { VERSION } from "../base/version.ts";
import { runActions } from "./actions.ts";
import { buildInfo } from "./build_info.ts";
import type { RunOptions } from "./command.ts";
import { canarySpecs } from "./canaries.ts";
import { openServiceManager, takeCare, vitalsOf } from "./run_care.ts";
import type { ServiceManager } from "./service_manager.ts";
import { createFleetLoad, type FleetLoad } from "./fleet_load.ts";
import { defaultFreezeFile, type FreezeWatch, watchFreezeFile } from "./freeze.ts";
import { laneSettings, type Machine, settingsOf, shortOfDescriptors, thisMachine } from "./lane_settings.ts";
import type { CacheRequest } from "./cache_key.ts";
import { hindrances } from "./hindrances.ts";
import { type CachedManifest, createManifestCache, type Loaded } from "./manifest_cache.ts";
import { loaderThreads } from "./loader_threads.ts";
import type { ProgramContext } from "./program_context.ts";
import { logShutdown } from "./shutdown_report.ts";
import { IN_MEMORY, stateFolder } from "./state_option.ts";
import { Reloader } from "./reload.ts";
import { flagsLayer, listenAddresses } from "./run_flags.ts";
import { StartError } from "./start_error.ts";
import { aborted, onSignals, stopSignal } from "./signals.ts";

const STANDARD_ERROR = 2;
const CHECKS_STOP_MS = 5000;
const SENDS_STOP_MS = 20_000;
const PROGRESS_EVERY_MS = 2000;

const MEMORY_CAUSE = "memory";
/** Exit code that asks a supervisor for another start. */
const START_AGAIN = 3;

/** Exit code: 0 after a signal, 1 when it cannot start or something was left undone, 2 for a wrong command line. */
export async function runRun(options: RunOptions, context: ProgramContext): Promise<number> {
  const sink = createDescriptorSink(STANDARD_ERROR, LOG_BYTES_WAITING);
  const code = await new Run(options, context, sink).run();
  await sink.flush(1000);
  return code;
}

/** What is known once settings are. */
interface Started {
  readonly app: App;
  readonly settings: Settings;
  readonly machine: Machine;
  readonly freezeWatch: FreezeWatch;
  /** Our own server's URL. */
  readonly endpoint: string | undefined;
}

interface LoadedManifest {
  readonly request: CacheRequest;
  readonly layers: (settings: SettingsLayer) => SettingsLayer[];
  readonly result: LoadResult;
}

class Run {
  readonly #options: RunOptions;
  readonly #context: ProgramContext;
  readonly #sink: DescriptorSink;
  readonly #fleet: FleetLoad;
  readonly #startedMs = SYSTEM_CLOCK.monoMs();
  #log: Logger;
  #started: Started | undefined;
  #loaded: LoadedManifest | undefined;
  #reloader: Reloader | undefined;
  #manager: ServiceManager | undefined;

  constructor(options: RunOptions, context: ProgramContext, sink: DescriptorSink) {
    this.#options = options;
    this.#context = context;
    this.#sink = sink;
    this.#fleet = createFleetLoad(context.registries);
    this.#log = this.#createLog(
      options.logLevel ?? (options.debug ? "debug" : "info"),
      options.logFormat ?? "text",
    );
  }

  async run(): Promise<number> {
    const stop = stopSignal({ afterMs: this.#options.durationMs });
    const releaseSignals = onSignals({
      SIGUSR1: () => {
        this.#log.info("Reopening log files");
        this.#started?.app.reopen();
      },
      SIGHUP: () => {
        if (this.#reloader === undefined) {
          this.#log.warn("SIGHUP: nothing is reloaded before the start is over");
        } else this.#reloader.signalled();
      },
    });
    this.#manager = await openServiceManager();
    try {
      if (!await this.#load() || this.#started === undefined) return await this.#giveUp();
      const short = shortOfDescriptors(this.#started.machine, this.#started.settings, this.#fleet);
      if (short !== undefined) throw new StartError(short, 1);
      this.#startEngine(this.#started);
      this.#reloader = this.#createReloader(this.#started);
      this.#manager?.ready(`${this.#fleet.monitors} monitors`);
      const care = takeCare({ ...this.#started, log: this.#log, giveUp: () => stop.fire(MEMORY_CAUSE) });
      await aborted(stop.signal);
      care();
      return await this.#stop(this.#started, stop.cause());
    } catch (error) {
      if (!(error instanceof StartError || error instanceof WorldFullError)) throw error;
      this.#log.error(error.message);
      return await this.#giveUp(error instanceof StartError ? error.exitCode : 1);
    } finally {
      stop.dispose();
      releaseSignals();
      this.#manager.close();
    }
  }

  #createReloader({ app, settings }: Started): Reloader {
    const { request, layers, result } = this.#loaded as LoadedManifest;
    return new Reloader({
      app,
      makeThread: this.#context.makeReload,
      request,
      layers,
      cores: availableParallelism(),
      settings,
      windows: result.maintenance,
      clock: SYSTEM_CLOCK,
      log: this.#log,
      observe: {
        begins: () => this.#manager?.reloading(),
        ends: () => this.#manager?.ready(`${app.world.monitors} monitors`),
      },
    });
  }

  /** False when the manifest cannot be used; everything that is wrong with it has been said. */
  async #load(): Promise<boolean> {
    const { yaml, config, state, strict, lenient, allowMissing } = this.#options;
    if (yaml.length === 0) throw new StartError("Cannot start: no manifest was given; use --yaml FILE", 2);
    const fromFile = config === undefined ? {} : await this.#readConfig(config);
    const layers = (settings: SettingsLayer) => [settings, fromFile, flagsLayer(this.#options)];
    const startedMs = SYSTEM_CLOCK.monoMs();
    const flags = { strict: strict === true, lenient: lenient === true, allowMissing: allowMissing === true };
    const request: CacheRequest = { sources: yaml, env: process.env, flags };
    // Only where the user named the place: the compiled manifest is large and holds resolved secrets.
    const cache = state === undefined || state === IN_MEMORY ? undefined : createManifestCache(state);
    const cached = await cache?.find(request);
    if (typeof cached === "string") this.#log.info("The compiled manifest is made anew", { because: cached });
    else if (cached !== undefined && await this.#adopt(cached, layers)) {
      this.#loaded = { request, layers, result: cached.result };
      return this.#sayLoaded(cached.result, { startedMs, from: "compiled manifest" });
    }
    const keep = await cache?.begin(request);
    const result = await this.#read(request, { layers, startedMs });
    collectGarbage();
    if (!this.#sayLoaded(result, { startedMs, from: "manifest" })) return false;
    this.#loaded = { request, layers, result };
    if (keep !== undefined) await this.#keep(keep, result);
    return true;
  }

  /** False when the compiled manifest does not fit after all. */
  async #adopt(
    cached: CachedManifest,
    layers: (settings: SettingsLayer) => SettingsLayer[],
  ): Promise<boolean> {
    try {
      await this.#prepare(layers(cached.result.settings), cached.result.maintenance);
      if (this.#started === undefined || !cached.fill(this.#started.app.world)) return false;
      this.#started.app.adopted();
      this.#fleet.restore(cached.fleet);
      collectGarbage();
      return true;
    } finally {
      cached.close();
    }
  }

  #read(
    { sources, env, flags }: CacheRequest,
    { layers, startedMs }: {
      readonly layers: (settings: SettingsLayer) => SettingsLayer[];
      readonly startedMs: number;
    },
  ): Promise<LoadResult> {
    let saidAtMs = startedMs;
    return streamManifests(sources, {
      registries: this.#context.registries,
      env,
      ...flags,
      loaders: loaderThreads(this.#context),
      onRows: (rows, count) => {
        this.#fleet.addRows(rows, count);
        this.#started?.app.addRows(rows, count);
      },
      onSettings: async (settings, maintenance) => {
        if (this.#started === undefined) await this.#prepare(layers(settings), maintenance);
      },
      onProgress: ({ monitors }) => {
        const nowMs = SYSTEM_CLOCK.monoMs();
        if (nowMs - saidAtMs < PROGRESS_EVERY_MS) return;
        saidAtMs = nowMs;
        const took = formatDuration(Math.round(nowMs - startedMs));
        this.#log.info(`Loading: ${grouped(monitors)} monitors in ${took}`);
        this.#manager?.starting(`loading: ${monitors} monitors`);
      },
    }, (monitor) => {
      if (!monitor.enabled) return;
      this.#fleet.add(monitor);
      this.#started?.app.add(monitor);
    });
  }

  async #keep(keep: (loaded: Loaded) => Promise<boolean>, result: LoadResult): Promise<void> {
    if (this.#started === undefined) return;
    try {
      const kept = await keep({ result, fleet: this.#fleet.save(), world: this.#started.app.world });
      if (!kept) {
        this.#log.info("The compiled manifest is not kept: the manifest is piped, or was just changed");
      }
    } catch (error) {
      this.#log.warn("Cannot keep the compiled manifest", { error: (error as Error).message });
    }
  }

  #sayLoaded(
    result: LoadResult,
    { startedMs, from }: { readonly startedMs: number; readonly from: string },
  ): boolean {
    for (const line of renderProblems(result)) this.#log[result.ok ? "warn" : "error"](line);
    if (!result.ok) return false;
    const took = formatDuration(Math.round(SYSTEM_CLOCK.monoMs() - startedMs));
    this.#log.info(`Monitor loading completed in ${took}`, { monitors: this.#fleet.monitors, from });
    return true;
  }

  async #readConfig(path: string): Promise<SettingsLayer> {
    const loaded = await loadSettingsFile(path, { env: process.env });
    for (const line of renderProblems(loaded)) this.#log.error(line);
    if (loaded.errorCount > 0) throw new StartError(`Cannot start: ${path} is not usable`, 1);
    return loaded.layer;
  }

  /** Settings are known, monitors are not: the endpoint opens, so that loading can be watched. */
  async #prepare(
    layers: readonly SettingsLayer[],
    maintenance: readonly MaintenanceWindow[],
  ): Promise<void> {
    const { settings, faults } = resolveSettings(layers, { cores: availableParallelism() });
    if (faults.length > 0) throw new StartError(`Cannot start: ${faults.join("; ")}`, 1);
    this.#log = this.#createLog(settings.logLevel, settings.logFormat);
    this.#log.info(`Starting CPRA Optimized Controller for up to ${grouped(settings.maxMonitors)} Monitors`, {
      version: VERSION,
    });
    const listen = listenAddresses(settings);
    const folder = stateFolder(settings.state, process.env);
    const createWake = await openWakes();
    if (createWake === undefined) this.#log.info(NO_RAW_ENGINE);
    const freezeFile = settings.remediation.freezeFile ?? defaultFreezeFile(settings.state, process.env);
    const vitals = once(() => vitalsOf(app));
    const app: App = createApp({
      registries: this.#context.registries,
      makeWorker: this.#context.makeWorker,
      makeServer: this.#context.makeServer,
      createWake,
      log: this.#log,
      clock: SYSTEM_CLOCK,
      random: Math.random,
      build: buildInfo(),
      commandLine: this.#context.commandLine,
      maxMonitors: settings.maxMonitors,
      sloMs: settings.pipelines.pulse.sizingSloMs,
      listen,
      token: settings.token ?? undefined,
      actions: runActions({
        freezeFile,
        freeze: (frozen) => app.freeze(frozen),
        reload: () => this.#reloader?.action,
        alerts: () => app.engine?.alerts,
        channels: () => app.channels(),
      }),
      journal: folder === undefined
        ? undefined
        : { folder, make: this.#context.makeJournal, retention: retentionOf(settings) },
      turned: () => this.#manager?.turned(vitals()),
      names: { settings: settings.names, make: this.#context.makeNames },
      protection: settings,
      delivery: settings,
      maintenance,
    });
    const machine = thisMachine({ raw: createWake !== undefined });
    const freezeWatch = await watchFreezeFile(freezeFile, {
      change: app.freeze,
      trouble: (text) => this.#log.error(text),
    });
    this.#started = { app, settings, machine, freezeWatch, endpoint: undefined };
    await app.openJournal().catch((error: Error) => {
      if (!(error instanceof JournalLockedError)) throw error;
      throw new StartError(error.message, 1);
    });
    if (folder === undefined) {
      this.#log.info("State is kept in memory: a restart forgets incidents and alerts");
    } else this.#log.info(`State is kept in ${folder}`);
    if (settings.remediation.dryRun) this.#log.warn("Dry run: repairs are said, never done");
    const urls = await app.listen().catch((error: Error) => {
      throw new StartError(`Cannot start: ${error.message}`, 1);
    });
    this.#started = { ...this.#started, endpoint: urls[0] };
    for (const [index, url] of urls.entries()) {
      if (listen[index]?.pprof) this.#log.info(`Profiling server listening at ${url}/debug/pprof/`);
      this.#log.info(`Metrics, API and page at ${url}/`);
    }
    this.#log.info(`Loading monitors from ${this.#options.yaml.join(", ")}...`);
  }

  #startEngine({ app, settings, machine, endpoint }: Started): void {
    const { enabled, canaries } = settings.guard;
    app.start(
      laneSettings(settings, { fleet: this.#fleet, machine, channels: app.world.channels.length }),
      enabled && canaries ? canarySpecs(endpoint, this.#context.registries.probes) : [],
    );
    const took = formatDuration(Math.round(SYSTEM_CLOCK.monoMs() - this.#startedMs));
    this.#log.info("Controller started successfully", { after: took });
    this.#log.info(
      `Pulse pipeline processing ${grouped(app.world.count)} monitors`,
      Object.fromEntries(this.#fleet.kinds),
    );
    for (const line of hindrances(this.#fleet.kinds, this.#context.registries.probes)) this.#log.warn(line);
    for (const lane of LANES) {
      const { pool } = app.engine.pipelines[LANES.indexOf(lane)] as App["engine"]["pipelines"][number];
      this.#log.info(
        `Worker pool scaled to ${pool.threads} ${pool.threads === 1 ? "worker" : "workers"}, ${
          grouped(pool.slots)
        } slots ` +
          `(target SLO: ${formatDuration(settingsOf(settings, lane).sizingSloMs)})`,
        { pipeline: lane },
      );
    }
  }

  async #stop({ app, settings, freezeWatch }: Started, cause: string): Promise<number> {
    freezeWatch.stop();
    this.#manager?.stopping();
    this.#log.info("Stopping: no new checks; what runs may finish", { cause });
    const startedMs = SYSTEM_CLOCK.monoMs();
    const clean = await app.stop({
      checksMs: Math.min(CHECKS_STOP_MS, settings.shutdownTimeoutMs),
      sendsMs: Math.min(SENDS_STOP_MS, Math.max(0, settings.shutdownTimeoutMs - CHECKS_STOP_MS)),
    });
    logShutdown(this.#log, {
      metrics: app.metrics,
      upMs: startedMs - this.#startedMs,
      stopMs: SYSTEM_CLOCK.monoMs() - startedMs,
      clean,
    });
    return cause === MEMORY_CAUSE ? START_AGAIN : 0;
  }

  async #giveUp(exitCode = 1): Promise<number> {
    this.#started?.freezeWatch.stop();
    await this.#started?.app.stop({ checksMs: 0, sendsMs: 0 });
    return exitCode;
  }

  #createLog(level: Settings["logLevel"], format: Settings["logFormat"]): Logger {
    return createLogger({ level, format, sink: this.#sink.line, wallMs: SYSTEM_CLOCK.wallMs });
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}

function retentionOf({ journal }: Settings) {
  return { ageMs: journal.retentionMs, rows: journal.rows };
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
