/** What the peers share: their processes, what these wrote, and free ports. */
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import process from "node:process";
import { closed, endChild, hasEnded, pinned, sleep } from "../child.ts";
import type { RunningPeer } from "./peer.ts";

export interface Started {
  readonly commands: readonly (readonly string[])[];
  readonly folder: string;
  readonly core: number | undefined;
  /** Where its log goes when not to its streams. */
  readonly logFile?: string;
  /** Finds the index of a target that it says is down: the first group, all matches. */
  readonly downPattern?: RegExp;
  /** Used instead of the pattern. */
  readonly askDown?: () => Promise<ReadonlySet<number>>;
}

const STOP_LIMIT_MS = 3000;

export function startPeer({ commands, folder, core, logFile, downPattern, askDown }: Started): RunningPeer {
  let written = "";
  const children = commands.map((command) =>
    pinned(command, { core, cwd: folder, log: (text) => written += text })
  );
  const log = () => logFile !== undefined && existsSync(logFile) ? readFileSync(logFile, "utf8") : written;
  return {
    pids: children.map((child) => child.pid as number),
    log: () => `${written}${logFile === undefined ? "" : log()}`,
    async down() {
      const ended = children.find(hasEnded);
      if (ended !== undefined) {
        throw new Error(`${ended.spawnargs.join(" ")} ended:\n${written.slice(-2000)}`);
      }
      if (askDown !== undefined) return await askDown();
      return new Set([...log().matchAll(downPattern as RegExp)].map((match) => Number(match[1])));
    },
    [Symbol.asyncDispose]: async () => void await Promise.all(children.map(stopGently)),
  };
}

/** SIGTERM first, so that it ends what it started itself. */
async function stopGently(child: ChildProcess): Promise<void> {
  if (!hasEnded(child)) process.kill(child.pid as number, "SIGTERM");
  await Promise.race([closed(child), sleep(STOP_LIMIT_MS)]);
  await endChild(child);
}

/** Where the program is, or undefined. Debian's daemons live in sbin, which is not on everyone's PATH. */
export function findProgram(name: string): string | undefined {
  if (name.includes("/")) return existsSync(name) ? name : undefined;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A port of 127.0.0.1 that nobody listens on right now. */
export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
