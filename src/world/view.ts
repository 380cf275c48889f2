/**
 * Lists of monitors for the server: rows in order, filtered, a page at a time. Load: a person's request now and then over
 * up to a million rows; a scan by state reads one byte a row, a scan by name decodes each name without making a string.
 */
import type { WorldView } from "./world.ts";

export interface MonitorFilter {
  /** Index into the states. */
  readonly state?: number;
  /** Part of the name, exact case. */
  readonly name?: string;
  /** nextCursor of the page before. */
  readonly cursor?: number;
  /** Most rows of one page, at least 1. */
  readonly limit: number;
}

export interface MonitorPage {
  readonly rows: readonly number[];
  /** Where the next page begins; null when there is no further match. */
  readonly nextCursor: number | null;
}

export function listMonitors(view: WorldView, filter: MonitorFilter): MonitorPage {
  const { state, limit } = filter;
  const nameMatches = filter.name === undefined || filter.name === ""
    ? undefined
    : view.nameMatcher(filter.name);
  const states = view.columns.state;
  const count = view.count;
  const rows: number[] = [];
  for (let row = filter.cursor ?? 0; row < count; row++) {
    if (!view.isMonitor(row)) continue;
    if (state !== undefined && states[row] !== state) continue;
    if (nameMatches !== undefined && !nameMatches(row)) continue;
    if (rows.length === limit) return { rows, nextCursor: row };
    rows.push(row);
  }
  return { rows, nextCursor: null };
}
