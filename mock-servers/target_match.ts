/** Which targets of the mock fleet a fault is for. Everything given must hold; nothing given is an error, never "all". */
import { type Schema, z } from "../src/base/schema.ts";

export interface TargetMatch {
  readonly index?: number | undefined;
  /** First and last, both included. */
  readonly range?: readonly [number, number] | undefined;
  readonly port?: number | undefined;
  /** 0 to 1: a seeded choice, of which a smaller fraction is always a part. */
  readonly fraction?: number | undefined;
  readonly all?: true | undefined;
}

const INDEX = z.number().int().min(0);

export const MATCH_SCHEMA: Schema<TargetMatch> = z.strictObject({
  index: INDEX.optional(),
  range: z.tuple([INDEX, INDEX]).refine(([first, last]) => first <= last, "expected [first, last]")
    .optional(),
  port: z.number().int().min(1).max(65_535).optional(),
  fraction: z.number().min(0).max(1).optional(),
  all: z.literal(true).optional(),
}).refine(
  (match) => Object.keys(match).length > 0,
  "expected at least one of index, range, port, fraction, all",
);

export interface MatchSpace {
  readonly count: number;
  readonly seed: number;
  portOf(index: number): number;
}

export function matchTargets(match: TargetMatch, space: MatchSpace): readonly number[] {
  const parsed = MATCH_SCHEMA.parse(match);
  const first = Math.max(parsed.range?.[0] ?? 0, parsed.index ?? 0);
  const last = Math.min(
    parsed.range?.[1] ?? space.count - 1,
    parsed.index ?? space.count - 1,
    space.count - 1,
  );
  const indices: number[] = [];
  for (let index = first; index <= last; index++) {
    if (parsed.port !== undefined && space.portOf(index) !== parsed.port) continue;
    if (parsed.fraction !== undefined && share(index, space.seed) >= parsed.fraction) continue;
    indices.push(index);
  }
  return indices;
}

/** A fixed number in [0, 1) for each target: MurmurHash3's fmix32 over index and seed. */
function share(index: number, seed: number): number {
  let mixed = Math.imul(index ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 4294967296;
}
