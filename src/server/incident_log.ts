/**
 * The incidents the engine told of: the open ones and the last that closed. Server thread only. Bounded, because half a fleet
 * may fail at once: past 10,000 open ones further incidents are not listed here, while the metrics still count
 * them, and the API shows both figures.
 */
import type { IncidentEvent } from "./messages.ts";

const MAX_OPEN = 10_000;
const MAX_CLOSED = 200;

/** A closed incident: its last step, and the last error of the steps before, which the recovery has none of. */
export interface ClosedEntry {
  readonly event: IncidentEvent;
  readonly lastError: string;
}

export interface IncidentLog {
  take(event: IncidentEvent): void;
  /** The last step of each, the most recently begun first. */
  open(limit: number): IncidentEvent[];
  openOf(row: number): IncidentEvent | undefined;
  /** The most recently closed first. */
  closed(limit: number): ClosedEntry[];
}

export function createIncidentLog(): IncidentLog {
  /** By row, which has one at a time, in the order they began. */
  const open = new Map<number, IncidentEvent>();
  const closed: ClosedEntry[] = [];
  return {
    take(event) {
      const known = open.get(event.row);
      const before = known?.id === event.id ? known : undefined;
      if (event.open) {
        if (known === undefined && open.size >= MAX_OPEN) return;
        open.set(event.row, event.error === "" ? { ...event, error: before?.error ?? "" } : event);
        return;
      }
      if (before !== undefined) open.delete(event.row);
      closed.push({ event, lastError: event.error || (before?.error ?? "") });
      if (closed.length > MAX_CLOSED) closed.shift();
    },
    open: (limit) => [...open.values()].slice(-limit).reverse(),
    openOf: (row) => open.get(row),
    closed: (limit) => closed.slice(-limit).reverse(),
  };
}
