/** Aliases make a short text stand for a large tree ("billion laughs"); this refuses it before anything walks it out. */
import { DEPTH_MAX, EXPANDED_VALUES_MAX } from "./limits.ts";

interface Weight {
  readonly values: number;
  readonly depth: number;
}

/** What is wrong with a tree built by aliases, or undefined. Shared objects count once per use but are walked once. */
export function aliasFault(value: unknown): string | undefined {
  const weights = new Map<object, Weight>();
  const open = new Set<object>();
  let cyclic = false;
  const weigh = (node: unknown, level: number): Weight => {
    if (node === null || typeof node !== "object") return { values: 1, depth: 1 };
    const known = weights.get(node);
    if (known !== undefined) return known;
    if (open.has(node)) cyclic = true;
    if (cyclic || level > DEPTH_MAX) return { values: 1, depth: level };
    open.add(node);
    let values = 1;
    let depth = 0;
    for (const child of Object.values(node)) {
      const weight = weigh(child, level + 1);
      values += weight.values;
      depth = Math.max(depth, weight.depth);
    }
    open.delete(node);
    const weight = { values, depth: depth + 1 };
    weights.set(node, weight);
    return weight;
  };
  const { values, depth } = weigh(value, 1);
  if (cyclic) return "an alias leads back into the mapping or list that it stands in";
  if (depth > DEPTH_MAX) return `nested deeper than ${DEPTH_MAX} levels once its aliases are followed`;
  if (values > EXPANDED_VALUES_MAX) return `its aliases stand for more than ${EXPANDED_VALUES_MAX} values`;
  return undefined;
}
