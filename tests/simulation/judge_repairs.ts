/**
 * Judges repairs at the moment when they begin: once, one at a time, committed, not too many, not too soon, not while frozen,
 * not while many are down together, not on a target that answers.
 */
import type { JournalRecord, Standing } from "../../src/model/journal_record.ts";
import type { Accuse } from "./judge.ts";
import type { Holder } from "./judge_states.ts";
import type { Plan } from "./plan.ts";

/** From the moment when a repair has its place to its beginning: one more check, and a commit. */
const DECISION_MS = 14_000;
const SLACK_MS = 1000;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** The kill switch acts within. */
const FREEZE_MS = 50;
/** From the moment when enough are down together to the last repair that was decided before: a look, and a commit. */
const GUARD_MS = 9000;
const BACKOFF_BASE_MS = 10_000;
const BACKOFF_CAP_MS = 300_000;

export interface RepairBegins {
  readonly index: number;
  readonly incident: string;
  readonly attempt: number;
  readonly nowMs: number;
  readonly worker: Holder;
  /** Decisions act without the disk. */
  readonly direct: boolean;
  /** When the last check that failed began. */
  readonly lastFailMs: number;
  /** Since when so many are down together that the guard must be suspect; Infinity when not. */
  readonly guardedSinceMs: number;
}

interface Running {
  readonly incident: string;
  readonly index: number;
  readonly target: string;
  readonly beganMs: number;
  readonly worker: Holder;
}

interface Target {
  readonly beganMs: number[];
  incident: string;
  endedMs: number;
  /** The disk may not know when it ended. */
  unsettledFromMs: number;
}

export class RepairJudge {
  readonly #plan: Plan;
  readonly #accuse: Accuse;
  readonly #runs = new Map<string, number>();
  readonly #durable = new Set<string>();
  readonly #targets = new Map<string, Target>();
  readonly #ended = new Map<string, number>();
  readonly #opened = new Map<string, number>();
  readonly #unsettled = new Set<Target>();
  readonly #groupSizes = new Map<string, number>();
  #running: Running[] = [];
  #began: number[] = [];
  #boot = 0;
  /** No promise about counts and times: an earlier process died while the disk did not know what it did, or the clock moved. */
  #limitsFromMs = 0;
  #frozenSinceMs = Infinity;
  begun = 0;

  constructor(plan: Plan, accuse: Accuse) {
    this.#plan = plan;
    this.#accuse = accuse;
    for (const { groups } of plan.monitors) {
      for (const group of new Set(groups)) {
        this.#groupSizes.set(group, (this.#groupSizes.get(group) ?? 0) + 1);
      }
    }
  }

  frozen(sinceMs: number): void {
    this.#frozenSinceMs = sinceMs;
  }

  durable(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (record.type !== "decision" || record.remedy === null) continue;
      this.#durable.add(`${record.incident} ${record.remedy.attempt}`);
    }
  }

  replaced({ repairs }: Standing): void {
    for (const { incident, attempt } of repairs) this.#durable.add(`${incident} ${attempt}`);
  }

  opened(incident: string, nowMs: number): void {
    if (!this.#opened.has(incident)) this.#opened.set(incident, nowMs);
  }

  settled(): void {
    for (const target of this.#unsettled) target.unsettledFromMs = Infinity;
    this.#unsettled.clear();
  }

  /** `forgetful`: what was done lately may not be on disk. */
  crashed(nowMs: number, forgetful: boolean): void {
    for (const { target, beganMs, incident } of this.#running) {
      const known = this.#targetOf(target);
      known.incident = incident;
      known.endedMs = Math.max(known.endedMs, beganMs - DECISION_MS);
    }
    for (const target of this.#unsettled) {
      target.endedMs = Math.min(target.endedMs, target.unsettledFromMs - DECISION_MS);
    }
    this.settled();
    this.#running = [];
    this.#boot++;
    if (forgetful) this.limitsUnknown(nowMs);
  }

  /** Counts and times of before do not bind. */
  limitsUnknown(nowMs: number): void {
    this.#limitsFromMs = nowMs;
  }

  begins(begin: RepairBegins, loose: boolean): void {
    const { index, incident, attempt, nowMs, worker } = begin;
    const { remediation, monitors } = this.#plan;
    const remedy = monitors[index]?.remedy;
    const key = `${incident} ${attempt}`;
    const say = `m${index} ${key}`;
    this.begun++;
    this.#running = this.#running.filter((each) => !each.worker.gone);
    if (remediation.dryRun) this.#accuse("remediations_in_dry_run", say);
    if (remedy === undefined) return this.#accuse("remediations_twice", `${say}: it has none`);
    const ranIn = this.#runs.get(key);
    const again = remedy.idempotent === true && ranIn !== undefined && ranIn < this.#boot;
    if (ranIn !== undefined && !again && !loose) this.#accuse("remediations_twice", say);
    this.#runs.set(key, this.#boot);
    if (!this.#durable.has(key) && !begin.direct) this.#accuse("remediations_before_commit", say);
    if (nowMs - this.#frozenSinceMs > FREEZE_MS) this.#accuse("remediations_while_frozen", say);
    if (nowMs - begin.guardedSinceMs > GUARD_MS) this.#accuse("remediations_while_guarded", say);
    if (remediation.recheck && nowMs - begin.lastFailMs > DECISION_MS) {
      this.#accuse("remediations_healthy", say);
    }
    if (attempt > remedy.maxFailures) this.#accuse("remediations_too_many", `${say}: attempts`);
    this.#judgeNumbers(begin, remedy.target, say);
    this.#judgeTimes(begin, remedy.target, say);
    this.#running.push({ incident, index, target: remedy.target, beganMs: nowMs, worker });
    this.#targetOf(remedy.target).beganMs.push(nowMs);
    this.#began.push(nowMs);
  }

  /** The engine has read its end, or gave it up. */
  over(begin: RepairBegins, nowMs: number): void {
    const { index, incident, attempt, worker } = begin;
    const ended = this.#running.find((each) => each.index === index && each.worker === worker);
    if (ended === undefined) return;
    this.#running = this.#running.filter((each) => each !== ended);
    const target = this.#targetOf(ended.target);
    target.endedMs = nowMs;
    target.incident = incident;
    target.unsettledFromMs = Math.min(target.unsettledFromMs, ended.beganMs);
    this.#unsettled.add(target);
    this.#ended.set(`${incident} ${attempt}`, nowMs);
  }

  /** Running now, as far as their workers live. */
  get running(): number {
    return this.#running.filter(({ worker }) => !worker.gone).length;
  }

  #judgeNumbers({ index, nowMs }: RepairBegins, target: string, say: string): void {
    const { remediation, monitors } = this.#plan;
    const running = this.#running;
    if (running.some((each) => each.index === index)) this.#accuse("remediations_at_once", say);
    else if (running.some((each) => each.target === target)) {
      this.#accuse("remediations_at_once", `${say}: on ${target}`);
    }
    if (running.length >= remediation.atOnce) {
      this.#accuse("remediations_too_many", `${say}: ${running.length + 1} at once`);
    }
    for (const group of new Set(monitors[index]?.groups)) {
      const most = Math.max(1, Math.floor(remediation.groupPct * (this.#groupSizes.get(group) ?? 0)));
      const inGroup = running.filter((each) => monitors[each.index]?.groups.includes(group)).length;
      if (inGroup >= most) this.#accuse("remediations_too_many", `${say}: ${inGroup + 1} of ${group}`);
    }
    this.#began = this.#began.filter((ms) =>
      ms > nowMs - (MINUTE_MS - DECISION_MS) && ms >= this.#limitsFromMs
    );
    const { fleetPerMinuteMin, fleetPerMinutePct } = remediation;
    const most = Math.max(fleetPerMinuteMin, Math.floor(fleetPerMinutePct * monitors.length));
    if (this.#began.length >= most) this.#accuse("remediations_too_many", `${say}: ${most + 1} a minute`);
  }

  #judgeTimes({ index, incident, attempt, nowMs }: RepairBegins, name: string, say: string): void {
    const { remediation, monitors } = this.#plan;
    const target = this.#targetOf(name);
    const today = target.beganMs.filter((ms) =>
      ms > nowMs - DAY_MS + DECISION_MS && ms >= this.#limitsFromMs
    );
    if (today.length >= remediation.attemptsPerDay) {
      this.#accuse("remediations_too_many", `${say}: ${today.length + 1} on ${name} a day`);
    }
    const sinceMs = nowMs - target.endedMs;
    const known = target.endedMs >= this.#limitsFromMs;
    if (known && target.incident !== incident && sinceMs < remediation.cooldownMs - SLACK_MS) {
      this.#accuse("remediations_too_soon", `${say}: ${Math.round(sinceMs)} ms after another on ${name}`);
    }
    const openedMs = this.#opened.get(incident) ?? -Infinity;
    const holdMs = remediation.holdMs ?? (monitors[index]?.intervalMs ?? 0) + 10_000;
    if (attempt === 1 && nowMs - openedMs < holdMs - SLACK_MS) {
      this.#accuse("remediations_too_soon", `${say}: ${Math.round(nowMs - openedMs)} ms after it opened`);
    }
    const endedMs = this.#ended.get(`${incident} ${attempt - 1}`) ?? -Infinity;
    const waitMs = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (attempt - 2));
    if (endedMs >= this.#limitsFromMs && nowMs - endedMs < waitMs - SLACK_MS) {
      this.#accuse(
        "remediations_too_soon",
        `${say}: ${Math.round(nowMs - endedMs)} ms after the last attempt`,
      );
    }
  }

  #targetOf(name: string): Target {
    let target = this.#targets.get(name);
    if (target === undefined) {
      target = { beganMs: [], incident: "", endedMs: -Infinity, unsettledFromMs: Infinity };
      this.#targets.set(name, target);
    }
    return target;
  }
}
