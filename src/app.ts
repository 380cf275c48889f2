/**
 * The composition root: puts world, metrics, engine, workers and server together and gives them a beginning and an end.
 * What differs between a run, the demo and a test comes in as options; nothing here knows the command line.
 */
import type { Clock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import type { Random } from "./base/prng.ts";
import { createEngine, type Engine } from "./engine/engine.ts";
import type { LaneSettings } from "./engine/engine_options.ts";
import { drain } from "./engine/drain.ts";
import { FleetFacts } from "./engine/fleet_facts.ts";
import { MEMORY_JOURNAL } from "./engine/journal_port.ts";
import { type JournalCondition, JournalLink } from "./journal/link.ts";
import type { RetentionLimits } from "./journal/store.ts";
import type { LifeEvent } from "./engine/monitor_life.ts";
import type { PlannedSwap } from "./engine/swap_plan.ts";
import { remedyFacts } from "./engine/remedy_facts.ts";
import { type RunLoop, startLoop } from "./engine/run_loop.ts";
import {
  createWebWorkerSpawner,
  type MakeWorker,
  type WakeDescriptor,
  type WorkerLike,
} from "./engine/web_worker.ts";
import { collectRegularly } from "./host/collect.ts";
import { ProfiledThread } from "./host/profiled_thread.ts";
import { type Lane, LANES } from "./lanes/lane.ts";
import type { ActionHandlers } from "./model/action.ts";
import type { DeliverySettings } from "./model/delivery.ts";
import type { MaintenanceWindow } from "./model/maintenance.ts";
import type { MonitorSpec } from "./model/monitor.ts";
import { NOTHING_RESTORED, type Restored } from "./model/journal_record.ts";
import type { MonitorRows } from "./model/monitor_rows.ts";
import type { Registries } from "./model/plugin.ts";
import type { ProtectionSettings } from "./model/protection.ts";
import { STATES } from "./model/state.ts";
import { type NamesSettings, type NamesWorker, startNames } from "./names/link.ts";
import { suitsRaw } from "./probes/raw_engine.ts";
import { ServerLink } from "./server/link.ts";
import type { IncidentEvent, ServerBoot } from "./server/messages.ts";
import { createThreadLinks, type ThreadLinks } from "./server/thread_links.ts";
import { createEngineWake, EngineWake } from "./shm/wake.ts";
import { CANARIES, type Canary } from "./telemetry/metric_table.ts";
import { createMetrics, type EngineMetrics } from "./telemetry/metrics.ts";
import { MetricsView } from "./telemetry/metrics_view.ts";
import type { BuildInfo } from "./telemetry/process_metrics.ts";
import { TickTrace } from "./telemetry/tick_trace.ts";
import type { Policy } from "./world/policy.ts";
import { attachWorld, createWorld, type World, WorldFullError } from "./world/world.ts";

export interface AppOptions {
  readonly registries: Registries;
  readonly makeWorker: MakeWorker;
  readonly makeServer: () => WorkerLike;
  /** Makes the event descriptors of raw pulse workers; absent = no raw engine, every check runs hosted as `pulse`. */
  readonly createWake?: (() => WakeDescriptor) | undefined;
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
  /** What the API can be asked to do, with the token. */
  readonly actions?: ActionHandlers;
  /** Where state outlives the process; without it a restart forgets. */
  readonly journal?: {
    readonly folder: string;
    readonly make: () => WorkerLike;
    /** What is kept of what is over. */
    readonly retention: RetentionLimits;
  } | undefined;
  /** Host names for checks, by a thread of its own; absent = the runtime's resolver in each. */
  readonly names?: { readonly settings: NamesSettings; readonly make: () => NamesWorker } | undefined;
  readonly protection: ProtectionSettings;
  readonly delivery: DeliverySettings;
  readonly maintenance?: readonly MaintenanceWindow[];
  /** After each turn of the engine; must be quick. */
  readonly turned?: (app: App) => void;
  /** Every change of a monitor's state, as it happens. */
  readonly observe?: (event: LifeEvent) => void;
}

export interface App {
  readonly world: World;
  readonly metrics: MetricsView;
  readonly engine: Engine;
  /** What alerts go to, by index, described without secrets. */
  channels(): { readonly kind: string; readonly description: string }[];
  /** "none": state is not kept. */
  readonly journalCondition: JournalCondition | "none";
  /** Adds a monitor before start(). Throws WorldFullError. */
  add(spec: MonitorSpec): void;
  /** The world was filled from a compiled manifest: call it once, before start(). */
  adopted(): void;
  /** As add(), for the enabled ones of the first `count` rows. */
  addRows(rows: MonitorRows, count: number): void;
  /** Opens the endpoint; the real URLs, in the order of `listen`. Rejects with a message for people. */
  listen(): Promise<readonly string[]>;
  /** Before start(): takes what an earlier process left. Rejects with JournalLockedError when another process has it. */
  openJournal(): Promise<void>;
  start(lanes: Readonly<Record<Lane, LaneSettings>>, canaries?: readonly AppCanary[]): void;
  /** The kill switch; also before start(). */
  freeze(frozen: boolean): void;
  /** Takes over another manifest that was read and compared; settles when it is the one that runs. */
  swap(plan: PlannedSwap): Promise<void>;
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

const INCIDENTS_POST_MS = 250;
const JOURNAL_STOP_MS = 2000;
const JOURNAL_CHECK_MS = 200;

export function createApp(options: AppOptions): App {
  const { registries, clock, log, createWake } = options;
  const world = createWorld({ capacity: options.maxMonitors });
  const metrics = createMetrics({
    probes: registries.probes.map((probe) => probe.kind),
    remedies: registries.remedies.map((remedy) => remedy.kind),
    pipelines: LANES,
    states: STATES,
  });
  metrics.setJournalHealthy(true);
  const wakeBuffer = createEngineWake();
  const wake = new EngineWake(wakeBuffer);
  const server = new ServerLink({
    make: options.makeServer,
    log,
    actions: options.actions ?? {},
    takeSignals(signals) {
      engine?.takeSignals(signals);
      wake.wake();
    },
  });
  const profiled = options.listen.some(({ pprof }) => pprof);
  const links = createThreadLinks(server.post);
  const trace = new TickTrace(clock.monoMs);
  const events = createEventFeed({
    clock,
    target: (row) => world.target(row),
    post: (batch) => server.post({ type: "incidents", events: batch }),
  });
  const journal = options.journal && createJournalLink(options.journal, { options, wake, metrics });
  let restored: Restored = NOTHING_RESTORED;
  const names = options.names && startNames(options.names.make, { ...options.names, log });
  let journalTimer: ReturnType<typeof setInterval> | undefined;
  const facts = new FleetFacts(options.maintenance);
  let frozen = false;
  let engine: Engine | undefined;
  let loop: RunLoop | undefined;
  let stopCollecting = () => {};
  const view = new MetricsView(metrics.handle());

  const channelNames = (): string[] =>
    world.channels.map(({ kind, config }) =>
      registries.notifiers.find((notifier) => notifier.kind === kind)?.describe(config) ?? kind
    );
  const runsOnPulse = (row: number): boolean => {
    const policy = world.policies[world.columns.policy[row] as number] as Policy;
    return suitsRaw(
      registries.probes,
      { ...policy.probe, target: world.target(row) },
      { names: names !== undefined },
    );
  };
  const shared = () => ({ world: world.handle(), metrics: metrics.handle(), channels: channelNames() });

  const app: App = {
    world,
    metrics: view,
    get journalCondition() {
      return journal?.condition ?? "none";
    },
    get engine() {
      return engine as Engine;
    },
    channels: () =>
      channelNames().map((description, index) => ({ kind: world.channels[index]?.kind ?? "", description })),
    adopted: () => facts.addRows(world, 0),
    add: (spec) => facts.add(world.add(spec), spec),
    addRows(rows, count) {
      const first = world.count;
      world.addRows(rows, count);
      facts.addRows(world, first);
    },
    async listen() {
      const urls = await server.boot({ ...beginning(options), shared: shared(), mail: links.mail });
      if (profiled) serveMain(links, trace);
      return urls;
    },
    async openJournal() {
      restored = await journal?.open() ?? NOTHING_RESTORED;
    },
    start(lanes, canaries = []) {
      for (const name of channelNames()) metrics.addChannel(name);
      engine = createEngine({
        world,
        metrics,
        clock,
        log,
        random: options.random,
        journal: journal ?? MEMORY_JOURNAL,
        restored,
        spawn: createWebWorkerSpawner({
          make: (lane) => options.makeWorker(createWake === undefined && lane === "pulse" ? "hosted" : lane),
          wakeDescriptor: (lane) => lane === "pulse" ? createWake?.() : undefined,
          world: () => world.handle(),
          names: names?.handle,
          engineWake: wakeBuffer,
          clock,
          ...(profiled ? { openLink: links.open } : {}),
        }),
        settings: lanes,
        trace,
        ...(createWake === undefined ? {} : { runsOnPulse }),
        probeKinds: registries.probes.map((probe) => probe.kind),
        judged: registries.probes.filter((probe) => probe.judge !== undefined),
        remedyKinds: registries.remedies.map((remedy) => remedy.kind),
        newIncidentId: incidentIds(clock.wallMs(), restored.boot),
        protection: {
          settings: options.protection,
          facts,
          canaries: addCanaries(world, canaries),
          ...remedyFacts(world, registries.remedies),
        },
        delivery: options.delivery,
        observe: (event) => {
          events.take(event);
          options.observe?.(event);
        },
      });
      engine.freeze(frozen);
      engine.start();
      if (journal !== undefined) {
        journal.use(engine);
        journalTimer = setInterval(() => journal.check(), JOURNAL_CHECK_MS);
      }
      server.post({ type: "loaded", shared: shared() });
      const afterTick = () => {
        events.flush();
        options.turned?.(app);
      };
      loop = startLoop(engine, { wake, afterTick });
      stopCollecting = collectRegularly();
    },
    freeze(now) {
      frozen = now;
      engine?.freeze(now);
    },
    async swap(plan) {
      const known = world.channels.length;
      const tell = () => server.post({ type: "loaded", shared: shared() });
      const extended = () => {
        for (const name of channelNames().slice(known)) metrics.addChannel(name);
        tell();
      };
      await new Promise<void>((done) => {
        engine?.swap({ ...plan, candidate: attachWorld(plan.candidate) }, { extended, done });
        wake.wake();
      });
      if (plan.shape !== undefined) tell();
    },
    reopen: () => engine?.reopen(),
    async stop({ checksMs, sendsMs }) {
      const clean = engine === undefined || loop === undefined ||
        await drain({ engine, wake, clock, checksMs, sendsMs, durable: () => journal?.durable ?? false });
      loop?.stop();
      await loop?.ended;
      engine?.terminate();
      clearInterval(journalTimer);
      stopCollecting();
      names?.stop();
      const written = await journal?.close(JOURNAL_STOP_MS) ?? true;
      await server.stop();
      return clean && written;
    },
  };
  return app;
}

/** What the server thread is told at its start, but for the shared memory. */
function beginning({ build, commandLine, listen, sloMs, token, registries }: AppOptions) {
  const signalKinds = registries.probes.filter((probe) => probe.judge !== undefined && probe.takesSignals)
    .map(({ kind }) => kind);
  return { build, commandLine, listen, sloMs, signalKinds, ...(token === undefined ? {} : { token }) };
}

/** Makes this thread, the engine's, one that can be profiled. */
function serveMain(links: ThreadLinks, trace: TickTrace): void {
  const { link } = links.open("main");
  new ProfiledThread(link.port, { trace: (memory) => trace.record(memory) }).serve();
}

/** Unique over restarts: two within one second are told apart by the number of the boot. */
function incidentIds(wallMs: number, boot: number): (number: number) => string {
  const prefix = Math.floor(wallMs / 1000).toString(36) + (boot > 0 ? `.${boot.toString(36)}` : "");
  return (number) => `${prefix}-${number.toString(36)}`;
}

interface JournalParts {
  readonly options: AppOptions;
  readonly wake: EngineWake;
  readonly metrics: EngineMetrics;
}

function createJournalLink(
  { folder, make, retention }: NonNullable<AppOptions["journal"]>,
  { options: { clock, log }, wake, metrics }: JournalParts,
): JournalLink {
  return new JournalLink({
    make,
    folder,
    retention,
    clock,
    log,
    wake: () => wake.wake(),
    observe: {
      health: (healthy) => metrics.setJournalHealthy(healthy),
      commit: (us) => metrics.countJournalCommit(us),
    },
  });
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

/** Batches the steps of incidents for the server, so that a mass failure is a few messages. */
function createEventFeed(
  { clock, target, post }: {
    readonly clock: Clock;
    readonly target: (row: number) => string;
    readonly post: (events: readonly IncidentEvent[]) => void;
  },
) {
  let waiting: IncidentEvent[] = [];
  let postedAtMs = -Infinity;
  return {
    take({ incident, row, monitor, to, closed, wallMs }: LifeEvent): void {
      if (incident === undefined || !incident.opened) return;
      const { id, error, sinceWallMs } = incident;
      waiting.push({
        id,
        row,
        monitor,
        target: target(row),
        transition: to,
        open: !closed,
        sinceMs: sinceWallMs,
        atMs: wallMs,
        error,
      });
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
