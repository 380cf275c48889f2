/**
 * The pulse pipeline's two ends on the engine: a row that came due becomes a job, a result becomes an event of its monitor.
 * Typical load: 1,000 to 100,000 of each a second, so no garbage unless a check failed.
 */
import type { Clock } from "../base/clock.ts";
import { HOSTED, PULSE } from "../lanes/lane.ts";
import { EVENT } from "../model/event.ts";
import {
  FAIL,
  HANDED_OVER,
  LOCAL,
  OUTCOMES,
  PASS,
  reasonAt,
  reasonIndex,
  reasonText,
} from "../model/outcome.ts";
import { emptyResult, type JobFields, type JobRequest, type ResultFields } from "../shm/records.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { World } from "../world/world.ts";
import type { Judges } from "./judges.ts";
import type { Cause, MonitorLife } from "./monitor_life.ts";
import type { Offer } from "./queue.ts";
import { RowQueue } from "./row_queue.ts";
import type { Schedule } from "./schedule.ts";

/** Bits of the `job` column. */
const IN_FLIGHT = 1;
/** The check that is out began before a repair ended: its result is for the record only. */
const FOR_THE_RECORD = 2;
/** Its worker was lost once: a second loss is a result of its own. */
const LOST_ONCE = 4;
/** Its coming due has been counted: it is offered again. */
const COUNTED = 8;
/** Which lane runs this row's checks: asked once, kept for the row's life. */
const ROUTED = 16;
const ON_HOSTED = 32;
const ROUTE = ROUTED | ON_HOSTED;
/** Asked for beside the schedule: it cannot be late. */
const EXTRA = 64;
/** Found no place at a worker: in the queue of its lane. */
const WAITING = 128;

/** Of a routed row. */
const laneOf = (bits: number) => bits & ON_HOSTED ? HOSTED : PULSE;

const CERTIFICATE = reasonIndex("certificate");

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();
const NO_TEXT = new Uint8Array(0);

/** `refused`: something is there and takes no connections. */
export type CanaryAnswer = "passed" | "refused" | "none";

/** Who learns from results; see protection.ts. */
export interface CheckGuards {
  /** A check has been applied. */
  checked(row: number, outcome: number): void;
  /** Takes the result of a row that is no monitor. */
  takeCanary(row: number, answer: CanaryAnswer): void;
}

export interface ChecksOptions {
  readonly world: World;
  readonly life: MonitorLife;
  readonly schedule: Schedule;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Kinds of probes in the order of the metrics' dimension. */
  readonly kinds: readonly string[];
  /** Whether the pulse lane runs this row's checks; the others go to the hosted lane. Asked once per row. */
  readonly runsOnPulse: (row: number) => boolean;
  /** `lane`: PULSE or HOSTED. */
  readonly offer: (lane: number, job: JobRequest) => Offer;
  /** Rows that no worker checks. */
  readonly judges: Pick<Judges, "has" | "judge">;
  readonly guards: CheckGuards;
}

export class Checks {
  readonly #options: ChecksOptions;
  readonly #job: JobRequest = { row: 0, generation: 0, flags: 0, sentUs: 0, aux0: 0, aux1: 0 };
  /** Rows that wait for a place at a worker of PULSE and of HOSTED, which do not wait for each other. */
  readonly #waiting = new Map([[PULSE, new RowQueue()], [HOSTED, new RowQueue()]]);
  /** Policy index → probe kind index. */
  readonly #kindOfPolicy: number[] = [];
  /** Rows that came due and are judged here, in this turn. */
  #toJudge: number[] = [];
  #text: Uint8Array = NO_TEXT;
  #result: Readonly<ResultFields> | undefined;
  readonly #cause = (): Cause => this.#describe();

  constructor(options: ChecksOptions) {
    this.#options = options;
  }

  /** Checks the row at once, beside its schedule; one that is out already is not waited for. */
  checkNow(row: number): void {
    const { world, schedule, clock } = this.#options;
    const bits = world.columns.job[row] as number;
    if (bits & (IN_FLIGHT | WAITING)) return;
    world.columns.job[row] = bits | EXTRA;
    schedule.checkSoon(row, clock.monoMs());
  }

  /** The row is due; lateMs is how far behind its schedule that is seen, negative when its worker begins it later. */
  dispatch(row: number, scheduleLateMs: number): void {
    const { world, metrics, judges } = this.#options;
    if (row < world.count && judges.has(row)) return void this.#toJudge.push(row);
    const { columns } = world;
    const bits = this.#routed(row);
    if ((bits & COUNTED) === 0 && row < world.count) metrics.countDue(1);
    if (bits & (IN_FLIGHT | WAITING)) {
      // One check of a row at a time: this one is missed, also when the one before has not even begun.
      metrics.countMissed();
      return;
    }
    if (this.#send(row, bits & EXTRA ? 0 : scheduleLateMs)) return;
    columns.job[row] = (bits & ~(COUNTED | EXTRA)) | WAITING;
    this.#waiting.get(laneOf(bits))?.push(row);
  }

  /** Judges what came due, now that the schedule is not being walked. */
  judgeDue(): void {
    const { world: { columns }, judges, metrics } = this.#options;
    const rows = this.#toJudge;
    if (rows.length === 0) return;
    this.#toJudge = [];
    for (const row of rows) {
      columns.job[row] = 0;
      const result = judges.judge(row);
      if (result === undefined) continue;
      const outcome = OUTCOMES.indexOf(result.outcome);
      metrics.countDue(1);
      metrics.countCheck(this.#kindIndex(row), outcome, 0);
      this.#text = result.text === undefined ? NO_TEXT : ENCODER.encode(result.text);
      const reason = reasonIndex(result.reason);
      this.#settle({ ...emptyResult(), row, outcome, reason, value: result.value });
    }
  }

  /** Rows that found no place are offered again, in their order, as long as there is one. */
  admit(nowMs: number): void {
    const { world: { columns }, schedule } = this.#options;
    for (const waiting of this.#waiting.values()) {
      for (let row = waiting.first; row >= 0; row = waiting.first) {
        const bits = columns.job[row] as number;
        if (bits & WAITING && !this.#send(row, schedule.lateMs(row, nowMs))) break;
        waiting.dropFirst();
      }
    }
  }

  /** False when there is no place. */
  #send(row: number, lateMs: number): boolean {
    const { world: { columns }, clock, offer } = this.#options;
    const bits = columns.job[row] as number;
    const job = this.#job;
    job.row = row;
    job.generation = ((columns.generation[row] as number) + 1) >>> 0;
    job.sentUs = ((clock.monoMs() + Math.max(0, -lateMs)) * 1000) >>> 0;
    job.aux0 = Math.min(0xffffffff, Math.max(0, Math.round(lateMs * 1000)));
    if (offer(laneOf(bits), job) === "deferred") return false;
    columns.generation[row] = job.generation;
    columns.job[row] = (bits & ~(COUNTED | EXTRA | WAITING)) | IN_FLIGHT;
    return true;
  }

  /** A result came back from this lane; `text` is a view that is valid during the call. */
  collect(lane: number, result: Readonly<ResultFields>, text: Uint8Array): void {
    const { world, metrics } = this.#options;
    const { columns } = world;
    const { row } = result;
    if (columns.generation[row] !== result.generation || ((columns.job[row] as number) & IN_FLIGHT) === 0) {
      metrics.countLateResult();
      return;
    }
    metrics.observeQueueWait(lane, result.waitUs);
    if (result.outcome === HANDED_OVER) {
      // What needs the event loop once (a redirect) will need it again: the row stays there.
      columns.job[row] = ROUTE | COUNTED;
      this.dispatch(row, result.aux0 / 1000);
      return;
    }
    if (row >= world.count) return this.#canary(result);
    metrics.countCheck(this.#kindIndex(row), result.outcome, result.serviceUs);
    metrics.observeLag(result.aux0 + result.waitUs);
    metrics.observeCheckLatency(result.aux0 + result.waitUs + result.serviceUs);
    this.#text = text;
    this.#settle(result);
  }

  /** A remedy of this row ended: a check that is out began before that. */
  repairEnded(row: number): void {
    const { columns } = this.#options.world;
    const bits = columns.job[row] as number;
    if (bits & IN_FLIGHT) columns.job[row] = bits | FOR_THE_RECORD;
  }

  /** The row is checked otherwise from now on, or not at all: a check that is out will be a late result. */
  forget(row: number): void {
    const { columns } = this.#options.world;
    columns.generation[row] = ((columns.generation[row] as number) + 1) >>> 0;
    columns.job[row] = 0;
  }

  /** The worker that had this check is gone. Its check runs once more, the second time it is a result. */
  orphaned(job: Readonly<JobFields>, lost: boolean): void {
    const { world, metrics, schedule, clock } = this.#options;
    const { columns } = world;
    const { row } = job;
    const bits = columns.job[row] as number;
    if (columns.generation[row] !== job.generation || (bits & IN_FLIGHT) === 0) return;
    if (lost && bits & LOST_ONCE) {
      metrics.countCheck(this.#kindIndex(row), LOCAL, 0);
      this.#text = NO_TEXT;
      this.#settle({ ...emptyResult(), row, outcome: LOCAL, reason: reasonIndex("worker_lost") });
      return;
    }
    columns.job[row] = (bits & ~(IN_FLIGHT | FOR_THE_RECORD)) | COUNTED | (lost ? LOST_ONCE : 0);
    metrics.countRequeued(laneOf(bits), 1);
    schedule.checkSoon(row, clock.monoMs());
  }

  #settle(result: Readonly<ResultFields>): void {
    const { world, life, clock } = this.#options;
    const { columns } = world;
    const { row } = result;
    if (row >= world.count) return this.#canary(result);
    const bits = columns.job[row] as number;
    columns.job[row] = bits & ROUTE;
    columns.latencyUs[row] = result.serviceUs;
    columns.checkedAt[row] = Math.floor(clock.wallMs() / 1000);
    columns.outcome[row] = result.outcome;
    columns.reason[row] = result.reason;
    columns.value[row] = result.value;
    if (result.reason === CERTIFICATE && result.outcome === PASS) columns.certificateDay[row] = result.value;
    if (bits & FOR_THE_RECORD) return;
    this.#result = result;
    if (result.outcome === PASS) life.apply(row, EVENT.checkPassed, this.#cause);
    else if (result.outcome === FAIL) life.apply(row, EVENT.checkFailed, this.#cause);
    else life.apply(row, EVENT.checkLocal, this.#cause);
    this.#options.guards.checked(row, result.outcome);
  }

  #canary({ row, outcome, reason }: Readonly<ResultFields>): void {
    const { columns } = this.#options.world;
    columns.job[row] = (columns.job[row] as number) & ROUTE;
    const refused = outcome === FAIL && reasonAt(reason) === "refused";
    this.#options.guards.takeCanary(row, outcome === PASS ? "passed" : refused ? "refused" : "none");
  }

  /** The row's bits, with its lane decided. */
  #routed(row: number): number {
    const { world: { columns }, runsOnPulse } = this.#options;
    const bits = columns.job[row] as number;
    if (bits & ROUTED) return bits;
    return (columns.job[row] = bits | ROUTED | (runsOnPulse(row) ? 0 : ON_HOSTED));
  }

  #describe(): Cause {
    const result = this.#result as ResultFields;
    const output = DECODER.decode(this.#text.slice());
    const reason = reasonText(reasonAt(result.reason), result.value);
    return { error: output === "" ? reason : `${reason}: ${output}`, output };
  }

  #kindIndex(row: number): number {
    const { world, life, kinds } = this.#options;
    const policy = world.columns.policy[row] as number;
    return (this.#kindOfPolicy[policy] ??= Math.max(0, kinds.indexOf(life.policy(row).probe.kind)));
  }
}
