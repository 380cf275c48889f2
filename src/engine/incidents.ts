/**
 * The troubles that are going on: one record per failing monitor, from its first failed check to its recovery. Few at a
 * time compared with monitors, so they are objects on the engine's heap. Its id ties all messages of one trouble together.
 */
import { assert } from "../base/assert.ts";
import type { Color } from "../model/color.ts";
import type { StoredIncident } from "../model/journal_record.ts";

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
  keptBack: StoredIncident["keptBack"];
  /** Who takes care of it: what was told is not repeated, and nobody else is called. */
  acknowledged: { readonly by: string; readonly atWallMs: number } | undefined;
  /** Through what its trouble was told on a channel: "" = an alert of its own, else the id of a digest. */
  readonly told: Map<number, string>;
  /** Monotonic ms of the last message per colour, for cool-downs. */
  readonly sentAtMs: Partial<Record<Color, number>>;
  /** Monotonic ms: end of the wait before the next repair; 0 when none waits. */
  backoffDueMs: number;
}

/** What an incident of an earlier process goes on with. */
export type IncidentPast = Pick<
  Incident,
  | "id"
  | "sinceWallMs"
  | "sinceMonoMs"
  | "opened"
  | "seq"
  | "error"
  | "output"
  | "tried"
  | "sentAtMs"
  | "keptBack"
  | "told"
  | "acknowledged"
>;

export interface Incidents {
  of(row: number): Incident | undefined;
  /** Searched one by one: for a request of a person. */
  byId(id: string): Incident | undefined;
  begin(row: number, at: { readonly wallMs: number; readonly monoMs: number }): Incident;
  /** Goes on with an incident that began in an earlier process. */
  resume(row: number, past: IncidentPast): Incident;
  end(row: number): void;
}

export function createIncidents(newId: (number: number) => string): Incidents {
  const byRow = new Map<number, Incident>();
  let last = 0;
  const add = (row: number, past: (number: number) => IncidentPast): Incident => {
    assert(!byRow.has(row), `row ${row} has an incident already`);
    last = last === 0xffffffff ? 1 : last + 1;
    const incident: Incident = { ...past(last), number: last, row, stage: 0, held: "", backoffDueMs: 0 };
    byRow.set(row, incident);
    return incident;
  };
  return {
    of: (row) => byRow.get(row),
    byId: (id) => [...byRow.values()].find((incident) => incident.id === id),
    begin: (row, { wallMs, monoMs }) =>
      add(row, (number) => ({
        id: newId(number),
        sinceWallMs: wallMs,
        sinceMonoMs: monoMs,
        opened: false,
        seq: 0,
        error: "",
        output: "",
        tried: [],
        keptBack: undefined,
        acknowledged: undefined,
        told: new Map(),
        sentAtMs: {},
      })),
    resume: (row, past) => add(row, () => past),
    end: (row) => void byRow.delete(row),
  };
}

export function recordTried(incident: Incident, line: string): void {
  incident.tried.push(line);
  if (incident.tried.length > TRIED_KEPT) incident.tried.shift();
}
