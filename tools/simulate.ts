/**
 * `deno task simulate`: the engine on a virtual clock, with faults. Shares the seeds among processes of both runtimes and prints
 * one JSON of figures; the exit code is 1 when a promise was broken or a fault never met a state it must meet.
 *
 *   deno task simulate                     what CI runs: ≥ 30 monitor-years, ≥ 500 crashes
 *   deno task simulate --seed 35           replays one seed and prints what happens ("35w": a wide one)
 *   deno task simulate --hours 2           new seeds for that long
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { planOf } from "../tests/simulation/plan.ts";
import { play, type Played } from "../tests/simulation/play.ts";
import { sumUp, type SwarmFigures, type Ticket } from "../tests/simulation/swarm.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const SWARM = "tests/simulation/swarm.ts";
/** The seeds of CI: enough of both profiles for the years, the crashes and every cell of the coverage. */
export const CI_SEEDS: readonly Ticket[] = [
  ...Array.from({ length: 9 }, (_, index): Ticket => [index + 1, "wide"]),
  ...Array.from({ length: 32 }, (_, index): Ticket => [index + 1, "hot"]),
];
const WORKERS = 2;

export interface RunOptions {
  readonly tickets: readonly Ticket[];
  readonly untilMs?: number;
  readonly folder?: string;
  /** Ends at the first broken promise. */
  readonly stopAtFirst?: boolean;
}

/** Every second process is Bun's, the others are Deno's. */
export async function simulate(
  { tickets, untilMs = Infinity, folder = ROOT, stopAtFirst = false }: RunOptions,
): Promise<{
  readonly figures: SwarmFigures & { readonly seconds: number };
  readonly all: readonly Played[];
}> {
  const startedMs = performance.now();
  const all: Played[] = [];
  const queue = [...tickets];
  let stop = false;
  const work = async (isBun: boolean) => {
    while (queue.length > 0 && !stop && performance.now() < untilMs) {
      const [ticket] = queue.splice(0, 1);
      const played = await playOne(folder, isBun, ticket as Ticket);
      all.push(played);
      stop ||= stopAtFirst && played.violations.length > 0;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => work(index % 2 === 0)));
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  return { figures: { ...sumUp(all), seconds }, all };
}

async function playOne(folder: string, isBun: boolean, ticket: Ticket): Promise<Played> {
  const argument = JSON.stringify([ticket]);
  const [command, args] = isBun
    ? [`${ROOT}node_modules/.bin/bun`, [SWARM, argument]]
    : [process.execPath, ["run", "-A", "--no-check", SWARM, argument]];
  const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let error = "";
  child.stderr.on("data", (chunk) => error = `${error}${chunk}`.slice(-2000));
  let played: Played | undefined;
  for await (const line of createInterface({ input: child.stdout })) played = JSON.parse(line) as Played;
  if (played === undefined) throw new Error(`seed ${ticket.join(" ")} came to nothing: ${error}`);
  return played;
}

async function replay(text: string): Promise<boolean> {
  const plan = planOf(Number.parseInt(text), text.endsWith("w") ? "wide" : "hot");
  const played = await play(plan, { trace: (line) => process.stdout.write(`${line}\n`) });
  const { coverage: _, ...rest } = played;
  process.stdout.write(`${JSON.stringify(rest)}\n`);
  return played.violations.length === 0;
}

/** Seeds that CI does not have. */
function* newSeeds(): Generator<Ticket> {
  for (let seed = 1000 + Math.floor(Date.now() / 1000) % 1_000_000;; seed++) {
    yield [seed, seed % 5 === 0 ? "wide" : "hot"];
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seed: { type: "string" }, hours: { type: "string" } } });
  if (values.seed !== undefined) process.exit(await replay(values.seed) ? 0 : 1);
  const hours = Number(values.hours ?? 0);
  const seeds = newSeeds();
  const tickets = hours > 0
    ? Array.from({ length: Math.ceil(hours * 10_000) }, () => seeds.next().value as Ticket)
    : CI_SEEDS;
  const untilMs = hours > 0 ? performance.now() + hours * 3_600_000 : Infinity;
  const { figures } = await simulate({ tickets, untilMs });
  process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`);
  process.exit(figures.first.length + figures.missingCells.length > 0 ? 1 : 0);
}
