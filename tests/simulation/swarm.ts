/**
 * Many seeds, one after another: what `deno task simulate` and the tests run. As a program it takes a JSON list of
 * [seed, profile] as its argument and prints one line of JSON per seed, so that two runtimes can share the seeds of a run.
 */
import process from "node:process";
import type { Promised } from "./judge.ts";
import { Coverage } from "./coverage.ts";
import { planOf, type Profile } from "./plan.ts";
import { play, type Played } from "./play.ts";

export type Ticket = readonly [seed: number, profile: Profile];

export interface SwarmFigures {
  readonly seeds: number;
  readonly monitorYears: number;
  readonly crashes: number;
  readonly tornTails: number;
  readonly checks: number;
  readonly alerts: number;
  readonly repeats: number;
  readonly repairs: number;
  /** By promise; none = all were kept. */
  readonly broken: Readonly<Partial<Record<Promised, number>>>;
  /** The first one of each seed. */
  readonly first: readonly string[];
  readonly missingCells: readonly string[];
}

const HOURS_A_YEAR = 8766;

export function sumUp(all: readonly Played[]): SwarmFigures {
  const sum = (of: (each: Played) => number) => all.reduce((total, each) => total + of(each), 0);
  const coverage = new Coverage();
  const broken: Partial<Record<Promised, number>> = {};
  for (const each of all) {
    coverage.add(new Map(each.coverage));
    for (const { promise } of each.violations) broken[promise] = (broken[promise] ?? 0) + 1;
  }
  return {
    seeds: all.length,
    monitorYears: Math.round(sum(({ monitorHours }) => monitorHours) / HOURS_A_YEAR * 10) / 10,
    crashes: sum(({ crashes }) => crashes),
    tornTails: sum(({ tornTails }) => tornTails),
    checks: sum(({ checks }) => checks),
    alerts: sum(({ alerts }) => alerts),
    repeats: sum(({ repeats }) => repeats),
    repairs: sum(({ repairs }) => repairs),
    broken,
    first: all.flatMap(({ seed, profile, violations: [first] }) =>
      first === undefined
        ? []
        : [`seed ${seed} ${profile}: ${first.promise} at ${first.atMs} ms: ${first.detail}`]
    ),
    missingCells: coverage.missing(),
  };
}

/** Stops at the first broken promise when told to. */
export async function playAll(
  tickets: readonly Ticket[],
  options: {
    readonly told?: (played: Played) => void;
    readonly untilMs?: number;
    readonly stopAtFirst?: boolean;
  } = {},
): Promise<Played[]> {
  const all: Played[] = [];
  for (const [seed, profile] of tickets) {
    if (performance.now() > (options.untilMs ?? Infinity)) break;
    const played = await play(planOf(seed, profile));
    all.push(played);
    options.told?.(played);
    if (options.stopAtFirst === true && played.violations.length > 0) break;
  }
  return all;
}

if (import.meta.main) {
  const tickets = JSON.parse(process.argv[2] ?? "[]") as Ticket[];
  await playAll(tickets, {
    stopAtFirst: process.argv[3] === "stop",
    told: (played) => {
      process.stdout.write(`${JSON.stringify({ ...played, coverage: [...played.coverage] })}\n`);
    },
  });
}
