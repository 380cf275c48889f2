/**
 * The composition root: puts world, metrics, engine, workers and server together and gives them a beginning and an end.
 * What differs between a run, the demo and a test comes in as options; nothing here knows the command line.
 */
import type { Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import type { Random } from "./base/prng.ts";
import { createEngine, type Engine, type LaneSettings } from "./engine/engine.ts";
import { FleetFacts } from "./engine/fleet_facts.ts";
import { MEMORY_JOURNAL } from "./engine/journal_port.ts";
import type { LifeEvent } from "./engine/monitor_life.ts";
import { type RunLoop, startLoop } from "./engine/run_loop.ts";
import { createWebWorkerSpawner, type MakeWorker, type WorkerLike } from "./engine/web_worker.ts";
import { type Lane, LANES } from "./lanes/lane.ts";
import type { MaintenanceWindow } from "./model/maintenance.ts";
import type { MonitorSpec } from "./model/monitor.ts";
import type { Registries } from "./model/plugin.ts";
import type { ProtectionSettings } from "./model/protection.ts";
import { STATES } from "./model/state.ts";
import type { FromServer, IncidentEvent, ServerBoot, ToServer } from "./server/messages.ts";
import { createEngineWake, EngineWake } from "./shm/wake.ts";
import { CANARIES, type Canary } from "./telemetry/metric_table.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { MetricsView } from "./telemetry/metrics_view.ts";
import type { BuildInfo } from "./telemetry/process_metrics.ts";
import { createWorld, type World, WorldFullError } from "./world/world.ts";

export interface AppOptions {
  readonly registries: Registries;
  readonly makeWorker: MakeWorker;
  readonly makeServer: () => WorkerLike;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly build: BuildInfo;
  readonly commandLine: readonly string[];
  readonly maxMonitors: number;
  /** P95 of the schedule lag that readiness is held to, ms. */
  readonly sloMs: number;
  readonly listen: ServerBoot["listen"];
  readonly token?: string | undefined;
  readonly protection: ProtectionSettings;
  readonly maintenance?: readonly MaintenanceWindow[];
  /** Every change of a monitor's state, as it happens. */
  readonly observe?: (event: LifeEvent) => void;
}

export interface App {
  readonly world: World;
  readonly metrics: MetricsView;
  readonly engine: Engine;
  /** Adds a monitor before start(). Throws WorldFullError. */
  add(spec: MonitorSpec): void;
  /** Opens the endpoint; the real URLs, in the order of `listen`. Rejects with a message for people. */
  listen(): Promise<readonly string[]>;
  start(lanes: Readonly<Record<Lane, LaneSettings>>, canaries?: readonly AppCanary[]): void;
  /** The kill switch; also before start(). */
  freeze(frozen: boolean): void;
  /** SIGUSR1. */
  reopen(): void;
  /** Finishes what is under way within the limits, then ends everything. True when nothing was left undone. */
  stop(limits: { readonly checksMs: number; readonly sendsMs: number }): Promise<boolean>;
}

/** What is checked to tell our own faults from the fleet's. */
export interface AppCanary {
  readonly canary: Canary;
  readonly spec: MonitorSpec;
}

const SERVER_STOP_MS = 1000;
const WORKERS_STOP_MS = 1500;
const INCIDENTS_POST_MS = 250;

export function createApp(options: AppOptions): App {
  const { registries, clock, log } = options;
  const world = createWorld({ capacity: options.maxMonitors });
  const metrics = createMetrics({
    probes: registries.probes.map((probe) => probe.kind),
    remedies: registries.remedies.map((remedy) => remedy.kind),
    pipelines: LANES,
    states: STATES,
  });
  const wakeBuffer = createEngineWake();
  const wake = new EngineWake(wakeBuffer);
  const server = createServerLink(options);
  const events = createEventFeed({
    clock,
    post: (batch) => server.post({ type: "incidents", events: batch }),
  });
  const incidentPrefix = Math.floor(clock.wallMs() / 1000).toString(36);
  const facts = new FleetFacts(options.maintenance);
  let frozen = false;
  let engine: Engine | undefined;
  let loop: RunLoop | undefined;
  const view = new MetricsView(metrics.handle());

  const channelNames = (): string[] =>
    world.channels.map(({ kind, config }) =>
      registries.notifiers.find((notifier) => notifier.kind === kind)?.describe(config) ?? kind
    );
  const shared = () => ({ world: world.handle(), metrics: metrics.handle(), channels: channelNames() });

  return {
    world,
    metrics: view,
    get engine() {
      return engine as Engine;
    },
    add: (spec) => facts.add(world.add(spec), spec),
    listen: () => server.boot(shared()),
    start(lanes, canaries = []) {
      for (const name of channelNames()) metrics.addChannel(name);
      engine = createEngine({
        world,
        metrics,
        clock,
        log,
        random: options.random,
        journal: MEMORY_JOURNAL,
        spawn: createWebWorkerSpawner({
          make: options.makeWorker,
          world: () => world.handle(),
          engineWake: wakeBuffer,
          clock,
        }),
        settings: lanes,
        probeKinds: registries.probes.map((probe) => probe.kind),
        remedyKinds: registries.remedies.map((remedy) => remedy.kind),
        newIncidentId: (number) => `${incidentPrefix}-${number.toString(36)}`,
        protection: {
          settings: options.protection,
          facts,
          canaries: addCanaries(world, canaries),
          ...remedyFacts(world, registries),
        },
        observe: (event) => {
          events.take(event);
          options.observe?.(event);
        },
      });
      engine.freeze(frozen);
      engine.start();
      server.post({ type: "loaded", shared: shared() });
      loop = startLoop(engine, { wake, afterTick: events.flush });
    },
    freeze(now) {
      frozen = now;
      engine?.freeze(now);
    },
    reopen: () => engine?.reopen(),
    async stop({ checksMs, sendsMs }) {
      const clean = engine === undefined || loop === undefined ||
        await drain({ engine, wake, clock, checksMs, sendsMs });
      loop?.stop();
      await loop?.ended;
      engine?.terminate();
      await server.stop();
      return clean;
    },
  };
}

/** Row → index of the canary. A world that is full to the last row goes without. */
function addCanaries(world: World, canaries: readonly AppCanary[]): ReadonlyMap<number, number> {
  const rows = new Map<number, number>();
  for (const { canary, spec } of canaries) {
    try {
      rows.set(world.addUnlisted(spec), CANARIES.indexOf(canary));
    } catch (error) {
      if (!(error instanceof WorldFullError)) throw error;
    }
  }
  return rows;
}

/** What only the plug-in knows of a row's remedy. */
function remedyFacts(world: World, { remedies }: Registries) {
  const policyOf = (row: number) => world.policies[world.columns.policy[row] as number]?.remedy;
  const remedyOf = (row: number) => remedies.find(({ kind }) => kind === policyOf(row)?.kind);
  return {
    targetOf: (row: number) => {
      const remedy = remedyOf(row);
      return `${remedy?.kind} ${remedy?.perMonitor ? world.name(row) : world.remedyTarget(row)}`;
    },
    describe: (row: number) =>
      remedyOf(row)?.describe(world.remedyTarget(row), policyOf(row)?.config) ?? "nothing",
  };
}

interface Drain {
  readonly engine: Engine;
  readonly wake: EngineWake;
  readonly clock: Clock;
  readonly checksMs: number;
  readonly sendsMs: number;
}

/** No new checks; those that run may finish, then repairs and alerts, then the workers. True when all of it did in time. */
async function drain({ engine, wake, clock, checksMs, sendsMs }: Drain): Promise<boolean> {
  const until = async (done: () => boolean, limitMs: number): Promise<boolean> => {
    const endMs = clock.monoMs() + limitMs;
    while (!done()) {
      if (clock.monoMs() >= endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return true;
  };
  engine.stopChecks();
  wake.wake();
  const checked = await until(() => engine.checksOut === 0, checksMs);
  const sent = await until(() => !engine.busy, sendsMs);
  engine.drainWorkers();
  await until(() => engine.workersAlive === 0, WORKERS_STOP_MS);
  return checked && sent;
}

/** Batches the steps of incidents for the server, so that a mass failure is a few messages. */
function createEventFeed(
  { clock, post }: { readonly clock: Clock; readonly post: (events: readonly IncidentEvent[]) => void },
) {
  let waiting: IncidentEvent[] = [];
  let postedAtMs = -Infinity;
  return {
    take({ incident, row, to, closed, wallMs }: LifeEvent): void {
      if (incident === undefined || !incident.opened) return;
      const { id, error, sinceWallMs } = incident;
      waiting.push({ id, row, transition: to, open: !closed, sinceMs: sinceWallMs, atMs: wallMs, error });
    },
    flush(): void {
      const nowMs = clock.monoMs();
      if (waiting.length === 0 || nowMs - postedAtMs < INCIDENTS_POST_MS) return;
      postedAtMs = nowMs;
      post(waiting);
      waiting = [];
    },
  };
}

/** The server thread as the app sees it. */
function createServerLink(options: AppOptions) {
  let worker: WorkerLike | undefined;
  let stopped: (() => void) | undefined;
  const post = (message: ToServer) => worker?.postMessage(message);
  return {
    post,
    boot(shared: ServerBoot["shared"]): Promise<readonly string[]> {
      if (options.listen.length === 0) return Promise.resolve([]);
      const { build, commandLine, listen, token, sloMs } = options;
      worker = options.makeServer();
      const boot: ServerBoot = {
        type: "boot",
        build,
        commandLine,
        listen,
        sloMs,
        shared,
        ...(token === undefined ? {} : { token }),
      };
      post(boot);
      return new Promise((resolve, reject) => {
        (worker as WorkerLike).onerror = (event) => {
          event.preventDefault();
          options.log.error("Fault in the server thread", { error: String(event.message) });
          reject(new Error(String(event.message)));
        };
        (worker as WorkerLike).onmessage = (event: MessageEvent<FromServer>) => {
          const message = event.data;
          if (message.type === "listening") resolve(message.urls);
          else if (message.type === "listen-failed") reject(new Error(message.error));
          else if (message.type === "log") options.log[message.level](message.message, message.fields);
          else stopped?.();
        };
      });
    },
    stop(): Promise<void> {
      if (worker === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          worker?.terminate();
          resolve();
        };
        const timer = setTimeout(end, SERVER_STOP_MS);
        stopped = end;
        post({ type: "stop" });
      });
    },
  };
}
