/**
 * What systemd is told (sd_notify(3), systemd.service(5)): that the start is over, that a reload runs, that it stops, how it
 * goes, and that it is alive. Without NOTIFY_SOCKET all of it does nothing. The watchdog is fed by the engine's turns alone:
 * a loop that stands still, a journal that does not answer or alerts that got lost starve it, and systemd restarts us.
 */
import process from "node:process";
import { oneLine } from "../base/log.ts";
import type { NotifySocket } from "../host/notify_socket.ts";
import type { Environment } from "../manifest/variables.ts";

/** Fed so many times within the time that the manager waits. */
const FEEDS_PER_WATCHDOG = 4;
const STATUS_EVERY_MS = 5000;
/** Asked for again and again while something takes long, each time for longer than until the next time. */
const EXTENSION_MS = 30_000;
const STATUS_CHARACTERS_MAX = 500;

export interface ServiceManagerOptions {
  readonly socket: NotifySocket | undefined;
  /** Within which the manager wants a sign of life, ms; undefined: it does not. */
  readonly watchdogMs: number | undefined;
  readonly monoMs: () => number;
}

/** What a turn of the engine tells. */
export interface Vitals {
  /** Why it is not well; empty: all is. Asked for a few times within the watchdog's time. */
  problems(): readonly string[];
  status(): string;
}

export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  #judgedAtMs = -Infinity;
  #toldAtMs = -Infinity;

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
  }

  /** The start goes on: more time for it. */
  starting(status: string): void {
    this.#send(`EXTEND_TIMEOUT_USEC=${EXTENSION_MS * 1000}`, statusLine(status));
  }

  ready(status: string): void {
    this.#send("READY=1", statusLine(status));
  }

  /** Until ready() is said again. */
  reloading(): void {
    const { socket } = this.#options;
    if (socket !== undefined) this.#send("RELOADING=1", `MONOTONIC_USEC=${socket.monotonicUs()}`);
  }

  stopping(): void {
    this.#send("STOPPING=1", statusLine("draining"));
  }

  /** After each turn of the engine. */
  turned(vitals: Vitals): void {
    const { socket, watchdogMs, monoMs } = this.#options;
    if (socket === undefined) return;
    const nowMs = monoMs();
    if (watchdogMs !== undefined && nowMs - this.#judgedAtMs >= watchdogMs / FEEDS_PER_WATCHDOG) {
      this.#judgedAtMs = nowMs;
      const problems = vitals.problems();
      if (problems.length === 0) this.#send("WATCHDOG=1");
      else this.#send(statusLine(`the watchdog is not fed: ${problems.join("; ")}`));
    }
    if (nowMs - this.#toldAtMs < STATUS_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    this.#send(statusLine(vitals.status()));
  }

  close(): void {
    this.#options.socket?.close();
  }

  #send(...lines: string[]): void {
    this.#options.socket?.send(lines.join("\n"));
  }
}

function statusLine(text: string): string {
  return `STATUS=${oneLine(text).slice(0, STATUS_CHARACTERS_MAX)}`;
}

const VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;

export interface ServiceVariables {
  readonly socket: string | undefined;
  readonly watchdogMs: number | undefined;
}

/** What the manager says in the environment; taken out of it, so that no script speaks for us. */
export function takeServiceVariables(env: Environment): ServiceVariables {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: micros, WATCHDOG_PID: pid } = env;
  const ours = pid === undefined || pid === "" || Number(pid) === process.pid;
  for (const name of VARIABLES) delete process.env[name];
  const watchdogMs = Number(micros ?? "") / 1000;
  return {
    socket: socket === "" ? undefined : socket,
    watchdogMs: ours && watchdogMs > 0 ? watchdogMs : undefined,
  };
}
