/** The compiled executable, as a user runs it: built once if it is not up to date, driven through arguments, signals and files. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const ROOT = new URL("../..", import.meta.url).pathname;
export const BINARY = join(ROOT, "cpra");

let built = false;

/** Throws with the build's output when it cannot be built. */
export function buildBinary(): string {
  if (!built) {
    const { status, stdout, stderr } = spawnSync("sh", [join(ROOT, "compile.sh")], { encoding: "utf8" });
    if (status !== 0) throw new Error(`compile.sh failed:\n${stdout}\n${stderr}`);
    built = true;
  }
  return BINARY;
}

export interface Finished {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

/** Runs it to its end, with an environment of its own: nothing of the caller's PATH but the system's. */
export function runBinary(
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Finished {
  using state = tempFolder();
  const started = performance.now();
  const { status, signal, stdout, stderr } = spawnSync(buildBinary(), args, {
    encoding: "utf8",
    cwd: options.cwd,
    input: options.input ?? "",
    env: { PATH: "/usr/bin:/bin", HOME: tmpdir(), STATE_DIRECTORY: state.path, ...options.env },
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
  return { code: status, signal, out: stdout, err: stderr, ms: performance.now() - started };
}

/** Keeps its state in a folder of its own, unless the arguments name one. */
export class RunningBinary implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #started = performance.now();
  readonly #ended: Promise<Finished>;
  readonly #state = tempFolder();
  #out = "";
  #err = "";
  #changed: (() => void)[] = [];

  constructor(
    args: readonly string[],
    options: {
      readonly cwd?: string;
      readonly env?: Readonly<Record<string, string>>;
      /** Open files it may have. */
      readonly descriptors?: number;
    } = {},
  ) {
    const limited = ["-c", `ulimit -n ${options.descriptors} && exec "$0" "$@"`, buildBinary(), ...args];
    const [command, all] = options.descriptors === undefined ? [buildBinary(), args] : ["/bin/sh", limited];
    this.#child = spawn(command, all, {
      cwd: options.cwd,
      env: { PATH: "/usr/bin:/bin", HOME: tmpdir(), STATE_DIRECTORY: this.#state.path, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk) => this.#take("out", String(chunk)));
    this.#child.stderr?.on("data", (chunk) => this.#take("err", String(chunk)));
    this.#ended = new Promise((resolve) => {
      this.#child.on("close", (code, signal) => {
        resolve({ code, signal, out: this.#out, err: this.#err, ms: performance.now() - this.#started });
        this.#notify();
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get log(): string {
    return this.#err;
  }

  /** Settles with the match when the log (standard error) has it; rejects with the log when it has not in time. */
  async logged(pattern: RegExp, limitMs = 20_000): Promise<RegExpExecArray> {
    const match = await this.#until(() => pattern.exec(this.#err), limitMs);
    if (match === null) {
      throw new Error(`no ${pattern} in the log within ${limitMs} ms:\n${this.#err}\n${this.#out}`);
    }
    return match;
  }

  /** The first URL the log names. */
  async url(): Promise<string> {
    return (await this.logged(/Metrics, API and page at (http:\/\/[^\s/]+)\//))[1] as string;
  }

  async json<T>(path: string): Promise<T> {
    const answer = await fetch(`${await this.url()}${path}`, { signal: AbortSignal.timeout(5000) });
    return await answer.json() as T;
  }

  async text(path: string): Promise<string> {
    const answer = await fetch(`${await this.url()}${path}`, { signal: AbortSignal.timeout(5000) });
    return await answer.text();
  }

  kill(signal: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGUSR1" | "SIGHUP"): void {
    process.kill(this.pid, signal);
  }

  /** Sends the signal and waits for the end; `ms` counts from the signal. */
  async stop(signal: "SIGTERM" | "SIGINT" | "SIGKILL" = "SIGTERM"): Promise<Finished> {
    const started = performance.now();
    this.kill(signal);
    return { ...await this.#ended, ms: performance.now() - started };
  }

  get ended(): Promise<Finished> {
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#ended;
    this.#state[Symbol.dispose]();
  }

  #take(stream: "out" | "err", text: string): void {
    if (stream === "out") this.#out += text;
    else this.#err += text;
    this.#notify();
  }

  #notify(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }

  async #until<T>(find: () => T | null, limitMs: number): Promise<T | null> {
    const endMs = performance.now() + limitMs;
    for (;;) {
      const found = find();
      const leftMs = endMs - performance.now();
      if (found !== null || leftMs <= 0 || this.#child.exitCode !== null) return found;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#changed.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}

export interface TempFolder extends Disposable {
  readonly path: string;
}

export function tempFolder(): TempFolder {
  const path = mkdtempSync(join(tmpdir(), "cpra-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Looks every 20 ms until `find` gives something; rejects with `what` when it does not in time. */
export async function eventually<T>(
  find: () => T | undefined | Promise<T | undefined>,
  what: string,
  limitMs = 20_000,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
