/**
 * Numbers plain JSON values: equal values get the same number. Made for a manifest, which gives every monitor fresh
 * objects of few distinct contents, mostly those of its neighbours: values are first compared with the last few distinct
 * ones, member by member, and only then looked up by their JSON (about five times dearer, measured).
 * Values whose keys stand in another order may get two numbers; that costs the user of the numbers memory, nothing else.
 */
const RECENT = 4;

export interface ValueTable {
  /** 0, 1, 2, … in order of first appearance. The table keeps the value: it must not be changed afterwards. */
  numberOf(value: unknown): number;
}

export function createValueTable(): ValueTable {
  const numbers = new Map<string, number>();
  const recentValues: unknown[] = new Array(RECENT).fill(undefined);
  const recentNumbers: number[] = new Array(RECENT).fill(-1);
  let next = 0;
  return {
    numberOf: (value) => {
      for (let i = 0; i < RECENT; i++) {
        if (recentNumbers[i] !== -1 && equalValues(recentValues[i], value)) return recentNumbers[i] as number;
      }
      const json = JSON.stringify(value) ?? "";
      const number = numbers.get(json) ?? numbers.size;
      numbers.set(json, number);
      recentValues[next] = value;
      recentNumbers[next] = number;
      next = (next + 1) % RECENT;
      return number;
    },
  };
}

function equalValues(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  return Array.isArray(left)
    ? equalLists(left, right as readonly unknown[])
    : equalRecords(left as Readonly<Record<string, unknown>>, right as Readonly<Record<string, unknown>>);
}

function equalLists(left: readonly unknown[], right: readonly unknown[]): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (!equalValues(left[i], right[i])) return false;
  return true;
}

/** A member that is undefined is as good as absent, as in JSON. */
function equalRecords(
  left: Readonly<Record<string, unknown>>,
  right: Readonly<Record<string, unknown>>,
): boolean {
  for (const key in left) if (!equalValues(left[key], right[key])) return false;
  for (const key in right) if (left[key] === undefined && right[key] !== undefined) return false;
  return true;
}
