/** One life of cpra's process on virtual time: the real engine, its real link to the real journal thread, simulated workers. */
import type { LogFields, Logger } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/prng.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import type { LaneSettings } from "../../src/engine/engine_options.ts";
import { FleetFacts } from "../../src/engine/fleet_facts.ts";
import type { LifeEvent } from "../../src/engine/monitor_life.ts";
import { JournalLink } from "../../src/journal/link.ts";
import { type Lane, LANES } from "../../src/lanes/lane.ts";
import type { JournalRecord, Restored } from "../../src/model/journal_record.ts";
import { STATES } from "../../src/model/state.ts";
import type { JobFields } from "../../src/shm/records.ts";
import { CANARIES } from "../../src/telemetry/metric_table.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createWorld, type World } from "../../src/world/world.ts";
import { simMonitor } from "../support/sim_engine.ts";
import type { Disk } from "./disk.ts";
import type { Plan } from "./plan.ts";
import { type Course, SimWorker } from "./sim_worker.ts";
import type { Planned, Timeline } from "./timeline.ts";

export interface ProcessOptions {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly disk: Disk;
  readonly boot: number;
  readonly wallMs: () => number;
  readonly frozen: boolean;
  readonly watch: ProcessWatch;
}

/** Who looks on. */
export interface ProcessWatch {
  restored(restored: Restored): void;
  begin(process: Process, worker: SimWorker, job: Readonly<JobFields>, payload: unknown): Course;
  observe(process: Process, event: LifeEvent): void;
  committing(process: Process, records: readonly JournalRecord[]): void;
  ticked(process: Process): void;
  log(level: string, message: string, fields: string): void;
}

/** Engine ticks are no closer than this. */
const TICK_LEAST_MS = 1;
const CANARY_INTERVAL_MS = 5000;
const RETENTION = { ageMs: 30 * 86_400_000, rows: 100_000 };

export class Process {
  readonly world: World;
  readonly bootedMs: number;
  /** Restoring: what is told of states now happened before. */
  starting = true;
  alive = true;
  engine!: Engine;
  readonly #options: ProcessOptions;
  readonly #link: JournalLink;
  readonly workers: SimWorker[] = [];
  #read: (() => void)[] = [];
  #tick: Planned | undefined;
  #commitsOut = 0;

  constructor(options: ProcessOptions) {
    this.#options = options;
    const { plan, timeline, disk, wallMs } = options;
    this.bootedMs = timeline.nowMs;
    this.world = createWorld({ capacity: plan.monitors.length + CANARIES.length });
    this.#link = new JournalLink({
      make: () => disk.thread(),
      folder: disk.folder,
      retention: RETENTION,
      clock: { monoMs: this.monoMs, wallMs },
      log: this.#logger(),
      wake: () => this.#wake(),
      observe: { health: () => {}, commit: () => {} },
    });
  }

  readonly monoMs = (): number => this.#options.timeline.nowMs - this.bootedMs + 500;

  /** Decisions wait for the disk, and it has all of them. */
  get settled(): boolean {
    return this.#commitsOut === 0 && this.#link.condition === "writing";
  }

  /** Decisions act without the disk. */
  get direct(): boolean {
    return this.#link.condition !== "writing";
  }

  async start(): Promise<void> {
    const { timeline, watch, frozen } = this.#options;
    let restored: Restored | undefined;
    const opening = this.#link.open().then((value) => restored = value);
    while (restored === undefined) {
      timeline.step(Infinity);
      // The answer settles a promise, and that takes turns of the real loop.
      await Promise.resolve();
      await Promise.resolve();
    }
    await opening;
    watch.restored(restored);
    this.engine = this.#createEngine(restored);
    this.engine.freeze(frozen);
    this.engine.start();
    this.#link.use(this.engine);
    this.starting = false;
    this.#check();
    this.#wake();
  }

  kill(): void {
    this.alive = false;
    for (const worker of this.workers) worker.terminate();
    this.engine.terminate();
  }

  #check(): void {
    this.#options.timeline.after(200, () => {
      if (!this.alive) return;
      this.#link.check();
      this.#check();
    });
  }

  /** The engine is asleep at most until now. */
  #wake(): void {
    const { timeline } = this.#options;
    if (this.starting || (this.#tick !== undefined && this.#tick.atMs <= timeline.nowMs + TICK_LEAST_MS)) {
      return;
    }
    this.#tickAfter(TICK_LEAST_MS);
  }

  #tickAfter(ms: number): void {
    if (this.#tick !== undefined) this.#tick.cancelled = true;
    this.#tick = this.#options.timeline.after(ms, () => this.#turn());
  }

  #turn(): void {
    if (!this.alive) return;
    this.#tick = undefined;
    // What has been answered is what this tick reads.
    const read = this.#read;
    this.#read = [];
    for (const each of read) each();
    const idleMs = this.engine.tick();
    this.#options.watch.ticked(this);
    for (const worker of this.workers) worker.step();
    if (this.#tick === undefined) this.#tickAfter(Math.max(TICK_LEAST_MS, idleMs));
    else this.#tickAfter(TICK_LEAST_MS);
    if (this.workers.length > 64) this.#forgetGone();
  }

  #forgetGone(): void {
    const here = this.workers.filter((worker) => !worker.gone);
    this.workers.splice(0, this.workers.length, ...here);
  }

  #createEngine(restored: Restored): Engine {
    const { plan, boot, wallMs, watch } = this.#options;
    const facts = new FleetFacts(plan.maintenance);
    for (const spec of plan.monitors) facts.add(this.world.add(spec), spec);
    const metrics = createMetrics({
      probes: ["http"],
      remedies: ["script"],
      pipelines: LANES,
      states: STATES,
    });
    this.world.channels.forEach((_, index) => metrics.addChannel(`channel ${index}`));
    const canaries = plan.guard.enabled ? CANARIES : [];
    return createEngine({
      world: this.world,
      metrics,
      clock: { monoMs: this.monoMs, wallMs },
      random: seededRandom(plan.seed * 7919 + boot),
      journal: {
        commit: (records, acknowledge) => {
          watch.committing(this, records);
          this.#commitsOut++;
          this.#link.commit(records, () => {
            this.#commitsOut--;
            acknowledge();
          });
        },
      },
      restored,
      log: this.#logger(),
      spawn: (options, events) => {
        const worker = new SimWorker({
          ...options,
          events,
          timeline: this.#options.timeline,
          monoMs: this.monoMs,
          lanes: {
            begin: (worker, job, payload) => watch.begin(this, worker, job, payload),
            lateResults: plan.faults.has("late_result"),
            alive: () => this.alive,
            answered: (read) => {
              this.#read.push(read);
              this.#wake();
            },
          },
        });
        this.workers.push(worker);
        return worker;
      },
      settings: laneSettings(plan),
      probeKinds: ["http"],
      remedyKinds: ["script"],
      newIncidentId: (number) => `i${restored.boot}.${number}`,
      protection: {
        settings: { remediation: plan.remediation, guard: plan.guard },
        facts,
        targetOf: (row) => this.world.remedyTarget(row),
        describe: (row) => `run ${this.world.remedyTarget(row)}`,
        canaries: new Map(canaries.map((canary) => {
          const spec = simMonitor({ name: canary, intervalMs: CANARY_INTERVAL_MS, timeoutMs: 1000 });
          return [this.world.addUnlisted(spec), CANARIES.indexOf(canary)];
        })),
      },
      delivery: plan.delivery,
      observe: (event) => watch.observe(this, event),
    });
  }

  #logger(): Logger {
    const say = (level: string) => (message: string, fields: LogFields = {}) =>
      this.#options.watch.log(level, message, JSON.stringify(fields));
    return { debug: () => {}, info: () => {}, warn: say("warn"), error: say("error"), debugEnabled: false };
  }
}

function laneSettings(plan: Plan): Record<Lane, LaneSettings> {
  const lane = (queueCapacity: number, queue: LaneSettings["queue"]): LaneSettings => ({
    queue,
    queueCapacity,
    batchSize: 2000,
    minWorkers: 1,
    maxWorkers: 2,
    minSlots: queueCapacity,
    maxSlots: queueCapacity * 2,
    sloMs: 100,
    headroom: 0.15,
    cores: 2,
    prior: { arrivalsPerSecond: 100, serviceMs: 5, cpuMs: 0.1, ca2: 1, cs2: 1 },
  });
  return {
    pulse: lane(plan.capacity.pulse, "ring"),
    hosted: lane(plan.capacity.acts, "ring"),
    intervention: lane(plan.capacity.acts, "hybrid"),
    code: lane(plan.capacity.acts, "hybrid"),
  };
}
