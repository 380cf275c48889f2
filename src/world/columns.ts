/**
 * The columns of the world: what a monitor is at this moment, one typed array per property, one index (row) per monitor.
 * Written by the engine thread only; workers and the server read with plain loads and may see a value a moment late.
 * Sized once at capacity: pages that no row has touched cost nothing.
 *
 * 68 bytes a row. Texts are in the arena (arena.ts); what many monitors share is a policy (policy.ts).
 */
import { type ColumnShape, type ColumnsOf, createLayout, type Layout } from "../shm/layout.ts";

/** name → type, who writes it (all on the engine thread), meaning. Widest types first, which keeps every column aligned. */
const COLUMNS = {
  wheelNext: { type: "i32", writer: "wheel", meaning: "next row in the same wheel slot, -1 = none" },
  wheelPrevious: { type: "i32", writer: "wheel", meaning: "previous row in the same wheel slot, -1 = none" },
  due: { type: "u32", writer: "schedule", meaning: "when the next event is due, wheel ticks" },
  policy: { type: "u32", writer: "add", meaning: "index into policies" },
  attributes: { type: "u32", writer: "add", meaning: "arena offset of groups, labels, …; 0 = all empty" },
  text: { type: "u32", writer: "add", meaning: "arena offset of name, target, remedy target" },
  identity: { type: "u32", writer: "add", meaning: "hash of the name: phase, lookup by name" },
  generation: {
    type: "u32",
    writer: "dispatch",
    meaning: "number of the job sent last; other results are late",
  },
  value: { type: "u32", writer: "apply", meaning: "the number that belongs to reason: status, errno, limit" },
  latencyUs: { type: "u32", writer: "apply", meaning: "duration of the last check, µs" },
  checkedAt: { type: "u32", writer: "apply", meaning: "end of last check, wall clock, seconds; 0 = never" },
  since: { type: "u32", writer: "apply", meaning: "last change of state, wall clock, seconds; 0 = never" },
  incident: { type: "u32", writer: "apply", meaning: "number of the open incident, 0 = none" },
  failures: { type: "u16", writer: "apply", meaning: "failed checks in a row, saturating" },
  successes: { type: "u16", writer: "apply", meaning: "passed checks in a row, saturating" },
  verifyLeft: { type: "u16", writer: "apply", meaning: "passes still needed after a repair" },
  attempts: { type: "u16", writer: "apply", meaning: "repairs tried in this incident" },
  certificateDay: {
    type: "u16",
    writer: "apply",
    meaning: "day since 1970 on which the certificate last seen ends, 0 = none seen",
  },
  state: { type: "u8", writer: "apply", meaning: "index into the states; 0 = pending" },
  flags: { type: "u8", writer: "apply", meaning: "bits of the state machine" },
  outcome: { type: "u8", writer: "apply", meaning: "index into OUTCOMES, of the last check" },
  reason: { type: "u8", writer: "apply", meaning: "index into REASONS, of the last check" },
  gone: { type: "u8", writer: "remove", meaning: "1 = no monitor any more; what it was stays readable" },
  job: { type: "u8", writer: "dispatch", meaning: "bits about the check that is out, see engine/checks.ts" },
} as const;

type Shape = {
  readonly [Name in keyof typeof COLUMNS]: {
    readonly type: typeof COLUMNS[Name]["type"];
    readonly length: number;
  };
};
export type Columns = ColumnsOf<Shape>;

/** Beside the columns: how many rows are or were in use, and how many of them are no monitor any more. */
type BlockShape = Shape & {
  readonly count: { readonly type: "u32"; readonly length: 1 };
  readonly goneCount: { readonly type: "u32"; readonly length: 1 };
};

/** How the columns of a world with this capacity lie in their buffer; each side makes it for itself. */
export function columnLayout(capacity: number): Layout<ColumnsOf<BlockShape>> {
  const shape: Record<string, ColumnShape> = {
    count: { type: "u32", length: 1 },
    goneCount: { type: "u32", length: 1 },
  };
  for (const [name, { type }] of Object.entries(COLUMNS)) shape[name] = { type, length: capacity };
  return createLayout(shape as unknown as BlockShape);
}

/** What happened to a monitor. `generation` goes on, so that a result for the row's last user never fits. */
export const STATE_COLUMNS = [
  "value",
  "latencyUs",
  "checkedAt",
  "since",
  "incident",
  "failures",
  "successes",
  "verifyLeft",
  "attempts",
  "state",
  "flags",
  "outcome",
  "reason",
  "job",
] as const;
