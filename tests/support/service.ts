/**
 * Real servers for tests: Debian's programs, each in a temporary folder, on a free port of 127.0.0.1, as a child of the
 * test that ends it. Where a program is not installed a test says so and is left out; with CI=true it fails instead.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS_MAX = 60_000;
const END_MS_MAX = 15_000;

export interface Service extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  /** All that the server wrote to its outputs so far. */
  log(): string;
  stop(name: NodeJS.Signals): Promise<void>;
}

export interface ServicePlan {
  /** The program and its arguments. */
  readonly argv: readonly [string, ...string[]];
  /** Where it runs; made by `serviceFolder` and removed with the service. */
  readonly folder: string;
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What its log says when it serves; absent: it does as soon as its port accepts. */
  readonly ready?: RegExp;
}

/**
 * Why these programs cannot be run here, for a skip message; undefined when they can. With CI=true this throws: there
 * the tests that need them must not pass by not running.
 */
export function missing(programs: Readonly<Record<string, string>>): string | undefined {
  const needs = Object.entries(programs).filter(([path]) => !existsSync(path))
    .map(([path, debianPackage]) => `${path} (Debian: ${debianPackage})`);
  if (process.getuid?.() !== 0) needs.push("root");
  if (needs.length === 0) return undefined;
  const message = `needs ${needs.join(", ")}`;
  if (process.env["CI"] === "true") throw new Error(message);
  return message;
}

/** A folder that servers which give up root may enter. */
export function serviceFolder(name: string, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), `cpra-${name}-`));
  chmodSync(folder, 0o755);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Starts it and waits until its port accepts. */
export async function startService(plan: ServicePlan): Promise<Service> {
  const { argv, folder, port } = plan;
  const log = join(folder, "service.log");
  // Through a shell for the redirection only: output that nobody reads would stop the server.
  const child = spawn("/bin/sh", ["-c", 'exec "$@" >>"$0" 2>&1', log, ...argv], {
    stdio: "ignore",
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C", HOME: folder, ...plan.env },
  });
  let isRunning = true;
  const ended = new Promise<void>((resolve) =>
    child.on("exit", () => {
      isRunning = false;
      resolve();
    })
  );
  const stop = async (signal: NodeJS.Signals) => {
    if (isRunning) child.kill(signal);
    const hard = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
    await ended;
    clearTimeout(hard);
  };
  const service: Service = {
    port,
    folder,
    log: () => existsSync(log) ? readFileSync(log, "utf8") : "",
    stop,
    async [Symbol.asyncDispose]() {
      await stop("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const giveUp = Date.now() + START_MS_MAX;
  while (!(await accepts(port)) || plan.ready?.test(service.log()) === false) {
    if (!isRunning || Date.now() > giveUp) {
      const said = service.log();
      await service[Symbol.asyncDispose]();
      throw new Error(`${argv[0]} did not start:\n${said.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return service;
}

export function run(
  argv: readonly [string, ...string[]],
  options: { cwd?: string; input?: string } = {},
): string {
  const [program, ...args] = argv;
  return execFileSync(program, args, { stdio: ["pipe", "pipe", "pipe"], encoding: "utf8", ...options });
}

/** For programs that do not run as root. */
export function asUser(user: string, argv: readonly string[]): [string, ...string[]] {
  return ["/usr/sbin/runuser", "-u", user, "--", ...argv];
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const give = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => give(true));
    socket.once("error", () => give(false));
  });
}

/** Debian keeps one folder for each version of PostgreSQL. */
export function postgresPrograms(): string {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).map(Number).filter((version) => version > 0) : [];
  return join(root, String(Math.max(0, ...versions)), "bin");
}
