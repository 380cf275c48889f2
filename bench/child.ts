/** Processes of a bench: pinned to a core, ended by pid, waited for. */
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import process from "node:process";

export const ROOT = new URL("..", import.meta.url).pathname;
export const BINARY = `${ROOT}cpra`;

/** Where the client of a bench runs, and where its targets do: apart, where there is more than one core. */
export const CLIENT_CORE = availableParallelism() > 1 ? 0 : undefined;
export const TARGET_CORE = availableParallelism() > 1 ? availableParallelism() - 1 : undefined;

export interface ChildOptions {
  /** Undefined: wherever the kernel puts it. */
  readonly core: number | undefined;
  readonly cwd?: string;
  /** Takes what it writes, both streams; without it standard output is left to the caller. */
  readonly log?: (text: string) => void;
}

/** Standard input stays open until the caller ends it. An ended child does not end the bench: see `failed`. */
export function pinned(command: readonly string[], { core, cwd, log }: ChildOptions): ChildProcess {
  const [file, ...args] = core === undefined ? command : ["taskset", "-c", String(core), ...command];
  const child = spawn(file as string, args, { stdio: ["pipe", "pipe", "pipe"], cwd });
  child.on("error", (error) => log?.(`${error.message}\n`));
  child.stdin?.on("error", () => {});
  if (log !== undefined) {
    child.stdout?.on("data", (chunk) => log(String(chunk)));
    child.stderr?.on("data", (chunk) => log(String(chunk)));
  }
  return child;
}

/** Its exit code, null when a signal ended it. */
export function closed(child: ChildProcess): Promise<number | null> {
  if (hasEnded(child)) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.on("close", resolve));
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

/** At once. Does not wait for what a grandchild may still write. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (!hasEnded(child)) {
    const exited = new Promise((resolve) => child.on("exit", resolve));
    process.kill(child.pid as number, "SIGKILL");
    await exited;
  }
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
}

/** Asks again every `everyMs` until the answer is not undefined; rejects with what `otherwise` says after `limitMs`. */
export async function poll<T>(
  find: () => T | undefined | Promise<T | undefined>,
  { limitMs, everyMs = 20, otherwise }: {
    readonly limitMs: number;
    readonly everyMs?: number;
    readonly otherwise: () => string;
  },
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(otherwise());
    await sleep(everyMs);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
