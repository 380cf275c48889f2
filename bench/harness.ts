/**
 * Compares ways of doing one thing: rounds of all ways interleaved, so that what else the machine does hits them alike; the
 * minimum and the median per operation; and a hash of what each computed, so that none wins by doing less.
 */
import { median } from "./report.ts";

/** Does the work once, from the same start every time, and returns a number that depends on all of it. */
export type Work = () => number;

export interface Bench {
  readonly name: string;
  /** Operations in one call of each work. */
  readonly operations: number;
  /** The first is what the others are compared with. */
  readonly ways: readonly { readonly name: string; readonly work: Work }[];
}

export interface Timing {
  readonly bench: string;
  readonly way: string;
  /** Per operation. */
  readonly minNs: number;
  readonly medianNs: number;
  /** This median by that of the first way: below 1 is faster. */
  readonly ratio: number;
  readonly hash: number;
}

/** Throws when two ways, or two rounds, computed different things. */
export function compare(bench: Bench, { rounds }: { readonly rounds: number }): readonly Timing[] {
  const timesNs = bench.ways.map((): number[] => []);
  const hashes = bench.ways.map(({ work }) => work());
  const expected = hashes[0] as number;
  const check = (way: number, hash: number) => {
    if (hash === expected) return;
    const { name } = bench.ways[way] as Bench["ways"][number];
    throw new Error(`${bench.name}: "${name}" computed ${hash}, "${bench.ways[0]?.name}" ${expected}`);
  };
  hashes.forEach((hash, way) => check(way, hash));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < bench.ways.length; turn++) {
      const way = (turn + round) % bench.ways.length;
      const startedMs = performance.now();
      const hash = (bench.ways[way] as Bench["ways"][number]).work();
      const tookMs = performance.now() - startedMs;
      check(way, hash);
      (timesNs[way] as number[]).push(tookMs * 1e6 / bench.operations);
    }
  }
  const base = median(timesNs[0] as number[]);
  return bench.ways.map(({ name }, way) => {
    const times = timesNs[way] as number[];
    const medianNs = median(times);
    return {
      bench: bench.name,
      way: name,
      minNs: Math.min(...times),
      medianNs,
      ratio: medianNs / base,
      hash: expected,
    };
  });
}

/** Mixes a value into a hash; both are unsigned 32 bit. */
export function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193) >>> 0;
}
