/**
 * The mass-failure guard over the fleet and its groups: counts incidents as they open and close, local failures and
 * canaries, looks once a second, and says who is suspect. What follows from that is decided elsewhere (repairs in
 * remedy_gate.ts, alerts in alert_filter.ts, the digest through `told`).
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { LOCAL } from "../model/outcome.ts";
import type { GuardSettings } from "../model/protection.ts";
import { CANARIES, GUARD_CAUSES, type GuardCause } from "../telemetry/metric_table.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { World } from "../world/world.ts";
import { CLEAR, MassGuard, RELEASING, SUSPECT } from "./mass_guard.ts";

export const LOOK_MS = 1000;
/** Parts of the 10 s in which local failures are counted, one per look. */
const PARTS = 10;
/** Fewer local failures than this say nothing. */
const LOCAL_LEAST = 5;
/** A canary fails when this many of its checks in a row failed, and one passed before. */
const CANARY_FAILURES = 2;
/** From the trip to the page, so that it lists most of those that go down together. */
const SETTLE_MS = 10_000;

export interface FleetGuardOptions {
  readonly world: World;
  readonly settings: GuardSettings;
  readonly metrics: EngineMetrics;
  readonly log: Logger;
  readonly groupSizes: ReadonlyMap<string, number>;
  /** One page for all of it: `begun` when it became suspect, else when it is over. */
  readonly page: (event: GuardEvent) => void;
  /** Unique over restarts; `number` is unique within this process. */
  readonly newPageId: (number: number) => string;
  readonly clock: Clock;
  readonly store: { setFact(key: string, value: unknown): void };
}

/** A scope that is not clear, for the next process. */
interface StoredScope {
  readonly state: number;
  readonly cause: GuardCause;
  readonly sinceWallMs: number;
  readonly page: { readonly id: string; readonly told: boolean; readonly sinceWallMs: number } | null;
}

const GUARD = "guard ";

interface Page {
  dueMs: number;
  readonly id: string;
  readonly sinceWallMs: number;
}

export interface GuardEvent {
  readonly scope: MassGuard;
  readonly begun: boolean;
  /** The same for both ends of one event. */
  readonly id: string;
  readonly sinceWallMs: number;
}

interface OpenRow {
  readonly openedMs: number;
  readonly scopes: readonly MassGuard[];
}

export class FleetGuard {
  readonly #options: FleetGuardOptions;
  readonly #fleet: MassGuard;
  readonly #groups = new Map<string, MassGuard>();
  readonly #slots = new Map<MassGuard, number>();
  readonly #openRows = new Map<number, OpenRow>();
  /** Scope → when its page is due, or Infinity when it is out. */
  readonly #pages = new Map<MassGuard, Page>();
  readonly #checks = new Float64Array(PARTS);
  readonly #locals = new Float64Array(PARTS);
  readonly #canaries = CANARIES.map(() => ({ passed: false, failures: 0 }));
  #part = 0;
  #notClear = 0;
  #events = 0;
  #lookAtMs = 0;

  constructor(options: FleetGuardOptions) {
    this.#options = options;
    this.#fleet = new MassGuard("fleet", options.settings);
    this.#slots.set(this.#fleet, options.metrics.addScope("fleet"));
    this.refit(options.groupSizes);
    CANARIES.forEach((_, index) => options.metrics.setCanary(index, -1));
  }

  /** The sizes of all groups, at the start and again: what is open counts in the groups that its row has now. */
  refit(groupSizes: ReadonlyMap<string, number>): void {
    const { world, settings, metrics } = this.#options;
    this.#fleet.size = world.monitors;
    for (const [name, group] of this.#groups) group.size = groupSizes.get(name) ?? 0;
    for (const [name, size] of groupSizes) {
      if (size < settings.downMin || this.#groups.has(name)) continue;
      const group = new MassGuard(`group:${name}`, settings);
      group.size = size;
      this.#groups.set(name, group);
      this.#slots.set(group, metrics.addScope(group.name));
    }
    for (const [row, { openedMs }] of [...this.#openRows]) {
      this.incident(row, false, openedMs);
      this.incident(row, true, openedMs);
    }
  }

  /** Goes on with what an earlier process suspected; before its incidents are told. */
  restore(stored: readonly (readonly [key: string, value: unknown])[]): void {
    const { clock, metrics, store, settings } = this.#options;
    const [nowMs, wallMs] = [clock.monoMs(), clock.wallMs()];
    const scopes = [this.#fleet, ...this.#groups.values()];
    for (const [key, value] of stored) {
      if (!key.startsWith(GUARD)) continue;
      const scope = scopes.find(({ name }) => name === key.slice(GUARD.length));
      if (scope === undefined || !settings.enabled) {
        store.setFact(key, null);
        continue;
      }
      const { state, cause, sinceWallMs, page } = value as StoredScope;
      scope.restore({ state, cause, sinceMs: nowMs - Math.max(0, wallMs - sinceWallMs) }, nowMs);
      this.#notClear++;
      metrics.setGuard(this.#slots.get(scope) ?? -1, state);
      if (page === null) continue;
      const { id, told, sinceWallMs: from } = page;
      this.#pages.set(scope, { dueMs: told ? Infinity : nowMs + SETTLE_MS, id, sinceWallMs: from });
    }
  }

  /** An incident of this row opened or closed, or maintenance hid or showed it. */
  incident(row: number, open: boolean, nowMs: number): void {
    const known = this.#openRows.get(row);
    if (open === (known !== undefined)) return;
    if (known !== undefined) {
      this.#openRows.delete(row);
      for (const scope of known.scopes) scope.closed(known.openedMs);
      return;
    }
    const scopes = this.#scopesOf(this.#options.world.attributes(row).groups);
    this.#openRows.set(row, { openedMs: nowMs, scopes });
    for (const scope of scopes) scope.opened(nowMs);
  }

  checked(outcome: number): void {
    (this.#checks[this.#part] as number)++;
    if (outcome === LOCAL) (this.#locals[this.#part] as number)++;
  }

  /** Index into CANARIES. */
  canary(index: number, passed: boolean): void {
    const canary = this.#canaries[index];
    if (canary === undefined) return;
    canary.passed ||= passed;
    canary.failures = passed ? 0 : canary.failures + 1;
    const value = !canary.passed ? -1 : canary.failures >= CANARY_FAILURES ? 0 : 1;
    this.#options.metrics.setCanary(index, value);
  }

  tick(nowMs: number): void {
    if (nowMs < this.#lookAtMs || !this.#options.settings.enabled) return;
    this.#lookAtMs = nowMs + LOOK_MS;
    const cause = this.#ownFault();
    this.#part = (this.#part + 1) % PARTS;
    this.#checks[this.#part] = this.#locals[this.#part] = 0;
    this.#look(this.#fleet, nowMs, cause);
    for (const group of this.#groups.values()) if (!group.idle) this.#look(group, nowMs, undefined);
    for (const [scope, page] of this.#pages) if (nowMs >= page.dueMs) this.#page(scope);
  }

  /** Whether repairs are held back: of everybody, or of a monitor in these groups. */
  suspects(groups: readonly string[] | undefined): boolean {
    return this.#any(groups, (scope) => scope.state === SUSPECT);
  }

  /** While it is released, repairs go one by one: `running` tells how many run, of the fleet or of a group. */
  isCrowded(groups: readonly string[] | undefined, running: (group: string | undefined) => number): boolean {
    return this.#any(groups, (scope, group) => scope.state === RELEASING && running(group) > 0);
  }

  /** Whether the alerts of this row are part of a digest. */
  digests(row: number): boolean {
    if (this.#notClear === 0) return false;
    const groups = this.#groups.size === 0 ? [] : this.#options.world.attributes(row).groups;
    return this.suspects(groups);
  }

  /** Rows of the scope with an open incident, in the order in which they opened. */
  *membersOf(scope: MassGuard): Generator<number> {
    for (const [row, { scopes }] of this.#openRows) if (scopes.includes(scope)) yield row;
  }

  #any(
    groups: readonly string[] | undefined,
    holds: (scope: MassGuard, group: string | undefined) => boolean,
  ): boolean {
    if (this.#notClear === 0) return false;
    if (holds(this.#fleet, undefined)) return true;
    return groups?.some((name) => {
      const group = this.#groups.get(name);
      return group !== undefined && holds(group, name);
    }) ?? false;
  }

  #scopesOf(groups: readonly string[]): MassGuard[] {
    const scopes = [this.#fleet];
    for (const name of new Set(groups)) {
      const group = this.#groups.get(name);
      if (group !== undefined) scopes.push(group);
    }
    return scopes;
  }

  #ownFault(): GuardCause | undefined {
    if (this.#canaries.some(({ passed, failures }) => passed && failures >= CANARY_FAILURES)) {
      return "canaries";
    }
    const checks = this.#checks.reduce((sum, each) => sum + each, 0);
    const locals = this.#locals.reduce((sum, each) => sum + each, 0);
    const most = Math.max(LOCAL_LEAST - 1, this.#options.settings.localErrorsPct * checks);
    return locals > most ? "local_errors" : undefined;
  }

  #look(scope: MassGuard, nowMs: number, forced: GuardCause | undefined): void {
    const before = scope.state;
    if (!scope.look(nowMs, forced)) return;
    const { metrics, log } = this.#options;
    metrics.setGuard(this.#slots.get(scope) ?? -1, scope.state);
    this.#notClear += Number(scope.state !== CLEAR) - Number(before !== CLEAR);
    if (scope.state === SUSPECT) {
      metrics.countGuardTrip(GUARD_CAUSES.indexOf(scope.cause));
      log.warn("The guard is suspect: no repairs", {
        scope: scope.name,
        cause: scope.cause,
        down: scope.open,
      });
      if (!this.#pages.has(scope)) {
        const { newPageId, clock } = this.#options;
        this.#pages.set(scope, {
          dueMs: nowMs + SETTLE_MS,
          id: newPageId(++this.#events),
          sinceWallMs: clock.wallMs(),
        });
      }
    } else if (scope.state === RELEASING) {
      log.warn("The guard releases repairs one by one", { scope: scope.name, down: scope.open });
    } else {
      log.info("The guard is clear", { scope: scope.name });
      this.#endPage(scope);
    }
    this.#save(scope);
  }

  #save(scope: MassGuard): void {
    const { store, clock } = this.#options;
    if (scope.state === CLEAR) return store.setFact(GUARD + scope.name, null);
    const page = this.#pages.get(scope);
    const stored: StoredScope = {
      state: scope.state,
      cause: scope.cause,
      sinceWallMs: Math.round(clock.wallMs() - (clock.monoMs() - scope.sinceMs)),
      page: page === undefined
        ? null
        : { id: page.id, told: page.dueMs === Infinity, sinceWallMs: page.sinceWallMs },
    };
    store.setFact(GUARD + scope.name, stored);
  }

  /** A group within a fleet that has a page of its own is on that one. */
  #page(scope: MassGuard): void {
    const page = this.#pages.get(scope);
    if (page === undefined) return;
    page.dueMs = Infinity;
    if (scope !== this.#fleet && this.#fleet.state === SUSPECT) this.#pages.delete(scope);
    else this.#options.page({ scope, begun: true, id: page.id, sinceWallMs: page.sinceWallMs });
    this.#save(scope);
  }

  #endPage(scope: MassGuard): void {
    const page = this.#pages.get(scope);
    this.#pages.delete(scope);
    if (page?.dueMs !== Infinity) return;
    this.#options.page({ scope, begun: false, id: page.id, sinceWallMs: page.sinceWallMs });
  }
}
