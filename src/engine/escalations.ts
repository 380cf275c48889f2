/**
 * Tells the next ones while nobody acknowledges: each step of a red code has its time after the first red and its
 * channels. Who was told stands in the incident (`told`), so a restart goes on where it was. Typical load: a few timers.
 */
import type { Clock } from "../base/clock.ts";
import { FLAG, STATE } from "../model/state.ts";
import type { World } from "../world/world.ts";
import { DueHeap } from "./due_heap.ts";
import type { Incident, Incidents } from "./incidents.ts";

/** Looked at again after this while repairs, verification or maintenance go on, or it is silenced. */
const AGAIN_MS = 60_000;

export interface EscalationsOptions {
  readonly world: World;
  readonly incidents: Incidents;
  readonly clock: Clock;
  /** Why alerts of this row are kept back now. */
  readonly keptBack: (row: number) => boolean;
  readonly tell: (row: number, incident: Incident, step: number, channels: readonly number[]) => void;
}

interface Due {
  readonly dueMs: number;
  readonly row: number;
  readonly incident: Incident;
  /** From 0. */
  readonly step: number;
}

export class Escalations {
  readonly #options: EscalationsOptions;
  readonly #due = new DueHeap<Due>();
  readonly #scheduled = new WeakSet<Incident>();

  constructor(options: EscalationsOptions) {
    this.#options = options;
  }

  /** Red was decided, now or by an earlier process. */
  begin(row: number, incident: Incident): void {
    const redMs = incident.sentAtMs.red;
    if (redMs === undefined || this.#scheduled.has(incident)) return;
    const steps = this.#steps(row);
    if (steps.length === 0) return;
    this.#scheduled.add(incident);
    for (const [step, { afterMs }] of steps.entries()) {
      this.#due.push({ dueMs: redMs + afterMs, row, incident, step });
    }
  }

  /** Channels of its steps that know of the incident: they have to hear of its end. */
  told(row: number, incident: Incident): number[] {
    return this.#steps(row).flatMap(({ channels }) =>
      channels.filter((channel) => incident.told.has(channel))
    );
  }

  tick(nowMs: number): void {
    for (let due = this.#due.popDue(nowMs); due !== undefined; due = this.#due.popDue(nowMs)) {
      this.#look(due, nowMs);
    }
  }

  get earliestMs(): number {
    return this.#due.earliestMs;
  }

  #look(due: Due, nowMs: number): void {
    const { world, incidents, keptBack, tell } = this.#options;
    const { row, incident, step } = due;
    if (incidents.of(row) !== incident || incident.acknowledged !== undefined) return;
    const { state, flags } = world.columns;
    const red = ((flags[row] as number) & FLAG.redSent) !== 0 &&
      (state[row] === STATE.down || state[row] === STATE.repairing);
    if (!red || keptBack(row)) return this.#due.push({ ...due, dueMs: nowMs + AGAIN_MS });
    const channels = this.#steps(row)[step]?.channels.filter((channel) => !incident.told.has(channel)) ?? [];
    if (channels.length > 0) tell(row, incident, step, channels);
  }

  #steps(row: number) {
    const { world } = this.#options;
    return world.policies[world.columns.policy[row] as number]?.codes.red?.escalate ?? [];
  }
}
