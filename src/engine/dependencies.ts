/**
 * `depends_on` at run time: which rows a row depends on. Only monitors that name a parent cost memory. Built at start, asked
 * for when an alert or a repair is due, never per check. A cycle (a lenient load lets one pass) ends the walk, no more.
 */
import { hashText } from "../base/hash.ts";
import type { WorldView } from "../world/world.ts";

export interface Dependencies {
  /** The nearest row it depends on, however far up, for which `isDown` holds; -1 when there is none. */
  downAbove(row: number, isDown: (row: number) => boolean): number;
}

/** `parents`: row → the rows it depends on. */
export function createDependencies(parents: ReadonlyMap<number, readonly number[]>): Dependencies {
  return {
    downAbove(row, isDown) {
      const first = parents.get(row);
      if (first === undefined) return -1;
      const seen = new Set([row]);
      const queue = [...first];
      for (const each of queue) {
        if (seen.has(each)) continue;
        seen.add(each);
        if (isDown(each)) return each;
        queue.push(...parents.get(each) ?? []);
      }
      return -1;
    },
  };
}

/** `parentsOf`: row → names, as the manifest has them. Names that no monitor has are passed over. */
export function parentRows(
  world: WorldView,
  parentsOf: ReadonlyMap<number, readonly string[]>,
): Map<number, readonly number[]> {
  const rowOf = rowsByName(world, new Set([...parentsOf.values()].flat()));
  const parents = new Map<number, readonly number[]>();
  for (const [row, names] of parentsOf) {
    const rows = names.map((name) => rowOf.get(name)).filter((each) => each !== undefined);
    if (rows.length > 0) parents.set(row, rows);
  }
  return parents;
}

/** One pass over the identities; only rows whose hash fits are read. */
export function rowsByName(world: WorldView, names: ReadonlySet<string>): Map<string, number> {
  const found = new Map<string, number>();
  if (names.size === 0) return found;
  const wanted = new Set([...names].map(hashText));
  const { identity } = world.columns;
  for (let row = 0; row < world.count; row++) {
    if (!wanted.has(identity[row] as number) || !world.isMonitor(row)) continue;
    const name = world.name(row);
    if (names.has(name)) found.set(name, row);
  }
  return found;
}
