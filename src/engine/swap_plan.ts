/**
 * Makes the plan of a swap (swap.ts) in the thread that read the new manifest: all of it can be posted to the engine's.
 * Also says how large the step is, so that a slip of the hand that empties the fleet can be refused.
 */
import type { MaintenanceWindow } from "../model/maintenance.ts";
import { CHANGED, differenceOf } from "../world/difference.ts";
import type { World, WorldHandle, WorldView } from "../world/world.ts";
import { FleetFacts, type FleetShape } from "./fleet_facts.ts";
import type { SwapPlan } from "./swap.ts";

export interface PlannedSwap extends Omit<SwapPlan, "candidate"> {
  readonly candidate: WorldHandle;
  /** Monitors after it. */
  readonly monitors: number;
  /** Rows beyond those there are, and bytes of text at most. */
  readonly room: { readonly rows: number; readonly textBytes: number };
}

export interface PlanOptions {
  readonly running: WorldView;
  /** Read anew; to be thrown away after the swap. */
  readonly candidate: World;
  /** From the engine. */
  readonly freeRows: Uint32Array;
  readonly windows: readonly MaintenanceWindow[];
  /** Those that are in force. */
  readonly windowsBefore: readonly MaintenanceWindow[];
}

export function planSwap(options: PlanOptions): PlannedSwap {
  const { candidate, freeRows, windows, windowsBefore } = options;
  const difference = differenceOf(options);
  const { added, removed, changed, changedWhat } = difference;
  const sameShape = added.length === 0 && removed.length === 0 &&
    !changedWhat.some((what) => what & CHANGED.attributes) &&
    JSON.stringify(windows) === JSON.stringify(windowsBefore);
  const rewritten = (added.length + changed.length) / Math.max(1, candidate.count);
  return {
    difference,
    candidate: candidate.handle(),
    shape: sameShape ? undefined : shapeOf(candidate, windows, difference.rowOf),
    monitors: candidate.count,
    room: {
      rows: Math.max(0, added.length - freeRows.length),
      textBytes: Math.ceil(candidate.arenaBytesUsed * rewritten),
    },
  };
}

/** The shape of the candidate, in rows of the world that runs. */
function shapeOf(candidate: World, windows: readonly MaintenanceWindow[], rowOf: Uint32Array): FleetShape {
  const facts = new FleetFacts(windows);
  facts.addRows(candidate, 0);
  const { groupSizes, parents, windows: covered } = facts.shape(candidate);
  const there = (row: number) => rowOf[row] as number;
  return {
    groupSizes,
    parents: new Map([...parents].map(([row, above]) => [there(row), above.map(there)])),
    windows: covered.map(({ window, rows }) => ({ window, rows: rows.map(there) })),
  };
}

/** Refused unless forced: more than this part of the monitors gone, or of the remedies changed; one is always allowed. */
export const REMOVED_PCT_MAX = 0.1;
export const REMEDIES_PCT_MAX = 0.2;

/** What makes the step too large to be taken without a word; empty: nothing. */
export function tooLarge({ difference }: Pick<PlannedSwap, "difference">, monitorsBefore: number): string[] {
  const { removed, remediesChanged, remedies } = difference;
  const why: string[] = [];
  if (removed.length > Math.max(1, REMOVED_PCT_MAX * monitorsBefore)) {
    why.push(
      `${removed.length} of ${monitorsBefore} monitors would go (more than ${REMOVED_PCT_MAX * 100} %)`,
    );
  }
  if (remediesChanged > Math.max(1, REMEDIES_PCT_MAX * remedies)) {
    why.push(
      `${remediesChanged} of ${remedies} remedies would change (more than ${REMEDIES_PCT_MAX * 100} %)`,
    );
  }
  return why;
}
