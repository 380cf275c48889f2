/**
 * The kill switch: a file. While it exists no repair begins; it outlives restarts because files do. `cpra freeze` makes it,
 * `cpra unfreeze` removes it, a running cpra looks at it once a second without waiting for the disk.
 */
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Io } from "./io.ts";
import { stateFolder } from "./state_option.ts";

const LOOK_MS = 1000;

/** The file where nobody named one: beside the journal, or where that would be if state were not kept in memory. */
export function defaultFreezeFile(
  state: string | null,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return join(stateFolder(state, env) ?? stateFolder(null, env) ?? ".", "freeze");
}

export interface FreezeOptions {
  readonly file: string;
  readonly reason: string | undefined;
}

export async function runFreeze({ file, reason }: FreezeOptions, io: Io): Promise<number> {
  const text = `${new Date().toISOString()} ${reason ?? "no reason given"}\n`;
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch (error) {
    io.err(`Cannot freeze: ${(error as Error).message}`);
    return 1;
  }
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    if (codeOf(error) === "EEXIST") io.out(`Remediation is frozen already: ${file} exists`);
    else io.err(`Cannot freeze: ${(error as Error).message}`);
    return codeOf(error) === "EEXIST" ? 0 : 1;
  }
  io.out(`Remediation is frozen: ${file}; within a second no repair begins, until cpra unfreeze`);
  return 0;
}

export async function runUnfreeze(file: string, io: Io): Promise<number> {
  try {
    await rm(file);
  } catch (error) {
    if (codeOf(error) === "ENOENT") io.out(`Remediation is not frozen: there is no ${file}`);
    else io.err(`Cannot unfreeze: ${(error as Error).message}`);
    return codeOf(error) === "ENOENT" ? 0 : 1;
  }
  io.out(`Remediation is released: ${file} is gone; repairs that still are needed go on`);
  return 0;
}

export interface FreezeWatch {
  stop(): void;
}

/**
 * Looks once now, before it returns, and then every second. A file that cannot be looked at for another reason than that it does
 * not exist counts as a freeze: `trouble` is told of it, once until it is over.
 */
export async function watchFreezeFile(file: string, told: {
  readonly change: (frozen: boolean) => void;
  readonly trouble: (text: string) => void;
}): Promise<FreezeWatch> {
  let stopped = false;
  let frozen: boolean | undefined;
  let troubled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async () => {
    const fault = await stat(file).then(() => "", codeOf);
    if (stopped) return;
    const inTrouble = fault !== "" && fault !== "ENOENT" && fault !== "ENOTDIR";
    if (inTrouble && !troubled) told.trouble(`Cannot look at ${file} (${fault}): repairs are held back`);
    troubled = inTrouble;
    const now = fault === "" || inTrouble;
    if (now !== frozen) told.change(frozen = now);
    timer = setTimeout(look, LOOK_MS);
  };
  await look();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
