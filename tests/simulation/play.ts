/**
 * Plays one seed: a fleet, a world with the faults of the seed's swarm, process after process on one disk, then calm, then an
 * examination. Everything that happens is judged when it happens. The same seed at the same commit plays the same.
 */
import type { LifeEvent } from "../../src/engine/monitor_life.ts";
import type { RemedyJob } from "../../src/lanes/intervention.ts";
import { channelIdentity } from "../../src/model/channel_identity.ts";
import type { JournalRecord, Restored } from "../../src/model/journal_record.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import { FLAG, STATES } from "../../src/model/state.ts";
import type { JobFields } from "../../src/shm/records.ts";
import { Coverage } from "./coverage.ts";
import { Disk } from "./disk.ts";
import { examine } from "./examination.ts";
import type { Fault } from "./faults.ts";
import type { Promised, Violation } from "./judge.ts";
import { AlertJudge } from "./judge_alerts.ts";
import { GuardJudge } from "./judge_guard.ts";
import { type RepairBegins, RepairJudge } from "./judge_repairs.ts";
import { StandingJudge } from "./judge_standing.ts";
import { StateJudge } from "./judge_states.ts";
import { monitorIndex } from "./names.ts";
import { Outside } from "./outside.ts";
import { type Plan, WALL_START_MS } from "./plan.ts";
import { Process, type ProcessWatch } from "./process.ts";
import { Strikes } from "./strikes.ts";
import type { Course, SimWorker } from "./sim_worker.ts";
import { Timeline } from "./timeline.ts";

export interface Played {
  readonly seed: number;
  readonly profile: string;
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly coverage: Iterable<readonly [cell: string, hits: number]>;
  readonly crashes: number;
  readonly tornTails: number;
  readonly monitorHours: number;
  readonly checks: number;
  readonly alerts: number;
  readonly repeats: number;
  readonly repairs: number;
}

export interface PlayOptions {
  /** A line for each thing that happens. */
  readonly trace?: (line: string) => void;
}

/** Looked at once in this time, when nothing is on its way. */
const COMPARE_MS = 20_000;
const VIOLATIONS_MOST = 20;

export class Play implements ProcessWatch {
  readonly plan: Plan;
  readonly timeline = new Timeline();
  readonly outside: Outside;
  readonly disk: Disk;
  readonly violations: Violation[] = [];
  readonly coverage = new Coverage();
  readonly states: StateJudge;
  readonly alerts: AlertJudge;
  readonly repairs: RepairJudge;
  readonly guard: GuardJudge;
  readonly standing: StandingJudge;
  readonly strikes: Strikes;
  process: Process | undefined;
  wallStepMs = 0;
  frozen = false;
  crashes = 0;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #channelIds = new Map<number, { readonly id: string; readonly url: string }>();
  /** Incidents with something that the disk may not have. */
  readonly #unsafe = new Set<string>();
  #actedDirect = false;
  #clockStepped = false;
  #secondAtMs = 0;
  #compareAtMs = 0;

  constructor(plan: Plan, options: PlayOptions) {
    this.plan = plan;
    this.#trace = options.trace;
    const accuse = (promise: Promised, detail: string) => this.accuse(promise, detail);
    this.outside = new Outside(plan, (fault, index) => this.hit(fault, index));
    this.states = new StateJudge(plan.monitors, accuse);
    this.alerts = new AlertJudge(plan.monitors, accuse);
    this.repairs = new RepairJudge(plan, accuse);
    this.guard = new GuardJudge(plan);
    this.standing = new StandingJudge(accuse);
    this.disk = new Disk({
      plan,
      timeline: this.timeline,
      outside: this.outside,
      wallMs: this.wallMs,
      durable: (records) => {
        this.alerts.durable(records);
        this.repairs.durable(records);
        this.strikes.written();
      },
      replaced: (standing) => {
        this.alerts.replaced(standing);
        this.repairs.replaced(standing);
      },
      hit: (fault) => this.hitAll(fault),
      violation: (_what, detail) => this.accuse("journal", detail),
    });
    this.strikes = new Strikes(this);
  }

  readonly wallMs = (): number => WALL_START_MS + this.timeline.nowMs + this.wallStepMs;

  say(line: string): void {
    this.#trace?.(`${(this.timeline.nowMs / 1000).toFixed(3).padStart(11)}  ${line}`);
  }

  accuse(promise: Promised, detail: string): void {
    this.say(`BROKEN ${promise}: ${detail}`);
    if (this.violations.length < VIOLATIONS_MOST) {
      this.violations.push({ promise, detail, atMs: Math.round(this.timeline.nowMs) });
    }
  }

  hit(fault: Fault, index: number): void {
    this.coverage.hit(fault, this.stateOf(index));
  }

  /** A fault that strikes everything at once. */
  hitAll(fault: Fault): void {
    const step = this.plan.profile === "hot" ? 1 : 7;
    for (let index = 0; index < this.plan.monitors.length; index += step) this.hit(fault, index);
  }

  stateOf(index: number): string {
    const state = this.states.stateOf(index);
    return state === "repairing" && this.#waits(index) ? "backoff" : state;
  }

  async run(): Promise<void> {
    const { plan, timeline } = this;
    await this.boot();
    while (timeline.nowMs < plan.faultsEndMs && this.violations.length === 0) {
      if (timeline.step(plan.faultsEndMs)) await this.strikes.due();
    }
    this.say("faults are over");
    if (this.process === undefined) await this.boot();
    this.freeze(false);
    this.wallStepMs = 0;
    const endMs = plan.faultsEndMs + plan.calmMs;
    while (timeline.nowMs < endMs && this.violations.length === 0) timeline.step(endMs);
    if (this.violations.length > 0) return;
    this.#judgeEnd();
    if (this.violations.length === 0) examine(this);
    this.alerts.end();
  }

  async boot(): Promise<void> {
    const { plan, timeline, disk, wallMs, frozen } = this;
    this.process = new Process({ plan, timeline, disk, boot: this.crashes, wallMs, frozen, watch: this });
    this.say(`process ${this.crashes} starts`);
    await this.process.start();
    this.states.booted(timeline.nowMs);
    if (plan.faults.has("full_rings")) this.states.irregularUntil(Infinity);
    this.#compareAtMs = timeline.nowMs + COMPARE_MS;
  }

  /** SIGKILL, in the middle of whatever goes on. */
  crash(): void {
    const { timeline, process } = this;
    if (process === undefined) return;
    this.say(`crash, ${this.disk.unwritten} batches on their way`);
    this.hitAll("crash");
    if (this.disk.unwritten > 0 && this.plan.faults.has("torn_tail")) this.hitAll("torn_tail");
    process.kill();
    this.disk.crash();
    this.crashes++;
    const forgetful = this.#actedDirect || this.#clockStepped;
    if (this.#actedDirect) { for (const incident of this.#unsafe) this.alerts.loose.add(incident); }
    this.#unsafe.clear();
    this.standing.crashed();
    this.#actedDirect = false;
    this.states.crashed(timeline.nowMs);
    this.alerts.crashed();
    this.repairs.crashed(timeline.nowMs, forgetful);
    this.guard.booted();
    this.process = undefined;
  }

  freeze(frozen: boolean): void {
    if (this.frozen === frozen) return;
    this.say(frozen ? "freeze" : "unfreeze");
    this.frozen = frozen;
    this.repairs.frozen(frozen ? this.timeline.nowMs : Infinity);
    this.process?.engine.freeze(frozen);
  }

  stepClock(ms: number): void {
    this.say(`the wall clock steps by ${Math.round(ms)} ms`);
    this.wallStepMs += ms;
    this.#clockStepped = true;
    this.alerts.clockStepped();
  }

  // What the process shows.

  restored(restored: Restored): void {
    this.say(
      `restores ${restored.monitors.length} monitors, ${restored.alerts.length} alerts, ${restored.repairs.length} repairs`,
    );
  }

  begin(process: Process, worker: SimWorker, job: Readonly<JobFields>, payload: unknown): Course {
    const course = worker.lane === "pulse" || worker.lane === "hosted"
      ? this.#beginCheck(process, worker, job.row)
      : worker.lane === "intervention"
      ? this.#beginRepair(process, worker, { row: job.row, job: payload as RemedyJob })
      : this.#beginSend(process, worker, { channel: job.aux0, message: payload as AlertMessage });
    const hangMs = this.strikes.hangs(worker, job.row);
    return hangMs === undefined ? course : { ...course, hangMs };
  }

  observe(process: Process, event: LifeEvent): void {
    const index = event.row;
    const { nowMs } = this.timeline;
    this.say(`${event.monitor} ${event.from} → ${event.to} ${event.incident?.id ?? ""}`);
    if (process.starting && event.from === "pending") {
      this.states.restored(index, event.to);
      const ageMs = process.monoMs() - (event.incident?.sinceMonoMs ?? process.monoMs());
      return this.guard.changed(index, event.to, nowMs - ageMs);
    }
    if (event.from === "repairing") this.states.repairOver(index, nowMs);
    if (event.incident?.opened === true) this.repairs.opened(event.incident.id, nowMs);
    this.states.changed(index, event.from, event.to);
    this.guard.changed(index, event.to, nowMs);
    if (event.to === "maintenance") {
      this.coverage.hit("maintenance", event.from === "repairing" ? "backoff" : event.from);
    }
  }

  committing(process: Process, records: readonly JournalRecord[]): void {
    this.alerts.decided(records);
    if (process.direct) this.#actedDirect = true;
    for (const record of records) {
      if ("incident" in record) this.#unsafe.add(record.incident);
      if (record.type === "monitor" && record.stands?.incident) this.#unsafe.add(record.stands.incident.id);
    }
    this.strikes.committing();
  }

  ticked(process: Process): void {
    const { timeline, disk } = this;
    const quiet = process.settled && disk.unwritten === 0;
    if (process.direct) this.#actedDirect = true;
    if (quiet) {
      this.#unsafe.clear();
      this.#actedDirect = false;
      this.states.settled();
      this.alerts.settled();
      this.repairs.settled();
    }
    if (timeline.nowMs >= this.#secondAtMs) {
      this.#secondAtMs = timeline.nowMs + 1000 * Math.min(4, this.plan.stretch);
      this.guard.look(timeline.nowMs);
      const isFull = process.engine.pipelines.some((pipeline) => pipeline.out >= this.plan.capacity.acts);
      if (isFull && this.plan.faults.has("full_rings")) this.hitAll("full_rings");
    }
    if (quiet && timeline.nowMs >= this.#compareAtMs) {
      this.#compareAtMs = timeline.nowMs + COMPARE_MS * Math.min(10, this.plan.stretch);
      this.standing.look(this.disk.twin, process.engine.standing());
    }
  }

  log(level: string, message: string, fields: string): void {
    this.say(`${level}: ${message} ${fields}`);
    if (message.startsWith("Alerts are not accounted for")) this.accuse("conservation", message);
  }

  #beginCheck(process: Process, worker: SimWorker, row: number): Course {
    const { nowMs } = this.timeline;
    if (row >= process.world.count) return { ending: this.outside.canary(process.world.name(row), nowMs) };
    this.states.begins(row, nowMs, worker);
    const ending = this.outside.check(row, nowMs);
    return {
      ending,
      consumed: () => {
        this.states.answered(row);
        this.states.read(row, ending.outcome, nowMs);
      },
    };
  }

  #beginRepair(process: Process, worker: SimWorker, { row, job }: { row: number; job: RemedyJob }): Course {
    const { nowMs } = this.timeline;
    const begin: RepairBegins = {
      index: row,
      incident: job.incident,
      attempt: job.attempt,
      nowMs,
      worker,
      direct: process.direct || this.#actedDirect,
      lastFailMs: this.states.lastFailMs(row),
      guardedSinceMs: this.guard.guardedSinceMs(row),
    };
    this.say(`m${row} repair ${job.incident} ${job.attempt} begins`);
    this.repairs.begins(begin, this.alerts.loose.has(job.incident));
    const ending = this.outside.repair(row, nowMs);
    return { ending, consumed: () => this.repairs.over(begin, this.timeline.nowMs) };
  }

  #beginSend(process: Process, worker: SimWorker, send: { channel: number; message: AlertMessage }): Course {
    const { nowMs } = this.timeline;
    const { message } = send;
    const { id, url } = this.#channel(process, send.channel);
    const direct = process.direct || this.#actedDirect;
    const landed = this.alerts.begins(message, id, { nowMs, worker, direct });
    const index = monitorIndex(message.monitor);
    const ending = this.outside.send(url, Math.max(0, index), nowMs);
    return {
      ending,
      ...(ending.delivered
        ? {
          effect: () => {
            this.say(`channel ${url} gets ${message.key}`);
            this.alerts.arrived(message, id);
          },
        }
        : {}),
      consumed: () => {
        landed();
        const { outcome, value = 0 } = ending;
        this.alerts.read(message, id, { outcome, value, nowMs: this.timeline.nowMs });
      },
    };
  }

  #channel(process: Process, index: number): { readonly id: string; readonly url: string } {
    let channel = this.#channelIds.get(index);
    if (channel === undefined) {
      const spec = process.world.channels[index] as { kind: string; config: { url: string } };
      this.#channelIds.set(index, channel = { id: channelIdentity(spec), url: spec.config.url });
    }
    return channel;
  }

  #waits(index: number): boolean {
    const flags = this.process?.world.columns.flags[index] ?? 0;
    return (flags & FLAG.backoff) !== 0;
  }

  /** Liveness: once faults have stopped for long enough, all is well and nothing is left. */
  #judgeEnd(): void {
    const { process, disk, plan } = this;
    if (process === undefined) return this.accuse("not_well_in_the_end", "there is no process");
    const { columns } = process.world;
    for (let row = 0; row < plan.monitors.length; row++) {
      const state = STATES[columns.state[row] as number];
      if (state !== "up") this.accuse("not_well_in_the_end", `m${row} is ${state}`);
    }
    const { twin } = disk;
    const left = { monitors: twin.monitors.size, alerts: twin.alerts.size, repairs: twin.repairs.size };
    if (left.monitors + left.alerts + left.repairs > 0) {
      this.accuse("not_well_in_the_end", `the disk has ${JSON.stringify(left)}`);
    }
    const { alerts } = process.engine.standing();
    if (alerts.length > 0) this.accuse("not_well_in_the_end", `${alerts.length} alerts pending`);
    if (process.direct) this.accuse("not_well_in_the_end", "decisions do not wait for the journal");
  }
}

export async function play(plan: Plan, options: PlayOptions = {}): Promise<Played> {
  const game = new Play(plan, options);
  try {
    await game.run();
  } catch (error) {
    game.accuse("crashed", error instanceof Error ? `${error.message}\n${error.stack}` : String(error));
  } finally {
    game.process?.kill();
    game.disk[Symbol.dispose]();
  }
  return {
    seed: plan.seed,
    profile: plan.profile,
    faults: [...plan.faults],
    violations: game.violations,
    coverage: game.coverage.hits,
    crashes: game.crashes,
    tornTails: game.disk.tornTails,
    monitorHours: game.timeline.nowMs / 3_600_000 * plan.monitors.length,
    checks: game.states.checks,
    alerts: game.alerts.written,
    repeats: game.alerts.repeats,
    repairs: game.repairs.begun,
  };
}
