/**
 * Many monitors at once, on their way from a loader thread to the world: what many share as specs, the rest as numbers
 * and bytes in two buffers that move between threads without a copy.
 *
 *   words: | spec, line, column, hash low, hash high, bytes of name, target, remedy target, attributes | per row
 *   bytes: | name target remedy-target attributes | per row, UTF-8, nothing between
 */
import type { MonitorSpec } from "./monitor.ts";

export interface MonitorRows {
  /** Name, targets and attributes of these are empty. The same object stands for the same spec from block to block. */
  readonly specs: readonly MonitorSpec[];
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Position of each number of a row. */
export const ROW = {
  spec: 0,
  /** Of the monitor's place; a line counts from the block's first (0). */
  line: 1,
  column: 2,
  hashLow: 3,
  hashHigh: 4,
  nameBytes: 5,
  targetBytes: 6,
  remedyTargetBytes: 7,
  attributesBytes: 8,
} as const;
export const ROW_WORDS = 9;

/** JSON of what people sort monitors by, "" when all of it is empty. */
export function attributesJson(
  { groups, labels, dependsOn, metadata }: Pick<MonitorSpec, "groups" | "labels" | "dependsOn" | "metadata">,
): string {
  if (groups.length === 0 && dependsOn.length === 0 && isEmpty(labels) && isEmpty(metadata)) return "";
  return JSON.stringify({ groups, labels, dependsOn, metadata });
}

function isEmpty(record: Readonly<Record<string, unknown>>): boolean {
  for (const _ in record) return false;
  return true;
}

/** The monitor without what differs from monitor to monitor. */
export function sharedSpec(spec: MonitorSpec): MonitorSpec {
  return {
    ...spec,
    name: "",
    probe: { ...spec.probe, target: "" },
    ...(spec.remedy === undefined ? {} : { remedy: { ...spec.remedy, target: "" } }),
    groups: [],
    labels: {},
    dependsOn: [],
    metadata: {},
  };
}
