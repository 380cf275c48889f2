// deno-lint-ignore-file camelcase -- faults as reports spell them
/** Which fault met which state: a run in which a cell was never hit has proved nothing about it. */
import { STATES } from "../../src/model/state.ts";
import { type Fault, FAULTS } from "./faults.ts";

/** As people see them, with the wait before a repair apart from the repair. */
export const CELL_STATES = [...STATES.filter((state) => state !== "suspect"), "backoff"] as const;

/** Faults of a job meet only the states in which there is such a job. */
const ONLY_IN: Readonly<Partial<Record<Fault, readonly string[]>>> = {
  // While a repair runs, which takes a second or two, hardly any check of a name is out.
  resolver: ["pending", "up", "degraded", "down", "backoff", "verifying", "maintenance"],
  remedy_fails: ["repairing"],
  remedy_slow: ["repairing"],
  send_error: ["up", "degraded", "down", "repairing", "backoff", "verifying", "maintenance"],
  lost_ack: ["up", "degraded", "down", "repairing", "backoff", "verifying", "maintenance"],
  rate_limit: ["up", "degraded", "down", "repairing", "backoff", "verifying", "maintenance"],
  channel_down: ["up", "degraded", "down", "repairing", "backoff", "verifying", "maintenance"],
  refusal: ["up", "degraded", "down", "backoff", "verifying", "maintenance"],
  maintenance: ["up", "degraded", "down", "backoff", "verifying"],
};

export class Coverage {
  readonly hits = new Map<string, number>();

  hit(fault: Fault, state: string): void {
    const cell = `${fault} × ${state}`;
    this.hits.set(cell, (this.hits.get(cell) ?? 0) + 1);
  }

  add(other: ReadonlyMap<string, number>): void {
    for (const [cell, count] of other) this.hits.set(cell, (this.hits.get(cell) ?? 0) + count);
  }

  /** Cells that have to be hit, and were not. */
  missing(): string[] {
    return FAULTS.flatMap((fault) => (ONLY_IN[fault] ?? CELL_STATES).map((state) => `${fault} × ${state}`))
      .filter((cell) => !this.hits.has(cell));
  }
}
