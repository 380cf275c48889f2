/**
 * Applies what happened to a monitor: loads its state from the columns, asks the state machine, stores the answer, and
 * turns the effects into decisions. The only writer of the state columns, but for restore.ts at the start. Called for every result, so a healthy monitor
 * that stays healthy costs a few loads and stores and no garbage.
 */
import type { Clock } from "../base/clock.ts";
import type { Color } from "../model/color.ts";
import { EFFECT } from "../model/effect.ts";
import { EVENT } from "../model/event.ts";
import { FLAG, type MonitorState, STATE, STATES } from "../model/state.ts";
import { transition } from "../model/transition.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import { transitionPolicy, verificationTimeoutMs } from "./machine_policy.ts";
import type { Policy } from "../world/policy.ts";
import type { World } from "../world/world.ts";
import type { Incident, Incidents } from "./incidents.ts";
import type { DueHeap } from "./due_heap.ts";

/** A change that people may want to watch: the event log of the server and of the demo. */
export interface LifeEvent {
  readonly row: number;
  readonly monitor: string;
  readonly from: string;
  readonly to: string;
  readonly incident: Incident | undefined;
  readonly closed: boolean;
  readonly wallMs: number;
}

/** What the effects of one event come to, before it is written down: composed and committed by engine/acts.ts. */
export interface Verdict {
  readonly row: number;
  readonly incident: Incident;
  /** Position in the incident's log, from 1. */
  readonly seq: number;
  readonly transition: string;
  readonly alerts: readonly Color[];
  readonly startRemedy: boolean;
}

/** What is asked before a remedy starts or an alert goes out, and told of changes; see protection.ts. */
export interface LifeGuards {
  /** A remedy is to start: "hold" puts it off, "pretend" goes on as if it ran. */
  admits(row: number): "run" | "hold" | "pretend";
  /** A remedy was put off. */
  wanted(row: number, incident: Incident): void;
  mayTell(row: number, color: Color, incident: Incident): boolean;
  /** Indices into STATES. */
  changed(row: number, before: number, after: number): void;
}

export interface LifeOptions {
  readonly guards: LifeGuards;
  readonly world: World;
  readonly incidents: Incidents;
  readonly timers: DueHeap<Timer>;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Takes the facts of the incident as they are now: they go on changing. */
  readonly decide: (verdict: Verdict) => void;
  readonly observe: (event: LifeEvent) => void;
  /** The row is not where the journal has it. */
  readonly touch: (row: number) => void;
}

/** Wait before attempt n + 1: base × 2^(n-1), at most the cap. */
const BACKOFF_BASE_MS = 10_000;
export const BACKOFF_CAP_MS = 300_000;

/** One-shot, and never called off: whoever handles one compares its token with the present one and ignores a stale one. */
export interface Timer {
  readonly dueMs: number;
  readonly kind: "backoff" | "verify" | "reminder";
  readonly row: number;
  readonly token: number;
}

const ALERTS: readonly (readonly [number, Color])[] = [
  [EFFECT.alertGray, "gray"],
  [EFFECT.alertGreen, "green"],
  [EFFECT.alertRed, "red"],
  [EFFECT.alertYellow, "yellow"],
  [EFFECT.alertCyan, "cyan"],
];

const FRESH: MonitorState = { state: 0, failures: 0, successes: 0, verifyLeft: 0, attempts: 0, flags: 0 };

const ENDING_EFFECTS = EFFECT.alertGray | EFFECT.cancelBackoff | EFFECT.alertGreen | EFFECT.closeIncident;

/** What is known about the trouble when the event comes. */
export interface Cause {
  readonly error: string;
  readonly output: string;
}

export class MonitorLife {
  readonly #options: LifeOptions;
  readonly #state: MonitorState = {
    state: 0,
    failures: 0,
    successes: 0,
    verifyLeft: 0,
    attempts: 0,
    flags: 0,
  };

  constructor(options: LifeOptions) {
    this.#options = options;
  }

  policy(row: number): Policy {
    const { world } = this.#options;
    return world.policies[world.columns.policy[row] as number] as Policy;
  }

  /** Repairs of this incident so far, the one that runs included. */
  attempts(row: number): number {
    return this.#options.world.columns.attempts[row] as number;
  }

  /**
   * One event (index into EVENTS) for one row. `cause` is asked for only when the monitor is in trouble. `silently`
   * leaves a colour unsaid whose claim would not be true.
   */
  apply(row: number, event: number, cause?: () => Cause, silently?: Color): void {
    const before = this.#load(row);
    const policy = this.policy(row);
    const machine = transitionPolicy(policy, this.#state.attempts);
    let effects = transition(this.#state, event, machine, this.#state);
    let held = false;
    if (effects & EFFECT.startRemedy) {
      const admission = this.#options.guards.admits(row);
      held = admission === "hold";
      if (held) transition(this.#state, EVENT.remedyPutOff, machine, this.#state);
      if (admission !== "run") effects &= ~EFFECT.startRemedy;
    }
    const after = this.#state.state;
    const { flags, attempts } = this.#options.world.columns;
    // Not every change shows in the state: what goes on underneath maintenance does not, nor an attempt that is given back.
    if (flags[row] !== this.#state.flags || attempts[row] !== this.#state.attempts) this.#options.touch(row);
    this.#store(row);
    if (effects === 0 && before === after && (after === STATE.up || after === STATE.pending)) return;
    const step = { row, event, before, after, effects, policy, cause, silently, held };
    if ((effects & EFFECT.closeIncident) === 0 || after === STATE.up) return this.#follow(step);
    // One trouble ended and another began unseen (during maintenance): two incidents, told one after the other.
    this.#follow({ ...step, after: STATE.up, effects: effects & ENDING_EFFECTS, held: false });
    this.#follow({ ...step, before: STATE.up, effects: effects & ~ENDING_EFFECTS });
  }

  /** A timer of this monitor came due. */
  timerDue({ kind, row, token }: Timer): void {
    const incident = this.#options.incidents.of(row);
    if (incident === undefined) return;
    if (kind === "reminder") return token === incident.number ? this.#remind(row, incident) : undefined;
    if (token === incident.stage) {
      this.apply(row, kind === "backoff" ? EVENT.backoffElapsed : EVENT.verifyTimedOut);
    }
  }

  /** Tells what people were not told when it happened. */
  tell(row: number, color: Color): void {
    const incident = this.#options.incidents.of(row);
    if (incident === undefined) return;
    const transition = nameOf(this.#options.world.columns.state[row] as number);
    this.#commit({ row, incident, transition, alerts: [color], startRemedy: false });
  }

  /** The monitor leaves the manifest. Who was told of its trouble is told that nobody watches it any more. */
  remove(row: number): void {
    const { world, incidents, metrics, clock, guards, observe } = this.#options;
    const before = this.#load(row);
    const incident = incidents.of(row);
    metrics.addMonitors(before, -1);
    if (incident !== undefined) {
      const told = incident.sentAtMs.red !== undefined || incident.sentAtMs.yellow !== undefined;
      const alerts: Color[] = told && guards.mayTell(row, "green", incident) ? ["green"] : [];
      if (told || incident.opened) {
        this.#commit({ row, incident, transition: "removed", alerts, startRemedy: false });
      }
      if (incident.opened) metrics.incidentClosed();
    }
    Object.assign(this.#state, FRESH);
    this.#store(row);
    this.#options.touch(row);
    guards.changed(row, before, STATE.pending);
    if (incident === undefined) return;
    const change = { row, monitor: world.name(row), from: nameOf(before), to: "removed" };
    observe({ ...change, incident, closed: true, wallMs: clock.wallMs() });
    this.#end(row);
  }

  #follow(step: Step): void {
    const { row, before, after, effects, policy } = step;
    const { world, metrics, clock, observe, guards } = this.#options;
    if (before !== after) {
      world.columns.since[row] = Math.floor(clock.wallMs() / 1000);
      metrics.addMonitors(before, -1);
      metrics.addMonitors(after, 1);
    }
    const incident = this.#incidentFor(step);
    if (incident !== undefined && before !== after) {
      incident.stage++;
      incident.backoffDueMs = 0;
    }
    // Streaks matter where they lead to something soon; those of a monitor that is down begin anew after a restart.
    const matters = before !== after || (effects & ~EFFECT.failedAgain) !== 0;
    if (matters || after === STATE.degraded || after === STATE.verifying || after === STATE.maintenance) {
      this.#options.touch(row);
    }
    if (effects & EFFECT.openIncident && incident !== undefined) {
      incident.opened = true;
      world.columns.incident[row] = incident.number;
      metrics.incidentOpened();
    }
    if (effects & EFFECT.closeIncident) metrics.incidentClosed();
    this.#decide(step, incident);
    if (incident !== undefined) this.#startTimers(step, incident, policy);
    if (before !== after) guards.changed(row, before, after);
    if (step.held && incident !== undefined) guards.wanted(row, incident);
    const closed = incident !== undefined && (after === STATE.up || after === STATE.pending);
    if (before !== after) {
      const wallMs = clock.wallMs();
      observe({
        row,
        monitor: world.name(row),
        from: nameOf(before),
        to: nameOf(after),
        incident,
        closed,
        wallMs,
      });
    }
    if (closed) this.#end(row);
  }

  /** The trouble this step belongs to, begun here when this is its first failure. */
  #incidentFor({ row, event, after, cause, effects }: Step): Incident | undefined {
    const { incidents, clock } = this.#options;
    let incident = incidents.of(row);
    if (incident === undefined) {
      const failing = after !== STATE.up && after !== STATE.pending;
      if (!failing && effects === 0) return undefined;
      if (event !== EVENT.checkFailed && effects === 0) return undefined;
      incident = incidents.begin(row, { wallMs: clock.wallMs(), monoMs: clock.monoMs() });
    }
    if (event === EVENT.checkFailed && cause !== undefined) Object.assign(incident, cause());
    return incident;
  }

  #decide({ row, event, after, effects, policy, silently }: Step, incident: Incident | undefined): void {
    const alerts: Color[] = [];
    for (const [effect, color] of ALERTS) if (effects & effect && color !== silently) alerts.push(color);
    if (effects & EFFECT.failedAgain && event === EVENT.checkFailed) {
      const color = after === STATE.degraded ? "yellow" : "red";
      const told = incident?.sentAtMs[color];
      // Only repeats what people were told before: red while a repair runs would say that none will.
      if (policy.codes[color]?.dispatch === "always" && told !== undefined) {
        if (this.#options.clock.monoMs() - told >= policy.codes[color].cooldownMs) alerts.push(color);
      }
    }
    const startRemedy = (effects & EFFECT.startRemedy) !== 0;
    if (incident === undefined) return;
    const told = alerts.filter((color) => this.#options.guards.mayTell(row, color, incident));
    const opens = (effects & EFFECT.openIncident) !== 0;
    if (told.length === 0 && !startRemedy && !opens) return;
    this.#commit({ row, incident, transition: nameOf(after), alerts: told, startRemedy });
  }

  #commit(verdict: Omit<Verdict, "seq">): void {
    const { incident, alerts } = verdict;
    incident.seq++;
    for (const color of alerts) incident.sentAtMs[color] = this.#options.clock.monoMs();
    this.#options.decide({ ...verdict, seq: incident.seq });
  }

  #startTimers({ row, after, before, effects }: Step, incident: Incident, policy: Policy): void {
    const { timers, clock } = this.#options;
    const nowMs = clock.monoMs();
    const token = incident.stage;
    if (effects & EFFECT.startBackoff) {
      const attempts = Math.max(1, this.#options.world.columns.attempts[row] as number);
      const waitMs = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (attempts - 1));
      incident.backoffDueMs = nowMs + waitMs;
      timers.push({ dueMs: nowMs + waitMs, kind: "backoff", row, token });
    }
    if (after === STATE.verifying && before !== after) {
      const limitMs = verificationTimeoutMs(policy, this.attempts(row));
      if (limitMs > 0) timers.push({ dueMs: nowMs + limitMs, kind: "verify", row, token });
    }
    const repeatMs = policy.codes.red?.repeatMs ?? 0;
    if (effects & EFFECT.alertRed && repeatMs > 0) {
      timers.push({ dueMs: nowMs + repeatMs, kind: "reminder", row, token: incident.number });
    }
  }

  #remind(row: number, incident: Incident): void {
    const { state, flags } = this.#options.world.columns;
    const withheld = state[row] === STATE.repairing && ((flags[row] as number) & FLAG.redSent) !== 0;
    if (state[row] !== STATE.down && !withheld) return;
    const repeatMs = this.policy(row).codes.red?.repeatMs ?? 0;
    if (repeatMs === 0) return;
    if (this.#options.guards.mayTell(row, "red", incident)) {
      this.#commit({ row, incident, transition: "reminder", alerts: ["red"], startRemedy: false });
    }
    const dueMs = this.#options.clock.monoMs() + repeatMs;
    this.#options.timers.push({ dueMs, kind: "reminder", row, token: incident.number });
  }

  #end(row: number): void {
    this.#options.incidents.end(row);
    this.#options.world.columns.incident[row] = 0;
  }

  /** Returns the state before. */
  #load(row: number): number {
    const { columns } = this.#options.world;
    const state = this.#state;
    state.state = columns.state[row] as number;
    state.failures = columns.failures[row] as number;
    state.successes = columns.successes[row] as number;
    state.verifyLeft = columns.verifyLeft[row] as number;
    state.attempts = columns.attempts[row] as number;
    state.flags = columns.flags[row] as number;
    return state.state;
  }

  #store(row: number): void {
    const { columns } = this.#options.world;
    const state = this.#state;
    columns.state[row] = state.state;
    columns.failures[row] = state.failures;
    columns.successes[row] = state.successes;
    columns.verifyLeft[row] = state.verifyLeft;
    columns.attempts[row] = state.attempts;
    columns.flags[row] = state.flags;
  }
}

interface Step {
  readonly row: number;
  readonly event: number;
  readonly before: number;
  readonly after: number;
  readonly effects: number;
  readonly policy: Policy;
  readonly cause: (() => Cause) | undefined;
  readonly silently: Color | undefined;
  /** The remedy that it asked for was put off. */
  readonly held: boolean;
}

function nameOf(state: number): string {
  return STATES[state] ?? "unknown";
}
