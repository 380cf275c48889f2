/**
 * `deno task mutants [NAME…]`: proves the simulation. Each patch in tests/simulation/mutants is a bug; it is applied to a copy of
 * the sources, and seeds are played until a judge sees it. Prints one line of JSON per mutant; the exit code is 1 when one
 * was not found within its budget.
 */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Played } from "../tests/simulation/play.ts";
import type { Ticket } from "../tests/simulation/swarm.ts";

export interface Found {
  readonly mutant: string;
  readonly found: boolean;
  readonly seed?: number;
  readonly promise?: string;
  readonly seconds: number;
}

const ROOT = new URL("..", import.meta.url).pathname;
export const MUTANTS = join(ROOT, "tests/simulation/mutants");
const SEEDS: readonly Ticket[] = Array.from({ length: 40 }, (_, index) => [index + 1, "hot"]);
/** What CI gives the simulation. */
const BUDGET_MS = 90_000;
const AT_ONCE = 2;

/** Throws when the patch does not apply. */
export async function hunt(mutant: string): Promise<Found> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-mutant-"));
  try {
    for (const part of ["src", "tests/simulation", "tests/support", "mock-servers", "package.json"]) {
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const patch = join(MUTANTS, `${mutant}.patch`);
    const { status, stderr } = spawnSync("git", ["apply", patch], { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`${mutant} does not apply: ${stderr}`);
    return { mutant, ...await playUntilBroken(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function playUntilBroken(folder: string): Promise<Omit<Found, "mutant">> {
  const startedMs = performance.now();
  const args = ["tests/simulation/swarm.ts", JSON.stringify(SEEDS), "stop"];
  const child = spawn(`${ROOT}node_modules/.bin/bun`, args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
    timeout: BUDGET_MS,
    killSignal: "SIGKILL",
  });
  let broken: Played | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const played = JSON.parse(line) as Played;
    if (played.violations.length > 0) broken = played;
  }
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const promise = broken?.violations[0]?.promise;
  if (broken === undefined || promise === undefined) return { found: false, seconds };
  return { found: true, seed: broken.seed, promise, seconds };
}

if (import.meta.main) {
  const names = process.argv.slice(2);
  const queue = names.length > 0
    ? names
    : readdirSync(MUTANTS).sort().map((file) => file.replace(/\.patch$/, ""));
  const all: Found[] = [];
  const work = async () => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const found = await hunt(mutant);
      all.push(found);
      process.stdout.write(`${JSON.stringify(found)}\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const found = all.filter((each) => each.found).length;
  process.stdout.write(`${JSON.stringify({ mutants: all.length, found })}\n`);
  process.exit(found === all.length ? 0 : 1);
}
