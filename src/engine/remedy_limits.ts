/**
 * How often and how many at once: cool-down and attempts per day of each remedy target, and the blast radius over all, per
 * group and per minute. Pure: time is an argument, monotonic ms. For the engine's remedy gate; some repairs a second.
 *
 * The cool-down lies between incidents: within one incident the back-off and the number of attempts decide. What it knows
 * is plain data (takeChanged(), restore()), so that storage can carry it over a restart.
 */
import { assert } from "../base/assert.ts";
import type { HoldReason, RemediationSettings } from "../model/protection.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Targets remembered before those of more than a day ago are forgotten. */
const SWEEP_AT = 4096;

export interface RemedyRun {
  readonly row: number;
  /** Unique over restarts; "" for one that is only just opening. */
  readonly incident: string;
  /** What is acted on: equal keys are one thing. Never empty. */
  readonly target: string;
  readonly groups: readonly string[];
}

export interface Refusal {
  readonly reason: HoldReason;
  /** Not before; nowMs or earlier when only the end of another run can tell. */
  readonly untilMs: number;
}

/** Sizes at this moment. */
export interface FleetSizes {
  readonly monitors: number;
  readonly group: (name: string) => number;
}

interface Target {
  incident: string;
  endedMs: number;
  readonly beganMs: number[];
  running: boolean;
}

/** What is known of one target; times are wall clock ms. */
export interface SavedTarget {
  readonly target: string;
  readonly incident: string;
  readonly endedAt: number;
  readonly beganAt: readonly number[];
}

export interface Clocks {
  readonly monoMs: number;
  readonly wallMs: number;
}

export class RemedyLimits {
  readonly #settings: RemediationSettings;
  readonly #sizes: () => FleetSizes;
  readonly #running = new Map<number, RemedyRun>();
  readonly #runningOfGroup = new Map<string, number>();
  readonly #targets = new Map<string, Target>();
  /** Targets of which storage does not know the latest. */
  readonly #changed = new Set<string>();
  /** Beginnings within the last minute, oldest first. */
  #recentMs: number[] = [];

  constructor(settings: RemediationSettings, sizes: () => FleetSizes) {
    this.#settings = settings;
    this.#sizes = sizes;
  }

  get running(): number {
    return this.#running.size;
  }

  runningIn(group: string): number {
    return this.#runningOfGroup.get(group) ?? 0;
  }

  /** What stands against any repair now, whichever it is. */
  refusalOfAny(nowMs: number): Refusal | undefined {
    if (this.#running.size >= this.#settings.atOnce) return { reason: "at_once", untilMs: nowMs };
    while (nowMs - (this.#recentMs[0] ?? nowMs) >= MINUTE_MS) this.#recentMs.shift();
    const { fleetPerMinutePct, fleetPerMinuteMin } = this.#settings;
    const most = Math.max(fleetPerMinuteMin, Math.floor(fleetPerMinutePct * this.#sizes().monitors));
    if (this.#recentMs.length < most) return undefined;
    return { reason: "fleet_limit", untilMs: (this.#recentMs[0] ?? nowMs) + MINUTE_MS };
  }

  refusal(run: RemedyRun, nowMs: number): Refusal | undefined {
    assert(run.target !== "", "a remedy has a target");
    return this.#refusalOfTarget(run, nowMs) ?? this.refusalOfAny(nowMs) ?? this.#refusalOfGroups(run, nowMs);
  }

  /** The caller asked refusal() in the same moment. */
  begin(run: RemedyRun, nowMs: number): void {
    assert(!this.#running.has(run.row), `one remedy at a time on row ${run.row}`);
    this.#running.set(run.row, run);
    for (const group of run.groups) this.#runningOfGroup.set(group, this.runningIn(group) + 1);
    if (this.#targets.size >= SWEEP_AT) this.#sweep(nowMs);
    let target = this.#targets.get(run.target);
    if (target === undefined) {
      this.#targets.set(
        run.target,
        target = { incident: "", endedMs: -Infinity, beganMs: [], running: false },
      );
    }
    target.running = true;
    this.#changed.add(run.target);
    target.beganMs.push(nowMs);
    this.#recentMs.push(nowMs);
  }

  /** Nothing was done: the run leaves no trace. */
  cancel(row: number): void {
    const run = this.#leave(row);
    if (run === undefined) return;
    const target = this.#targets.get(run.target) as Target;
    const beganMs = target.beganMs.pop();
    if (target.beganMs.length === 0) this.#targets.delete(run.target);
    if (beganMs !== undefined) this.#recentMs.splice(this.#recentMs.lastIndexOf(beganMs), 1);
  }

  /** False when no remedy of this row was running. `incident`: what it was for, where begin() could not know. */
  end(row: number, nowMs: number, incident?: string): boolean {
    const run = this.#leave(row);
    if (run === undefined) return false;
    const target = this.#targets.get(run.target) as Target;
    target.incident = incident ?? run.incident;
    target.endedMs = nowMs;
    return true;
  }

  /**
   * Hands out, by target, what changed since the last call; undefined = nothing is to be remembered. A run that has not
   * ended counts as ended when it began: after a restart nobody knows more.
   */
  takeChanged(clocks: Clocks, save: (target: string, saved: SavedTarget | undefined) => void): void {
    for (const key of this.#changed) save(key, this.#saved(key, clocks));
    this.#changed.clear();
  }

  /** A wall clock that went back meanwhile ends no cool-down early: a time in the future is taken as now. */
  restore(saved: readonly SavedTarget[], { monoMs, wallMs }: Clocks): void {
    const at = (savedMs: number) => monoMs - Math.max(0, wallMs - savedMs);
    for (const { target, incident, endedAt, beganAt } of saved) {
      if (this.#targets.has(target)) continue;
      this.#targets.set(target, { incident, endedMs: at(endedAt), beganMs: beganAt.map(at), running: false });
      this.#recentMs.push(...beganAt.map(at).filter((ms) => monoMs - ms < MINUTE_MS));
    }
    this.#recentMs.sort((a, b) => a - b);
    this.#sweep(monoMs);
  }

  #saved(key: string, { monoMs, wallMs }: Clocks): SavedTarget | undefined {
    const target = this.#targets.get(key);
    if (target === undefined) return undefined;
    const at = (ms: number) => Math.round(wallMs - (monoMs - ms));
    const { beganMs, endedMs, running } = target;
    const run = running ? [...this.#running.values()].find((each) => each.target === key) : undefined;
    return {
      target: key,
      incident: run?.incident ?? target.incident,
      endedAt: at(Math.max(endedMs, beganMs.at(-1) ?? endedMs)),
      beganAt: beganMs.map(at),
    };
  }

  #refusalOfTarget({ target: key, incident }: RemedyRun, nowMs: number): Refusal | undefined {
    const target = this.#targets.get(key);
    if (target === undefined) return undefined;
    if (target.running) return { reason: "target_busy", untilMs: nowMs };
    while (nowMs - (target.beganMs[0] ?? nowMs) >= DAY_MS) target.beganMs.shift();
    if (target.beganMs.length >= this.#settings.attemptsPerDay) {
      return { reason: "day_limit", untilMs: (target.beganMs[0] ?? nowMs) + DAY_MS };
    }
    const untilMs = target.endedMs + this.#settings.cooldownMs;
    const retry = incident !== "" && target.incident === incident;
    return !retry && nowMs < untilMs ? { reason: "cooldown", untilMs } : undefined;
  }

  #refusalOfGroups({ groups }: RemedyRun, nowMs: number): Refusal | undefined {
    if (groups.length === 0) return undefined;
    const sizes = this.#sizes();
    const full = groups.some((group) =>
      this.runningIn(group) >= Math.max(1, Math.floor(this.#settings.groupPct * sizes.group(group)))
    );
    return full ? { reason: "group_limit", untilMs: nowMs } : undefined;
  }

  #leave(row: number): RemedyRun | undefined {
    const run = this.#running.get(row);
    if (run === undefined) return undefined;
    this.#running.delete(row);
    for (const group of run.groups) {
      const left = this.runningIn(group) - 1;
      if (left === 0) this.#runningOfGroup.delete(group);
      else this.#runningOfGroup.set(group, left);
    }
    (this.#targets.get(run.target) as Target).running = false;
    this.#changed.add(run.target);
    return run;
  }

  #sweep(nowMs: number): void {
    const keepMs = Math.max(DAY_MS, this.#settings.cooldownMs);
    for (const [key, { running, beganMs, endedMs }] of this.#targets) {
      if (running || nowMs - Math.max(endedMs, beganMs.at(-1) ?? -Infinity) < keepMs) continue;
      this.#targets.delete(key);
      this.#changed.add(key);
    }
  }
}
