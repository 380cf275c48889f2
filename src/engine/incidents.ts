/**
 * The troubles that are going on: one record per failing monitor, from its first failed check to its recovery. Few at a
 * time compared with monitors, so they are objects on the engine's heap. Its id ties all messages of one trouble together.
 */
import { assert } from "../base/assert.ts";
import type { Color } from "../model/color.ts";

/** Lines of "what was tried" that are kept, the most recent ones. */
const TRIED_KEPT = 10;

export interface Incident {
  /** Engine's number, also in the row's `incident` column; never 0. */
  readonly number: number;
  /** Unique across restarts. */
  readonly id: string;
  readonly row: number;
  readonly sinceWallMs: number;
  readonly sinceMonoMs: number;
  /** True once the threshold was reached; before that the monitor is only degraded. */
  opened: boolean;
  /** Goes up with every change of state: a timer set before is stale. */
  stage: number;
  /** Decisions so far. */
  seq: number;
  error: string;
  output: string;
  readonly tried: string[];
  /** Why its repair is held back, as far as people were told; "" = it is not. */
  held: string;
  /** Why alerts of it were not sent one by one. */
  keptBack: "dependency" | "digest" | undefined;
  /** Monotonic ms of the last message per colour, for cool-downs. */
  readonly sentAtMs: Partial<Record<Color, number>>;
}

export interface Incidents {
  of(row: number): Incident | undefined;
  begin(row: number, at: { readonly wallMs: number; readonly monoMs: number }): Incident;
  end(row: number): void;
}

export function createIncidents(newId: (number: number) => string): Incidents {
  const byRow = new Map<number, Incident>();
  let last = 0;
  return {
    of: (row) => byRow.get(row),
    begin(row, at) {
      assert(!byRow.has(row), `row ${row} has an incident already`);
      last = last === 0xffffffff ? 1 : last + 1;
      const incident: Incident = {
        number: last,
        id: newId(last),
        row,
        sinceWallMs: at.wallMs,
        sinceMonoMs: at.monoMs,
        opened: false,
        stage: 0,
        seq: 0,
        error: "",
        output: "",
        tried: [],
        held: "",
        keptBack: undefined,
        sentAtMs: {},
      };
      byRow.set(row, incident);
      return incident;
    },
    end: (row) => void byRow.delete(row),
  };
}

export function recordTried(incident: Incident, line: string): void {
  incident.tried.push(line);
  if (incident.tried.length > TRIED_KEPT) incident.tried.shift();
}
