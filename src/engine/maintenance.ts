/**
 * Applies maintenance windows: looks at the wall clock once a second and raises the events of the rows whose first window
 * began or whose last one ended, a bounded number per tick, so that a window over a million monitors stalls nothing.
 * Boundaries are computed when the clock leaves the span that was computed last, in either direction.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { EVENT } from "../model/event.ts";
import { maintenanceAt, type MaintenanceSpan } from "../model/maintenance.ts";
import type { WindowRows } from "./fleet_facts.ts";

const LOOK_MS = 1000;
const ROWS_PER_TICK = 1024;

interface Window extends WindowRows {
  span: MaintenanceSpan;
  active: boolean;
}

interface Change {
  readonly rows: readonly number[];
  readonly begins: boolean;
  next: number;
}

export class Maintenance {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #apply: (row: number, event: number) => void;
  readonly #windows: readonly Window[];
  /** Row → windows that cover it now. */
  readonly #coverOf = new Map<number, number>();
  #changes: Change[] = [];
  /** Rows that an earlier process left in maintenance. */
  #left: number[] = [];
  #lookAtMs = 0;

  constructor(options: {
    readonly windows: readonly WindowRows[];
    readonly clock: Clock;
    readonly log: Logger;
    readonly apply: (row: number, event: number) => void;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#apply = options.apply;
    const unknown: MaintenanceSpan = { active: false, fromMs: 0, untilMs: 0 };
    this.#windows = options.windows.filter(({ rows }) => rows.length > 0)
      .map((each) => ({ ...each, span: unknown, active: false }));
  }

  /** An earlier process left this row in maintenance: that ends with the first look unless a window covers it now. */
  resumed(row: number): void {
    this.#left.push(row);
  }

  /** Rows in maintenance by a window, or left in it by an earlier process. */
  get covered(): ReadonlySet<number> {
    return new Set([...this.#coverOf.keys(), ...this.#left]);
  }

  tick(nowMs: number): void {
    if (this.#windows.length === 0 && this.#left.length === 0) return;
    if (nowMs >= this.#lookAtMs) {
      this.#lookAtMs = nowMs + LOOK_MS;
      const wallMs = this.#clock.wallMs();
      for (const window of this.#windows) this.#look(window, wallMs);
    }
    this.#work();
    this.#endLeft();
  }

  /** When tick() has something to do; monotonic ms. */
  get earliestMs(): number {
    if (this.#left.length > 0) return 0;
    if (this.#windows.length === 0) return Infinity;
    return this.#changes.length > 0 ? 0 : this.#lookAtMs;
  }

  #look(window: Window, wallMs: number): void {
    if (wallMs < window.span.fromMs || wallMs >= window.span.untilMs) {
      window.span = maintenanceAt(window.window.time, wallMs);
    }
    if (window.span.active === window.active) return;
    window.active = window.span.active;
    this.#log.info(`Maintenance ${window.active ? "begins" : "ends"}`, {
      window: window.window.name,
      monitors: window.rows.length,
    });
    this.#changes.push({ rows: window.rows, begins: window.active, next: 0 });
  }

  /** Once all windows that are active have been applied. */
  #endLeft(): void {
    if (this.#left.length === 0 || this.#changes.length > 0) return;
    for (const row of this.#left.splice(0, ROWS_PER_TICK)) {
      if (!this.#coverOf.has(row)) this.#apply(row, EVENT.maintenanceEnded);
    }
  }

  #work(): void {
    for (let budget = ROWS_PER_TICK; budget > 0 && this.#changes.length > 0; budget--) {
      const change = this.#changes[0] as Change;
      const row = change.rows[change.next++] as number;
      if (change.next === change.rows.length) this.#changes.shift();
      const before = this.#coverOf.get(row) ?? 0;
      const after = before + (change.begins ? 1 : -1);
      if (after === 0) this.#coverOf.delete(row);
      else this.#coverOf.set(row, after);
      if (before === 0) this.#apply(row, EVENT.maintenanceBegan);
      else if (after === 0) this.#apply(row, EVENT.maintenanceEnded);
    }
  }
}
