/** `cpra reload`: asks a running cpra over its API, because only its answer can tell what became of it. */
import { readFile } from "node:fs/promises";
import type { Environment } from "../manifest/variables.ts";
import type { ReloadOptions } from "./command.ts";
import type { Io } from "./io.ts";

/** As long as the server waits for its engine. */
const ANSWER_MS_MAX = 300_000;

interface Surroundings {
  readonly env: Environment;
  readonly io: Io;
}

/** 0: the new manifest runs; 1: the old one does, and why. */
export async function runReload(options: ReloadOptions, { env, io }: Surroundings): Promise<number> {
  try {
    return await ask(options, { env, io });
  } catch (error) {
    io.err(`Cannot reload: ${(error as Error).message}`);
    return 1;
  }
}

async function ask(
  { force, endpoint, tokenFile }: ReloadOptions,
  { env, io }: Surroundings,
): Promise<number> {
  const token = tokenFile === undefined ? env["CPRA_TOKEN"] : (await readFile(tokenFile, "utf8")).trim();
  if (token === undefined || token === "") throw new Error("no token: use --token-file or CPRA_TOKEN");
  const answer = await fetch(new URL(`/-/reload${force ? "?force=1" : ""}`, endpoint), {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
    redirect: "error",
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const body = await answer.json() as Readonly<Record<string, unknown>>;
  for (const line of linesOf(body["warnings"])) io.err(line);
  if (answer.ok) {
    const { monitors, added, changed, removed } = body;
    io.out(`Reloaded: ${monitors} monitors (${added} added, ${changed} changed, ${removed} removed)`);
    for (const key of linesOf(body["needRestart"])) io.err(`The setting ${key} takes effect with a restart`);
    return 0;
  }
  for (const line of linesOf(body["problems"])) io.err(line);
  io.err(`Cannot reload: ${body["error"]}`);
  return 1;
}

function linesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
