/**
 * Everything that stands between a decision and harm, put together for the engine: the gate before repairs, the
 * mass-failure guard, dependencies, the filter before alerts, and maintenance. The parts are pure of each other; what one
 * asks of another is a function given here.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { EVENT } from "../model/event.ts";
import type { Color } from "../model/color.ts";
import type { FlapSettings } from "../model/delivery.ts";
import type { HoldReason, ProtectionSettings } from "../model/protection.ts";
import { FLAG, STATE } from "../model/state.ts";
import { remedyAt } from "../model/remedy_steps.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import { CANARIES, type Suppression } from "../telemetry/metric_table.ts";
import type { World } from "../world/world.ts";
import type { Announcement } from "./announcement.ts";
import { AlertFilter } from "./alert_filter.ts";
import type { CanaryAnswer } from "./checks.ts";
import { createDependencies, type Dependencies } from "./dependencies.ts";
import { composeDigest } from "./digest.ts";
import type { FleetFacts, FleetShape } from "./fleet_facts.ts";
import { FleetGuard, type GuardEvent, LOOK_MS } from "./fleet_guard.ts";
import type { Incident, Incidents } from "./incidents.ts";
import { Flapping } from "./flapping.ts";
import { Maintenance } from "./maintenance.ts";
import { type Admission, RemedyGate } from "./remedy_gate.ts";
import { Silences } from "./silences.ts";
import { digestRow } from "./storms.ts";
import { RemedyLimits, type RemedyRun, type SavedTarget } from "./remedy_limits.ts";

/** What the caller of the engine knows and the engine needs for it. */
export interface ProtectionInputs {
  readonly settings: ProtectionSettings;
  /** Of the rows that are there when the engine starts. */
  readonly facts: FleetFacts;
  /** Identity of what the remedy of this row acts on. */
  readonly targetOf: (row: number) => string;
  /** What it would do, for people: "restart container web". */
  readonly describe: (row: number) => string;
  /** Row of each canary, by its index in CANARIES; they are checked like any row and are no monitors. */
  readonly canaries: ReadonlyMap<number, number>;
}

export interface ProtectionOptions extends ProtectionInputs {
  readonly world: World;
  readonly incidents: Incidents;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly remedyKinds: readonly string[];
  readonly newIncidentId: (number: number) => string;
  readonly checkNow: (row: number) => void;
  readonly apply: (row: number, event: number) => void;
  readonly tell: (row: number, color: Color) => void;
  /** Facts of an earlier process. */
  readonly stored: readonly (readonly [key: string, value: unknown])[];
  /** Keeps facts over restarts. */
  readonly store: { setFact(key: string, value: unknown): void };
  readonly flapping: FlapSettings;
  readonly announce: (announcement: Announcement) => void;
  /** An alert was kept back from people. */
  readonly suppressed: (row: number, color: Color, reason: Suppression) => void;
  /** An earlier process left this trouble. */
  readonly resumed: (row: number, incident: Incident) => void;
}

/** Names of facts in the store. */
const LIMITS_OF = "repairs of ";
const OPEN_STATES: ReadonlySet<number> = new Set([STATE.down, STATE.repairing, STATE.verifying]);

export class Protection {
  readonly silences: Silences;
  readonly #options: ProtectionOptions;
  readonly #flapping: Flapping;
  readonly #limits: RemedyLimits;
  readonly #gate: RemedyGate;
  readonly #guard: FleetGuard;
  readonly #filter: AlertFilter;
  #maintenance: Maintenance;
  #dependencies: Dependencies;
  #shape: FleetShape;

  constructor(options: ProtectionOptions) {
    this.#options = options;
    const { world, incidents, metrics, clock, log, settings, facts } = options;
    this.#shape = facts.shape(world);
    const intervalMs = (row: number) => world.policies[world.columns.policy[row] as number]?.intervalMs ?? 0;
    this.#dependencies = createDependencies(this.#shape.parents);
    this.silences = new Silences({ world, clock, store: options.store });
    this.silences.restore(options.stored);
    this.#flapping = new Flapping(options.flapping);
    this.#limits = new RemedyLimits(settings.remediation, () => ({
      monitors: world.monitors,
      group: (name) => this.#shape.groupSizes.get(name) ?? 0,
    }));
    this.#guard = new FleetGuard({
      world,
      settings: settings.guard,
      metrics,
      log,
      groupSizes: this.#shape.groupSizes,
      page: (event) => this.#page(event),
      newPageId: (number) => `guard-${options.newIncidentId(number)}`,
      clock,
      store: options.store,
    });
    this.#gate = new RemedyGate({
      ...options,
      settings: settings.remediation,
      limits: this.#limits,
      intervalMs,
      remedyIndex: (row) => {
        const remedy = world.policies[world.columns.policy[row] as number]?.remedy;
        const attempts = world.columns.attempts[row] as number;
        return Math.max(0, options.remedyKinds.indexOf(remedy ? remedyAt(remedy, "", attempts).kind : ""));
      },
      objection: (run, begun) => this.#objection(run, begun),
    });
    this.#filter = new AlertFilter({
      world,
      incidents,
      metrics,
      clock,
      intervalMs,
      reason: (row) => {
        if (this.#parentDown(row)) return "dependency";
        if (this.silences.covers(row)) return "silence";
        if (this.#flapping.keepsBack(row, clock.monoMs())) return "flapping";
        return this.#guard.digests(row) ? "digest" : undefined;
      },
      tell: options.tell,
      suppressed: options.suppressed,
    });
    this.#maintenance = new Maintenance({ ...options, windows: this.#shape.windows });
    this.#guard.restore(options.stored);
    this.restoreLimits(options.stored);
  }

  /** The fleet is another one: sizes, dependencies and windows; what goes on goes on. */
  refit(shape: FleetShape): void {
    const { world } = this.#options;
    this.#shape = shape;
    this.#dependencies = createDependencies(shape.parents);
    this.#guard.refit(shape.groupSizes);
    const covered = [...this.#maintenance.covered].filter((row) => world.isMonitor(row));
    this.#maintenance = new Maintenance({ ...this.#options, windows: shape.windows });
    for (const row of covered) this.#maintenance.resumed(row);
  }

  tick(nowMs: number): void {
    this.#maintenance.tick(nowMs);
    this.#guard.tick(nowMs);
    this.#gate.tick(nowMs);
    this.#filter.tick(nowMs);
    this.#flapping.tick(nowMs);
    this.#saveLimits();
  }

  /** When tick() has something to do, monotonic ms; what is looked at once a second may be a little late. */
  earliestMs(nowMs: number): number {
    return Math.min(this.#gate.earliestMs(nowMs), this.#maintenance.earliestMs, nowMs + LOOK_MS);
  }

  freeze(frozen: boolean): void {
    this.#gate.freeze(frozen);
  }

  /** What has come up since the repair was decided: a result of the same turn can have made the guard suspect. */
  forbids(row: number): string | undefined {
    if (this.#gate.frozen) return "remediation is frozen";
    if (this.#guard.suspects(this.#options.world.attributes(row).groups)) return "the guard is suspect";
    return this.#parentDown(row) ? "what it depends on is down" : undefined;
  }

  /** Takes over cool-downs and counts of an earlier process; what this one knows already stands. */
  restoreLimits(stored: readonly (readonly [key: string, value: unknown])[]): void {
    const { clock } = this.#options;
    const saved = stored.filter(([key]) => key.startsWith(LIMITS_OF)).map(([, value]) =>
      value as SavedTarget
    );
    this.#limits.restore(saved, { monoMs: clock.monoMs(), wallMs: clock.wallMs() });
  }

  #saveLimits(): void {
    const { clock, store } = this.#options;
    this.#limits.takeChanged({ monoMs: clock.monoMs(), wallMs: clock.wallMs() }, (target, saved) => {
      store.setFact(LIMITS_OF + target, saved ?? null);
    });
  }

  // What the life of a monitor asks for.

  admits(row: number): Admission {
    return this.#gate.admits(row);
  }

  wanted(row: number, incident: Incident): void {
    this.#gate.want(row, incident);
  }

  mayTell(row: number, color: Color, incident: Incident): boolean {
    const may = this.#filter.mayTell(row, color, incident);
    if (may && color === "red" && this.#flapping.begins(row, this.#options.clock.monoMs())) {
      incident.error =
        `flapping, so that further alerts are kept back until it is calm; now: ${incident.error}`;
    }
    return may;
  }

  /** Whether alerts of this row are kept back now. */
  keepsBack(row: number): boolean {
    return this.#filter.reason(row) !== undefined;
  }

  /** An earlier process left this trouble: it counts from when it began, and what people were not told is owed still. */
  resumed(row: number, incident: Incident | undefined): void {
    const state = this.#options.world.columns.state[row] as number;
    if (state === STATE.maintenance) this.#maintenance.resumed(row);
    if (incident === undefined) return;
    this.#guard.incident(row, OPEN_STATES.has(state), incident.sinceMonoMs);
    this.#filter.resumed(row, incident);
    this.#options.resumed(row, incident);
  }

  changed(row: number, before: number, after: number): void {
    if (before === STATE.repairing) this.#gate.left(row);
    const nowMs = this.#options.clock.monoMs();
    this.#guard.incident(row, OPEN_STATES.has(after), nowMs);
    const opened = !OPEN_STATES.has(before) && OPEN_STATES.has(after) && before !== STATE.maintenance;
    if (opened) this.#flapping.opened(row, nowMs);
  }

  /** The row is of no monitor any more. */
  left(row: number): void {
    this.#flapping.forget(row);
  }

  /** The remedy of this row is to be another one: a repair of the old one that waits is off. True when one did wait. */
  remedyChanges(row: number): boolean {
    return this.#gate.left(row);
  }

  /** The new remedy waits in the place of the old one. */
  remedyChanged(row: number): void {
    const incident = this.#options.incidents.of(row);
    if (incident !== undefined) this.#gate.want(row, incident);
  }

  // What happens to repairs on their way.

  /** Decided and not begun: it goes back to those that wait. */
  takeBack(row: number): void {
    const { apply, incidents, world } = this.#options;
    this.#limits.cancel(row);
    apply(row, EVENT.remedyPutOff);
    const incident = incidents.of(row);
    const waits = world.columns.state[row] === STATE.repairing &&
      ((world.columns.flags[row] as number) & FLAG.backoff) !== 0;
    if (incident !== undefined && waits) this.#gate.want(row, incident);
  }

  repairBegun(row: number, job: { readonly incident: string; readonly attempt: number }): void {
    this.#audit(row, { event: "begun", incident: job.incident, attempt: job.attempt });
  }

  /** `line`: what it did, when that is known. */
  repairOver(row: number, line: string | undefined): void {
    const { clock, incidents } = this.#options;
    if (!this.#limits.end(row, clock.monoMs(), incidents.of(row)?.id)) return;
    if (line !== undefined) this.#audit(row, { event: "ended", result: line });
  }

  // What checks tell.

  /** After the result was applied. */
  checked(row: number, outcome: number): void {
    this.#guard.checked(outcome);
    this.#gate.checked(row, outcome);
  }

  /** A refused connection is an answer of a gateway: it is there. Of our own endpoint or of a resolver it is none. */
  takeCanary(row: number, answer: CanaryAnswer): void {
    const canary = this.#options.canaries.get(row);
    if (canary === undefined) return;
    const refusalCounts = CANARIES[canary] === "gateway";
    this.#guard.canary(canary, answer === "passed" || (refusalCounts && answer === "refused"));
  }

  #parentDown(row: number): boolean {
    const { state } = this.#options.world.columns;
    return this.#dependencies.downAbove(row, (parent) => OPEN_STATES.has(state[parent] as number)) >= 0;
  }

  /** `begun`: the repair has its place already, and only what is serious takes it away. */
  #objection(run: RemedyRun | undefined, begun: boolean): HoldReason | undefined {
    if (run !== undefined && this.#parentDown(run.row)) return "dependency";
    if (this.#guard.suspects(run?.groups)) return "guard";
    if (begun) return undefined;
    const running = (group: string | undefined) =>
      group === undefined ? this.#limits.running : this.#limits.runningIn(group);
    return this.#guard.isCrowded(run?.groups, running) ? "guard" : undefined;
  }

  #page({ scope, begun, id: incident, sinceWallMs }: GuardEvent): void {
    const { world, clock, announce } = this.#options;
    const nowWallMs = clock.wallMs();
    const members = [...this.#guard.membersOf(scope)];
    const alerts = composeDigest(world, {
      scope: scope.name,
      cause: scope.cause,
      begun,
      incident,
      sinceWallMs,
      nowWallMs,
      size: scope.size,
      members,
    });
    announce({
      row: digestRow(incident),
      monitor: `cpra guard: ${scope.name}`,
      incident,
      seq: begun ? 1 : 2,
      transition: begun ? "suspect" : "clear",
      atWallMs: nowWallMs,
      alerts,
    });
  }

  #audit(row: number, fields: Readonly<Record<string, string | number>>): void {
    const { log, world, describe } = this.#options;
    log.info("Audit", { monitor: world.name(row), repair: describe(row), ...fields });
  }
}
