/**
 * Which alerts reach people one by one. Those of a monitor whose parent is down, and of one that fails with many others, do
 * not; a resolve does, unless everything before it was in a digest. What was kept back is owed: if the trouble outlives
 * the reason, it is told then.
 */
import type { Clock } from "../base/clock.ts";
import { type Color, COLORS } from "../model/color.ts";
import type { StoredIncident } from "../model/journal_record.ts";
import { FLAG, STATE } from "../model/state.ts";
import { type Suppression, SUPPRESSIONS } from "../telemetry/metric_table.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { World } from "../world/world.ts";
import type { Incident, Incidents } from "./incidents.ts";

const LOOK_MS = 1000;
const ROWS_PER_LOOK = 2000;
/** Beyond the interval: so long the reason has to be gone before what is owed is told. */
const GRACE_MS = 10_000;

export interface AlertFilterOptions {
  readonly world: World;
  readonly incidents: Incidents;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly intervalMs: (row: number) => number;
  /** Why alerts of this row are kept back now. */
  readonly reason: (row: number) => StoredIncident["keptBack"];
  readonly tell: (row: number, color: Color) => void;
  readonly suppressed: (row: number, color: Color, reason: Suppression) => void;
}

interface Owed {
  readonly row: number;
  readonly incident: Incident;
  /** Since when nothing stands against telling; -1 = something does. */
  freeSinceMs: number;
}

export class AlertFilter {
  readonly #options: AlertFilterOptions;
  readonly #owed = new Map<number, Owed>();
  #cursor: Iterator<Owed> = this.#owed.values();
  #lookAtMs = 0;

  constructor(options: AlertFilterOptions) {
    this.#options = options;
  }

  /** Troubles that people have not been told of one by one. */
  get owed(): number {
    return this.#owed.size;
  }

  /** Why alerts of this row are kept back now. */
  reason(row: number): StoredIncident["keptBack"] {
    return this.#options.reason(row);
  }

  mayTell(row: number, color: Color, incident: Incident): boolean {
    if (color === "gray") return true;
    if (color === "green") return this.#mayTellEnd(row, incident);
    if (incident.acknowledged !== undefined && incident.sentAtMs[color] !== undefined) {
      this.#count(row, color, "acknowledged");
      return false;
    }
    const reason = this.#options.reason(row);
    if (reason === undefined) return true;
    this.#count(row, color, reason);
    if (color !== "cyan" && incident.sentAtMs[color] === undefined) {
      incident.keptBack = reason;
      if (this.#owed.get(row)?.incident !== incident) this.#owed.set(row, { row, incident, freeSinceMs: -1 });
    }
    return false;
  }

  /** An incident of an earlier process. */
  resumed(row: number, incident: Incident): void {
    if (incident.keptBack !== undefined) this.#owed.set(row, { row, incident, freeSinceMs: -1 });
  }

  tick(nowMs: number): void {
    if (this.#owed.size === 0 || nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + LOOK_MS;
    for (let budget = Math.min(ROWS_PER_LOOK, this.#owed.size); budget > 0; budget--) {
      let next = this.#cursor.next();
      if (next.done === true) {
        this.#cursor = this.#owed.values();
        next = this.#cursor.next();
        if (next.done === true) return;
      }
      this.#look(next.value, nowMs);
    }
  }

  /** A resolve of what people were told only in a digest is in the digest's own; what nobody heard of has none. */
  #mayTellEnd(row: number, incident: Incident): boolean {
    const told = incident.sentAtMs.red !== undefined || incident.sentAtMs.yellow !== undefined;
    if (told || incident.keptBack === "dependency") return true;
    const reason = incident.keptBack ?? this.#options.reason(row);
    if (reason === undefined || reason === "dependency") return true;
    this.#count(row, "green", reason);
    return false;
  }

  #look(owed: Owed, nowMs: number): void {
    const { incidents, reason, intervalMs, tell } = this.#options;
    const { row, incident } = owed;
    if (incidents.of(row) !== incident) return void this.#owed.delete(row);
    if (reason(row) !== undefined) return void (owed.freeSinceMs = -1);
    if (owed.freeSinceMs < 0) owed.freeSinceMs = nowMs;
    if (nowMs - owed.freeSinceMs < intervalMs(row) + GRACE_MS) return;
    const color = this.#colorOf(row);
    if (color === undefined) return;
    this.#owed.delete(row);
    if (incident.sentAtMs[color] === undefined) tell(row, color);
  }

  /** What people would know by now; undefined while a repair or maintenance goes on. */
  #colorOf(row: number): Color | undefined {
    const { state, flags } = this.#options.world.columns;
    if (state[row] === STATE.degraded) return "yellow";
    const red = ((flags[row] as number) & FLAG.redSent) !== 0;
    return red && (state[row] === STATE.down || state[row] === STATE.repairing) ? "red" : undefined;
  }

  #count(row: number, color: Color, reason: Suppression): void {
    this.#options.suppressed(row, color, reason);
    this.#options.metrics.countSuppressed(COLORS.indexOf(color), SUPPRESSIONS.indexOf(reason));
  }
}
