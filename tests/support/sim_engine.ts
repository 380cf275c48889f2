/**
 * The real engine on a simulated clock, with simulated workers at the other end of real channels: no threads, no sockets,
 * no sleeping. Time advances in steps of a millisecond; a seed replays a run.
 */
import type { Clock } from "../../src/base/clock.ts";
import { SILENT_LOGGER } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/prng.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import type { LaneSettings } from "../../src/engine/engine_options.ts";
import { type JournalPort, MEMORY_JOURNAL } from "../../src/engine/journal_port.ts";
import type { LifeEvent } from "../../src/engine/monitor_life.ts";
import type { SpawnOptions, SpawnWorker, WorkerEvents, WorkerThread } from "../../src/engine/worker_port.ts";
import { type Lane, LANES } from "../../src/lanes/lane.ts";
import type { Color } from "../../src/model/color.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import type { Restored } from "../../src/model/journal_record.ts";
import type { CodeSpec, MonitorSpec } from "../../src/model/monitor.ts";
import type { JudgedProbe } from "../../src/model/plugin.ts";
import { FAIL, LOCAL, PASS, reasonIndex } from "../../src/model/outcome.ts";
import { STATES } from "../../src/model/state.ts";
import { createChannel } from "../../src/shm/channel.ts";
import { EngineEnd } from "../../src/shm/engine_end.ts";
import { emptyJob, emptyResult, type JobFields } from "../../src/shm/records.ts";
import { WorkerEnd } from "../../src/shm/worker_end.ts";
import { CANARIES, type Canary } from "../../src/telemetry/metric_table.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { MetricsView } from "../../src/telemetry/metrics_view.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { FleetFacts } from "../../src/engine/fleet_facts.ts";
import {
  DIGEST_DEFAULTS,
  type DigestSettings,
  FLAP_DEFAULTS,
  type FlapSettings,
} from "../../src/model/delivery.ts";
import type { MaintenanceWindow } from "../../src/model/maintenance.ts";
import {
  GUARD_DEFAULTS,
  type GuardSettings,
  REMEDIATION_DEFAULTS,
  type RemediationSettings,
} from "../../src/model/protection.ts";

/** How a simulated job ends. `never`: its worker hangs with it, heartbeat and all. */
export interface Ending {
  readonly afterMs: number;
  readonly outcome: number;
  readonly reason?: number;
  readonly value?: number;
  readonly text?: string;
  readonly never?: boolean;
}

export const PASSES: Ending = { afterMs: 3, outcome: PASS };
export const FAILS: Ending = { afterMs: 3, outcome: FAIL, reason: reasonIndex("refused") };
export const FAILS_LOCALLY: Ending = {
  afterMs: 3,
  outcome: LOCAL,
  reason: reasonIndex("local_descriptors"),
  value: 24,
};

export interface SimJob {
  readonly lane: Lane;
  readonly row: number;
  readonly monitor: string;
  readonly atMs: number;
  /** Parsed payload of remedies and alerts. */
  readonly payload: unknown;
  /** Of an alert. */
  readonly channel?: number;
}

export interface SimOptions {
  readonly monitors: readonly MonitorSpec[];
  /** Decides how each job ends, at the moment a worker takes it. */
  readonly behave: (job: SimJob) => Ending;
  readonly seed?: number;
  readonly journal?: JournalPort;
  /** Most monitors, where a reload is to bring more. */
  readonly capacity?: number;
  /** What an earlier process left. */
  readonly restored?: Restored;
  /** Where the clock begins, default 1000. */
  readonly startMs?: number;
  /** Without it repairs run at once and nothing limits them. */
  readonly remediation?: Partial<RemediationSettings>;
  /** Without it every alert goes out by itself, at once. */
  readonly digest?: Partial<DigestSettings>;
  /** Without it nothing flaps. */
  readonly flapping?: Partial<FlapSettings>;
  /** Without it the guard is off. */
  readonly guard?: Partial<GuardSettings>;
  readonly maintenance?: readonly MaintenanceWindow[];
  /** Checked like monitors of that name. */
  readonly canaries?: readonly Canary[];
  readonly lanes?: Partial<Record<Lane, Partial<LaneSettings>>>;
  /** Kinds that the engine judges itself. */
  readonly judged?: readonly JudgedProbe[];
}

const LANE_SETTINGS: LaneSettings = {
  queue: "ring",
  queueCapacity: 1024,
  batchSize: 2000,
  minWorkers: 1,
  maxWorkers: 1,
  minSlots: 64,
  maxSlots: 64,
  sloMs: 100,
  headroom: 0.15,
  cores: 2,
  prior: { arrivalsPerSecond: 100, serviceMs: 5, cpuMs: 0.1, ca2: 1, cs2: 1 },
};

/** Repairs at once, as many as there are: what most tests of the engine are about is something else. */
const UNLIMITED: RemediationSettings = {
  ...REMEDIATION_DEFAULTS,
  holdMs: 0,
  recheck: false,
  cooldownMs: 0,
  attemptsPerDay: 1_000_000,
  atOnce: 1_000_000,
  groupPct: 1,
  fleetPerMinuteMin: 1_000_000,
};

export class Sim {
  readonly world: World;
  readonly engine: Engine;
  readonly metrics: MetricsView;
  readonly events: LifeEvent[] = [];
  readonly jobs: SimJob[] = [];
  readonly clock: Clock;
  readonly workers: SimWorker[] = [];
  /** Milliseconds added to the wall clock only. */
  wallStepMs = 0;
  readonly #behave: SimOptions["behave"];
  #nowMs: number;
  #nextTickMs = 0;

  constructor(options: SimOptions) {
    this.#behave = options.behave;
    this.#nowMs = options.startMs ?? 1000;
    this.clock = {
      monoMs: () => this.#nowMs,
      wallMs: () => 1_700_000_000_000 + this.#nowMs + this.wallStepMs,
    };
    const canaries = options.canaries ?? [];
    const capacity = Math.max(options.capacity ?? 1, options.monitors.length + canaries.length);
    this.world = createWorld({ capacity });
    const facts = new FleetFacts(options.maintenance);
    for (const spec of options.monitors) facts.add(this.world.add(spec), spec);
    const judged = options.judged ?? [];
    const probeKinds = ["http", ...judged.map(({ kind }) => kind)];
    const remedyKinds = ["script"];
    const metrics = createMetrics({
      probes: probeKinds,
      remedies: remedyKinds,
      pipelines: LANES,
      states: STATES,
    });
    this.world.channels.forEach((_, index) => metrics.addChannel(`channel ${index}`));
    this.metrics = new MetricsView(metrics.handle());
    const lane = (name: Lane): LaneSettings => ({
      ...LANE_SETTINGS,
      ...(name === "pulse" ? {} : { queue: "hybrid" as const }),
      ...options.lanes?.[name],
    });
    this.engine = createEngine({
      world: this.world,
      metrics,
      clock: this.clock,
      random: seededRandom(options.seed ?? 1),
      journal: options.journal ?? MEMORY_JOURNAL,
      ...(options.restored === undefined ? {} : { restored: options.restored }),
      log: SILENT_LOGGER,
      spawn: this.#spawn,
      settings: {
        pulse: lane("pulse"),
        intervention: lane("intervention"),
        code: lane("code"),
        hosted: lane("hosted"),
      },
      probeKinds,
      judged,
      remedyKinds,
      newIncidentId: (number) =>
        options.restored === undefined ? `i${number}` : `i${options.restored.boot}.${number}`,
      protection: {
        settings: {
          remediation: options.remediation === undefined
            ? UNLIMITED
            : { ...REMEDIATION_DEFAULTS, ...options.remediation },
          guard: { ...GUARD_DEFAULTS, enabled: options.guard !== undefined, ...options.guard },
        },
        facts,
        targetOf: (row) => this.world.remedyTarget(row),
        describe: (row) => `run ${this.world.remedyTarget(row)}`,
        canaries: new Map(canaries.map((canary) => {
          return [this.world.addUnlisted(simMonitor({ name: canary })), CANARIES.indexOf(canary)];
        })),
      },
      delivery: {
        digest: { ...DIGEST_DEFAULTS, enabled: options.digest !== undefined, ...options.digest },
        flapping: { ...FLAP_DEFAULTS, enabled: options.flapping !== undefined, ...options.flapping },
      },
      observe: (event) => this.events.push(event),
    });
    this.engine.start();
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  run(ms: number): void {
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs; this.#nowMs++) {
      for (const worker of this.workers) worker.step(this.#nowMs);
      if (this.#nowMs < this.#nextTickMs && !this.engine.hasNews()) continue;
      this.#nextTickMs = this.#nowMs + this.engine.tick();
    }
  }

  /** Runs until the condition holds, at most `limitMs`; says whether it did. */
  runUntil(holds: () => boolean, limitMs: number): boolean {
    for (let passed = 0; passed < limitMs && !holds(); passed++) this.run(1);
    return holds();
  }

  state(row: number): string {
    return STATES[this.world.columns.state[row] as number] as string;
  }

  /** The alerts that reached the code lane, in order. */
  alerts(): AlertMessage[] {
    return this.jobs.filter((job) => job.lane === "code").map((job) => job.payload as AlertMessage);
  }

  colors(): Color[] {
    return this.alerts().map((message) => message.color);
  }

  readonly #spawn: SpawnWorker = (options, events) => {
    const worker = new SimWorker({ ...options, events }, (job) => {
      this.jobs.push(job);
      return this.#behave(job);
    }, this.world);
    this.workers.push(worker);
    return worker;
  };
}

interface Running {
  readonly job: JobFields;
  readonly endMs: number;
  readonly ending: Ending;
}

export class SimWorker implements WorkerThread {
  readonly end: EngineEnd;
  readonly lane: Lane;
  terminated = false;
  hung = false;
  readonly #options: SpawnOptions & { readonly events: WorkerEvents };
  readonly #workerEnd: WorkerEnd;
  readonly #behave: (job: SimJob) => Ending;
  readonly #world: World;
  #running: Running[] = [];
  #beatAtMs = 0;

  constructor(
    options: SpawnOptions & { readonly events: WorkerEvents },
    behave: (job: SimJob) => Ending,
    world: World,
  ) {
    const channel = createChannel({
      capacity: options.capacity,
      textBytes: options.lane === "pulse" ? 256 : 16_384,
    });
    this.#options = options;
    this.lane = options.lane;
    this.#behave = behave;
    this.#world = world;
    this.end = new EngineEnd(channel);
    this.#workerEnd = new WorkerEnd(channel);
    this.#workerEnd.setPhase("running");
  }

  get running(): number {
    return this.#running.length;
  }

  /** The thread dies with an error. */
  fail(error: string): void {
    this.hung = true;
    this.#options.events.failed(error);
  }

  step(nowMs: number): void {
    if (this.terminated || this.hung) return;
    const end = this.#workerEnd;
    if (nowMs - this.#beatAtMs >= 200) {
      this.#beatAtMs = nowMs;
      end.beat();
    }
    for (const each of this.#running.filter(({ endMs }) => endMs <= nowMs)) this.#finish(each, nowMs);
    if (end.stopRequested) return end.setPhase(this.#running.length === 0 ? "drained" : "draining");
    const job = emptyJob();
    while (this.#running.length < end.slotLimit && end.take(job)) {
      const payload = job.textBytes > 0
        ? JSON.parse(new TextDecoder().decode(end.jobText(job.slot, job.textBytes).slice()))
        : undefined;
      const ofMonitor = this.lane === "pulse" || job.row < this.#world.count;
      const monitor = ofMonitor ? this.#world.name(job.row) : (payload as AlertMessage).monitor;
      const ending = this.#behave({
        lane: this.lane,
        row: job.row,
        monitor,
        atMs: nowMs,
        payload,
        channel: job.aux0,
      });
      if (ending.never === true) {
        this.hung = true;
        return;
      }
      this.#running.push({ job: { ...job }, endMs: nowMs + ending.afterMs, ending });
    }
  }

  reopen(): void {}

  terminate(): void {
    this.terminated = true;
  }

  #finish(each: Running, nowMs: number): void {
    this.#running = this.#running.filter((other) => other !== each);
    const { job, ending } = each;
    this.#workerEnd.complete(
      {
        ...emptyResult(),
        slot: job.slot,
        outcome: ending.outcome,
        reason: ending.reason ?? 0,
        attempts: 1,
        value: ending.value ?? 0,
        waitUs: Math.max(0, (nowMs - ending.afterMs) * 1000 - job.sentUs),
        serviceUs: ending.afterMs * 1000,
        aux0: job.aux0,
        aux1: this.lane === "pulse" ? job.sentUs : job.aux1,
      },
      ending.text === undefined ? undefined : new TextEncoder().encode(ending.text),
    );
  }
}

const LOG_CODE: CodeSpec = {
  dispatch: "transition",
  channels: [{ kind: "log", config: { file: "a" } }],
  cooldownMs: 0,
  repeatMs: 0,
};

/** A monitor with all five codes to one channel; interval 1 s, T = K = 1 unless told. */
export function simMonitor(over: Partial<MonitorSpec> = {}): MonitorSpec {
  return {
    name: "web",
    enabled: true,
    probe: { kind: "http", target: "http://127.0.0.1/", config: {} },
    intervalMs: 1000,
    timeoutMs: 500,
    retries: 0,
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    verificationChecks: 2,
    verificationTimeoutMs: 0,
    codes: { red: LOG_CODE, yellow: LOG_CODE, green: LOG_CODE, cyan: LOG_CODE, gray: LOG_CODE },
    groups: [],
    labels: {},
    dependsOn: [],
    metadata: {},
    ...over,
  };
}

/** simMonitor with a remedy: `attempts` per incident. */
export function repairableMonitor(attempts: number, over: Partial<MonitorSpec> = {}): MonitorSpec {
  const remedy = {
    kind: "script",
    target: "fix.sh",
    config: {},
    retries: 0,
    maxFailures: attempts,
    timeoutMs: 1000,
  };
  return simMonitor({ remedy, ...over });
}
