/**
 * Where repairs wait until they may run: the correlation hold, what stands against all of them (kill switch, guard), what
 * stands against this one (cool-down, blast radius, a parent that is down), and one more check just before. Nothing is
 * lost: a repair that is held back runs later if it still is needed, and people are told when that takes long.
 *
 *   want ─► heap (until the hold or a cool-down is over) ─► ready, first in first out ─► asked: a check is out ─► life: backoffElapsed
 *
 * While it waits, the monitor is in back-off as far as the state machine goes, so that a target that heals by itself is
 * left alone. A tick looks at a bounded number of repairs, however many wait.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { EVENT } from "../model/event.ts";
import { FAIL } from "../model/outcome.ts";
import { HOLD_REASONS, HOLD_TEXTS, type HoldReason, type RemediationSettings } from "../model/protection.ts";
import { FLAG, STATE } from "../model/state.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { World } from "../world/world.ts";
import { DueHeap } from "./due_heap.ts";
import { type Incident, type Incidents, recordTried } from "./incidents.ts";
import { LinkedQueue } from "./linked_queue.ts";
import type { RemedyLimits, RemedyRun } from "./remedy_limits.ts";

/** Looks at repairs per tick, each a few µs. */
const LOOKS_PER_TICK = 256;
/** A repair that only the end of something else can free is looked at again after this, longer when very many wait. */
const AGAIN_MS = 1000;
/** What is added to the interval for the hold, so that every other monitor was checked since. */
const HOLD_EXTRA_MS = 10_000;
const LOG_LINES_PER_SECOND = 20;

export interface GateOptions {
  readonly world: World;
  readonly incidents: Incidents;
  readonly limits: RemedyLimits;
  readonly settings: RemediationSettings;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Identity of what the remedy of this row acts on. */
  readonly targetOf: (row: number) => string;
  /** What it would do, for people. */
  readonly describe: (row: number) => string;
  /** Of its kind, in the metrics' dimension. */
  readonly remedyIndex: (row: number) => number;
  readonly intervalMs: (row: number) => number;
  /** What the guard or a dependency has against a repair; `run` undefined: against any. `begun`: it has its place already. */
  readonly objection: (run: RemedyRun | undefined, begun: boolean) => HoldReason | undefined;
  /** Puts a check of this row before its next regular one. */
  readonly checkNow: (row: number) => void;
  readonly apply: (row: number, event: number) => void;
}

interface Wanted {
  readonly run: RemedyRun;
  readonly incident: Incident;
  readonly holdUntilMs: number;
  place: "heap" | "ready" | "asked";
  reason: HoldReason | undefined;
  /** The job that was sent last when the check was asked for: only later ones count. */
  askedAfter: number;
  told: boolean;
  next: Wanted | null;
}

interface Look {
  readonly dueMs: number;
  readonly wanted: Wanted;
  readonly tell: boolean;
}

/** What becomes of a remedy that is to start at this moment. */
export type Admission = "run" | "hold" | "pretend";

export class RemedyGate {
  readonly #options: GateOptions;
  readonly #wanted = new Map<number, Wanted>();
  readonly #looks = new DueHeap<Look>();
  readonly #ready = new LinkedQueue<Wanted>();
  /** Rows whose dry run begins and ends in this tick. */
  #pretended: number[] = [];
  #releasing = -1;
  #frozen = false;
  #logSecond = 0;
  #logLines = 0;
  #logDropped = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Repairs that wait. */
  get waiting(): number {
    return this.#wanted.size;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  freeze(frozen: boolean): void {
    if (frozen === this.#frozen) return;
    this.#frozen = frozen;
    const { log, metrics } = this.#options;
    metrics.setFrozen(frozen);
    if (frozen) {
      log.warn("Remediation is frozen: no repair begins until cpra unfreeze", { waiting: this.waiting });
    } else {log.warn("Remediation is released: repairs that still are needed go on", {
        waiting: this.waiting,
      });}
  }

  /** The state machine wants to start a remedy. */
  admits(row: number): Admission {
    const { settings, limits, clock } = this.#options;
    if (this.#releasing === row) return settings.dryRun ? "pretend" : "run";
    if (settings.recheck || settings.dryRun || this.#holdMs(row) > 0) return "hold";
    const nowMs = clock.monoMs();
    const run = this.#run(row);
    if (this.#obstacle(run, nowMs) !== undefined) return "hold";
    limits.begin(run, nowMs);
    return "run";
  }

  /** Takes over a repair that was not admitted. */
  want(row: number, incident: Incident): void {
    const { clock, settings } = this.#options;
    this.#drop(row);
    const nowMs = clock.monoMs();
    const holdUntilMs = nowMs + this.#holdMs(row);
    const wanted: Wanted = {
      run: { ...this.#run(row), incident: incident.id },
      incident,
      holdUntilMs,
      place: "heap",
      reason: undefined,
      askedAfter: 0,
      told: false,
      next: null,
    };
    this.#wanted.set(row, wanted);
    if (holdUntilMs > nowMs) this.#note(wanted, "hold");
    this.#lookAt(wanted, holdUntilMs);
    this.#looks.push({ dueMs: holdUntilMs + settings.tellAfterMs, wanted, tell: true });
  }

  /** The monitor is in another state now: what waited for it is not needed. False when nothing did. */
  left(row: number): boolean {
    return this.#releasing !== row && this.#drop(row);
  }

  tick(nowMs: number): void {
    this.#endPretended(nowMs);
    let budget = LOOKS_PER_TICK;
    while (budget-- > 0) {
      const look = this.#looks.popDue(nowMs);
      if (look === undefined) break;
      if (this.#wanted.get(look.wanted.run.row) !== look.wanted) continue;
      if (look.tell) this.#tellOf(look.wanted, nowMs);
      else this.#getReady(look.wanted, nowMs);
    }
    budget = LOOKS_PER_TICK;
    while (budget-- > 0 && this.#ready.head !== null && this.#barrier(nowMs) === undefined) {
      const wanted = this.#ready.shift() as Wanted;
      if (this.#wanted.get(wanted.run.row) === wanted && wanted.place === "ready") {
        this.#advance(wanted, nowMs);
      }
    }
    this.#options.metrics.setRepairsWaiting(this.waiting);
  }

  /** Whether tick() has something to do by then. */
  earliestMs(nowMs: number): number {
    if (this.#pretended.length > 0) return nowMs;
    return this.#ready.head === null
      ? this.#looks.earliestMs
      : Math.min(nowMs + AGAIN_MS, this.#looks.earliestMs);
  }

  /** A check of this row has been applied. */
  checked(row: number, outcome: number): void {
    if (this.#wanted.size === 0) return;
    const wanted = this.#wanted.get(row);
    if (wanted?.place !== "asked") return;
    const { world, checkNow, limits, clock, intervalMs, objection } = this.#options;
    if (world.columns.generation[row] === wanted.askedAfter) return checkNow(row);
    const nowMs = clock.monoMs();
    const obstacle = this.#frozen ? "frozen" : objection(wanted.run, true);
    if (outcome === FAIL && obstacle === undefined) return this.#release(wanted);
    limits.cancel(row);
    if (outcome !== FAIL) {
      this.#note(wanted, "recheck");
      this.#lookAt(wanted, nowMs + intervalMs(row));
    } else {
      this.#getReady(wanted, nowMs);
    }
  }

  #run(row: number): RemedyRun {
    const { world, incidents, targetOf } = this.#options;
    return {
      row,
      incident: incidents.of(row)?.id ?? "",
      target: targetOf(row),
      groups: world.attributes(row).groups,
    };
  }

  /** Retries of one incident have their back-off behind them. */
  #holdMs(row: number): number {
    const { world, settings, intervalMs } = this.#options;
    if ((world.columns.attempts[row] as number) > 0) return 0;
    return settings.holdMs ?? intervalMs(row) + HOLD_EXTRA_MS;
  }

  /** What stands against every repair. */
  #barrier(nowMs: number): HoldReason | undefined {
    if (this.#frozen) return "frozen";
    const { objection, limits } = this.#options;
    return objection(undefined, false) ?? limits.refusalOfAny(nowMs)?.reason;
  }

  /** What stands against this one, its own reasons first. */
  #obstacle(
    run: RemedyRun,
    nowMs: number,
  ): { readonly reason: HoldReason; readonly untilMs: number } | undefined {
    const { objection, limits } = this.#options;
    const reason = this.#frozen ? "frozen" : objection(run, false);
    return reason === undefined ? limits.refusal(run, nowMs) : { reason, untilMs: nowMs };
  }

  #getReady(wanted: Wanted, nowMs: number): void {
    if (!this.#stillNeeded(wanted)) return void this.#drop(wanted.run.row);
    const barrier = this.#barrier(nowMs);
    if (barrier !== undefined) this.#note(wanted, barrier);
    wanted.place = "ready";
    this.#ready.pushBack(wanted);
  }

  #advance(wanted: Wanted, nowMs: number): void {
    const { limits, settings, world, checkNow } = this.#options;
    const { run } = wanted;
    if (!this.#stillNeeded(wanted)) return void this.#drop(run.row);
    const obstacle = this.#obstacle(run, nowMs);
    if (obstacle !== undefined) {
      this.#note(wanted, obstacle.reason);
      const againMs = nowMs + Math.max(AGAIN_MS, this.waiting);
      if (this.#wanted.get(run.row) === wanted) this.#lookAt(wanted, Math.max(againMs, obstacle.untilMs));
      return;
    }
    limits.begin(run, nowMs);
    if (!settings.recheck) return this.#release(wanted);
    wanted.place = "asked";
    wanted.askedAfter = world.columns.generation[run.row] as number;
    checkNow(run.row);
  }

  #release(wanted: Wanted): void {
    const { apply, limits, world } = this.#options;
    const { row } = wanted.run;
    this.#wanted.delete(row);
    wanted.incident.held = "";
    const attempts = world.columns.attempts[row] as number;
    this.#releasing = row;
    apply(row, EVENT.backoffElapsed);
    this.#releasing = -1;
    if (world.columns.attempts[row] === attempts) limits.cancel(row);
    else if (this.#options.settings.dryRun) this.#pretended.push(row);
  }

  #endPretended(nowMs: number): void {
    if (this.#pretended.length === 0) return;
    const { incidents, limits, describe, apply, log, metrics, world, remedyIndex } = this.#options;
    const rows = this.#pretended;
    this.#pretended = [];
    for (const row of rows) {
      const incident = incidents.of(row);
      limits.end(row, nowMs);
      if (incident === undefined) continue;
      const what = describe(row);
      const attempt = world.columns.attempts[row] as number;
      log.warn("Dry run: a repair would run now", { monitor: world.name(row), repair: what });
      log.info("Audit", {
        event: "dry_run",
        monitor: world.name(row),
        incident: incident.id,
        attempt,
        repair: what,
      });
      metrics.countDryRun(remedyIndex(row));
      recordTried(incident, `dry run, nothing was done: would ${what}`);
      incident.held = "this is a dry run";
      apply(row, EVENT.remedyFailed);
    }
  }

  #tellOf(wanted: Wanted, nowMs: number): void {
    if (wanted.told) return;
    const silent = wanted.place === "asked" || wanted.reason === "guard" || wanted.reason === "dependency" ||
      wanted.reason === "recheck" || wanted.reason === undefined;
    if (silent) this.#looks.push({ dueMs: nowMs + AGAIN_MS * 10, wanted, tell: true });
    else this.#tell(wanted);
  }

  #tell(wanted: Wanted): void {
    if (wanted.told || !this.#stillNeeded(wanted)) return;
    wanted.told = true;
    wanted.incident.held = HOLD_TEXTS[wanted.reason ?? "hold"];
    this.#options.apply(wanted.run.row, EVENT.remedyWithheld);
  }

  /** Counts and logs why it waits, each time that it is something else. */
  #note(wanted: Wanted, reason: HoldReason): void {
    if (wanted.reason === reason) return;
    wanted.reason = reason;
    this.#options.metrics.countHeld(HOLD_REASONS.indexOf(reason));
    this.#log(wanted, reason);
    if (reason === "frozen" || reason === "day_limit") this.#tell(wanted);
    else if (wanted.told) wanted.incident.held = HOLD_TEXTS[reason];
  }

  #log({ run }: Wanted, reason: HoldReason): void {
    const { clock, log, world } = this.#options;
    const second = Math.floor(clock.monoMs() / 1000);
    if (second !== this.#logSecond) {
      if (this.#logDropped > 0) log.info("Repairs held back: lines left out", { lines: this.#logDropped });
      this.#logSecond = second;
      this.#logLines = this.#logDropped = 0;
    }
    if (++this.#logLines > LOG_LINES_PER_SECOND) return void this.#logDropped++;
    log.info("Repair held back", { monitor: world.name(run.row), reason, because: HOLD_TEXTS[reason] });
  }

  #lookAt(wanted: Wanted, dueMs: number): void {
    wanted.place = "heap";
    this.#looks.push({ dueMs, wanted, tell: false });
  }

  #stillNeeded({ run, incident }: Wanted): boolean {
    const { world, incidents } = this.#options;
    return incidents.of(run.row) === incident && world.columns.state[run.row] === STATE.repairing &&
      ((world.columns.flags[run.row] as number) & FLAG.backoff) !== 0;
  }

  #drop(row: number): boolean {
    const wanted = this.#wanted.get(row);
    if (wanted === undefined) return false;
    this.#wanted.delete(row);
    if (wanted.place === "asked") this.#options.limits.cancel(row);
    return true;
  }
}
