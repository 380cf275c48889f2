/**
 * Runs one child process for a script probe or a script remedy: argv without a shell, a process group of its own that
 * is ended whole (TERM, then KILL), output capped. Typical load: up to some hundred a second, each a few milliseconds.
 * Does not decide what an exit code means. A child that leaves its group (setsid) is out of reach.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { constants } from "node:os";
import type { Readable } from "node:stream";

export interface ProcessSpec {
  /** Program (a path, or a name looked up in the PATH of `env`) and its arguments. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to standard input, then closed; without it standard input is /dev/null. */
  readonly stdin?: string;
  /** TERM is sent to the group after this time, ms. */
  readonly timeoutMs: number;
  /** KILL follows TERM after this time, ms; default 500. */
  readonly graceMs?: number;
  /** Bytes kept of each of standard output and standard error. More is read and thrown away. */
  readonly outputLimitBytes: number;
  /** What happens to group members still running after the program itself has ended in time. */
  readonly leftovers: "kill" | "leave";
  /**
   * When the promise settles after a timeout or an abort: at once with TERM sent (the ending goes on behind it, at most
   * graceMs long), or when the group has ended.
   */
  readonly settle: "at_deadline" | "when_gone";
}

export type ProcessEnd =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly number: number; readonly name: string }
  /** Still ending: only with settle "at_deadline". */
  | { readonly kind: "ending" }
  /** `text` says what was missing, for people: "no such file: /usr/lib/check". errno is positive. */
  | { readonly kind: "spawn_error"; readonly code: string; readonly errno: number; readonly text: string };

export interface ProcessResult {
  readonly end: ProcessEnd;
  /** Why the group was ended by us, if it was. "flooded": it wrote more than FLOOD_BYTES. */
  readonly stopped?: "timeout" | "aborted" | "flooded";
  /** UTF-8, broken sequences replaced. */
  readonly output: string;
  readonly errorOutput: string;
  readonly truncated: boolean;
}

const DEFAULT_GRACE_MS = 500;
/** Reading and dropping costs us CPU for nothing past any honest amount. */
const FLOOD_BYTES = 16 * 1024 * 1024;
/** After the program has ended, how long output still in the pipes (or held open by an escaped child) is waited for. */
const PIPE_DRAIN_MS = 250;

/** Never rejects. Listens to `signal` only while the process runs. */
export function runProcess(spec: ProcessSpec, signal: AbortSignal): Promise<ProcessResult> {
  if (signal.aborted) {
    const end = spawnError("ECANCELED", "not started: cancelled");
    return Promise.resolve({ end, stopped: "aborted", output: "", errorOutput: "", truncated: false });
  }
  let child: ChildProcess;
  try {
    child = spawn(spec.argv[0], spec.argv.slice(1), {
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      env: { ...spec.env },
      detached: true,
      stdio: [spec.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
  } catch (error) {
    // Thrown, not emitted, for arguments no kernel would take (NUL inside, too long).
    const end = explainSpawnError(error, spec);
    return Promise.resolve({ end, output: "", errorOutput: "", truncated: false });
  }
  return superviseChild(child, spec, signal);
}

function superviseChild(child: ChildProcess, spec: ProcessSpec, signal: AbortSignal): Promise<ProcessResult> {
  const group = child.pid;
  return new Promise((resolve) => {
    let end: ProcessEnd = { kind: "ending" };
    let stopped: ProcessResult["stopped"];
    let finished = false;
    let killTimer: ReturnType<typeof setTimeout> | undefined;
    let drainTimer: ReturnType<typeof setTimeout> | undefined;

    const settle = () => {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(deadline);
      resolve({
        end,
        ...(stopped === undefined ? {} : { stopped }),
        output: output.text(),
        errorOutput: errorOutput.text(),
        truncated: output.truncated() || errorOutput.truncated(),
      });
    };
    const finish = () => {
      if (finished) return;
      finished = true;
      clearTimeout(killTimer);
      clearTimeout(drainTimer);
      if (spec.leftovers === "kill" || stopped !== undefined) killGroup(group, "SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
      settle();
    };
    const stop = (why: "timeout" | "aborted" | "flooded") => {
      if (stopped !== undefined) return;
      stopped = why;
      killGroup(group, "SIGTERM");
      killTimer = setTimeout(() => {
        killGroup(group, "SIGKILL");
        drainTimer = setTimeout(finish, PIPE_DRAIN_MS);
      }, spec.graceMs ?? DEFAULT_GRACE_MS);
      if (spec.settle === "at_deadline") settle();
    };
    const onAbort = () => stop("aborted");
    const deadline = setTimeout(() => stop("timeout"), spec.timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });

    const onFlood = () => stop("flooded");
    const output = keepHead(child.stdout, spec.outputLimitBytes, onFlood);
    const errorOutput = keepHead(child.stderr, spec.outputLimitBytes, onFlood);

    child.on("error", (error) => {
      end = explainSpawnError(error, spec);
    });
    child.on("exit", (code, signalName) => {
      end = signalName === null || signalName === undefined
        ? { kind: "exit", code: code ?? 0 }
        : { kind: "signal", name: signalName, number: constants.signals[signalName] ?? 0 };
      if (stopped !== undefined) return;
      clearTimeout(deadline);
      signal.removeEventListener("abort", onAbort);
      if (spec.leftovers === "kill") killGroup(group, "SIGKILL");
      drainTimer = setTimeout(finish, PIPE_DRAIN_MS);
    });
    // Comes when the program has ended and every holder of its pipes too, and after "error".
    child.on("close", finish);
    writeStdin(child, spec.stdin);
  });
}

function writeStdin(child: ChildProcess, text: string | undefined): void {
  if (text === undefined || child.stdin === null) return;
  // A program may end without reading its input: EPIPE is no news.
  child.stdin.on("error", () => {});
  child.stdin.end(text);
}

/** Collects the first `limitBytes` of a stream and drops the rest. */
function keepHead(stream: Readable | null, limitBytes: number, onFlood: () => void) {
  const chunks: Uint8Array[] = [];
  let keptBytes = 0;
  let seenBytes = 0;
  stream?.on("error", () => {});
  stream?.on("data", (chunk: Uint8Array) => {
    seenBytes += chunk.length;
    if (keptBytes < limitBytes) {
      const head = chunk.subarray(0, limitBytes - keptBytes);
      chunks.push(head);
      keptBytes += head.length;
    }
    if (seenBytes > FLOOD_BYTES) onFlood();
  });
  return {
    text: () => Buffer.concat(chunks).toString("utf8"),
    truncated: () => seenBytes > keptBytes,
  };
}

/** A group that has already ended is what we want. */
function killGroup(group: number | undefined, signalName: "SIGTERM" | "SIGKILL"): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signalName);
  } catch {
    // ESRCH: nobody left.
  }
}

function explainSpawnError(error: unknown, spec: ProcessSpec): ProcessEnd {
  const code = codeOf(error);
  const program = spec.argv[0];
  if (code === "ENOENT") {
    // The runtimes report a missing working directory as if the program were missing.
    const cwdMissing = spec.cwd !== undefined && statSync(spec.cwd, { throwIfNoEntry: false }) === undefined;
    return spawnError(
      code,
      cwdMissing ? `no such working directory: ${spec.cwd}` : `no such program: ${program}`,
    );
  }
  if (code === "EACCES") return spawnError(code, `not executable: ${program}`);
  return spawnError(code, `cannot start ${program}: ${code}`);
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && code in constants.errno ? code : "EINVAL";
}

function spawnError(code: string, text: string): ProcessEnd {
  const errno = (constants.errno as Readonly<Record<string, number>>)[code] ?? 0;
  return { kind: "spawn_error", code, errno, text };
}
