/**
 * The targets of the benches, in a process of their own on a core of their own: target.c where there is a C compiler, else
 * `cpra mock`. Either way five ports, one per behaviour, each of which answers on every address of 127.0.0.0/8.
 */
import { type ChildProcess, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { BINARY, endChild, pinned, ROOT } from "./child.ts";

/** What a port does; target.c says it in full. The order is that of target.c. */
export const BEHAVIORS = ["ok", "hung", "reset", "mortal", "slow"] as const;
export type Behavior = typeof BEHAVIORS[number];

export interface Target extends AsyncDisposable {
  readonly made: "C, epoll" | "cpra mock";
  readonly ports: Readonly<Record<Behavior, number>>;
  /** Requests so far; of `hung` and `reset`, connections. */
  hits(): Promise<Readonly<Record<Behavior, number>>>;
  /** From here on `mortal` refuses connections. */
  die(): Promise<void>;
  live(): Promise<void>;
  /** How long `slow` takes to answer; 0 at first. */
  delay(ms: number): Promise<void>;
}

/** `core` undefined: not pinned. */
export async function startTarget(options: { readonly core: number | undefined }): Promise<Target> {
  const program = compileTarget();
  return program === undefined ? await startMockTarget(options) : await startCheapTarget(program, options);
}

/** Undefined without a C compiler. Throws with its output when it refuses the source. */
function compileTarget(): string | undefined {
  const source = `${ROOT}bench/target.c`;
  const program = `${ROOT}.tmp/bench-target`;
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(`${ROOT}.tmp`, { recursive: true });
  const { error, status, stderr } = spawnSync("cc", ["-O2", "-o", program, source], { encoding: "utf8" });
  if (error !== undefined) return undefined;
  if (status !== 0) throw new Error(`Cannot compile ${source}:\n${stderr}`);
  return program;
}

async function startCheapTarget(
  program: string,
  { core }: { readonly core: number | undefined },
): Promise<Target> {
  const child = pinned([program], { core });
  const lines = answersOf(child);
  const ask = async (command: string): Promise<readonly number[]> => {
    child.stdin?.write(`${command}\n`);
    return numbers(await lines());
  };
  const ports = byBehavior(numbers(await lines()));
  return {
    made: "C, epoll",
    ports,
    hits: async () => byBehavior(await ask("stats")),
    die: async () => void await ask("die"),
    live: async () => void await ask("live"),
    delay: async (ms) => void await ask(`delay ${ms}`),
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

/** The child's lines, one per call, in order. Rejects when it ended. */
function answersOf(child: ChildProcess): () => Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error("the target of the bench ended");
    return value as string;
  };
}

function numbers(line: string): readonly number[] {
  return line.trim().split(" ").map(Number);
}

function byBehavior<T>(values: readonly T[]): Record<Behavior, T> {
  return Object.fromEntries(BEHAVIORS.map((name, index) => [name, values[index] as T])) as Record<
    Behavior,
    T
  >;
}

/** Addresses that can have a fault; setting one for all of them takes time that grows with their number. */
const MOCK_TARGETS = "100000";

/** Where there is no C compiler: one mock fleet per behaviour. */
export async function startMockTarget({ core }: { readonly core: number | undefined }): Promise<Target> {
  const fleets = await Promise.all(BEHAVIORS.map(async (behavior) => {
    const child = pinned([
      BINARY,
      "mock",
      "--port",
      "0",
      "--control",
      "0",
      "--own",
      "0",
      "--count",
      MOCK_TARGETS,
    ], { core });
    const next = answersOf(child);
    let text = "";
    while (!text.includes("control: ")) text += `${await next()}\n`;
    const port = Number(/, port (\d+)/.exec(text)?.[1]);
    const control = /control: (\S+)/.exec(text)?.[1] as string;
    const set = async (fault: object) => {
      const body = JSON.stringify({ match: { port }, fault });
      const { ok } = await fetch(`${control}/faults`, { method: "POST", body });
      if (!ok) throw new Error(`the mock fleet refused ${body}`);
    };
    if (behavior === "hung") await set({ kind: "hang" });
    if (behavior === "reset") await set({ kind: "reset", at: "accept" });
    return { behavior, child, port, control, set };
  }));
  const fleetOf = (behavior: Behavior) => fleets[BEHAVIORS.indexOf(behavior)] as typeof fleets[number];
  return {
    made: "cpra mock",
    ports: byBehavior(fleets.map(({ port }) => port)),
    hits: async () =>
      byBehavior(
        await Promise.all(fleets.map(async ({ behavior, control }) => {
          const stats = await (await fetch(`${control}/stats`)).json() as {
            accepted: number;
            requests: number;
          };
          return behavior === "hung" || behavior === "reset" ? stats.accepted : stats.requests;
        })),
      ),
    die: () => fleetOf("mortal").set({ kind: "refused" }),
    live: () => fleetOf("mortal").set({ kind: "up" }),
    delay: (delayMs) => fleetOf("slow").set(delayMs === 0 ? { kind: "up" } : { kind: "slow", delayMs }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(fleets.map(({ child }) => endChild(child)));
    },
  };
}
