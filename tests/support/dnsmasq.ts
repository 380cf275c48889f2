/**
 * A real DNS server for tests: dnsmasq (Debian: dnsmasq-base) on a free loopback port, with records of the test's own and no
 * upstream. It can be killed and started again on the same port, as a resolver that fails would.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DnsClient } from "../../src/net/dns/client.ts";

const DNSMASQ = "/usr/sbin/dnsmasq";
const START_MS_MAX = 10_000;

export interface Dnsmasq extends AsyncDisposable {
  readonly port: number;
  /** Queries it has seen so far, as "A name". */
  queries(): readonly string[];
  kill(): Promise<void>;
  /** Again, with other records. */
  start(records: readonly string[]): Promise<void>;
}

/** For a skip message; undefined when it is there. With CI=true this throws, so that no test passes by not running. */
export function dnsmasqMissing(): string | undefined {
  if (existsSync(DNSMASQ)) return undefined;
  const message = `needs ${DNSMASQ} (Debian: dnsmasq-base)`;
  if (process.env["CI"] === "true") throw new Error(message);
  return message;
}

/** `records`: lines of dnsmasq.conf(5), such as "host-record=a.test,192.0.2.1,60". Everything else under .test is NXDOMAIN. */
export async function startDnsmasq(records: readonly string[]): Promise<Dnsmasq> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-dnsmasq-"));
  const port = await freeUdpPort();
  let process: ChildProcess | undefined;
  let log = "";
  const kill = async () => {
    const running = process;
    process = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  };
  const start = async (lines: readonly string[]) => {
    const fixed = [
      `port=${port}`,
      "listen-address=127.0.0.1",
      "bind-interfaces",
      "no-resolv",
      "no-hosts",
      "no-negcache",
      "local=/test/",
      "log-queries",
      "log-facility=-",
      `pid-file=${join(folder, "pid")}`,
      "user=root",
    ];
    writeFileSync(join(folder, "conf"), [...fixed, ...lines, ""].join("\n"));
    process = spawn(DNSMASQ, ["--keep-in-foreground", "-C", join(folder, "conf")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    process.stderr?.on("data", (chunk: Uint8Array) => log += Buffer.from(chunk).toString());
    await untilAnswers(port, () => log);
  };
  await start(records);
  return {
    port,
    queries: () => [...log.matchAll(/query\[(\w+)\] (\S+) from/g)].map(([, type, name]) => `${type} ${name}`),
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilAnswers(port: number, log: () => string): Promise<void> {
  const client = new DnsClient();
  const reply = await client.ask(
    { name: "is-it-up.test", type: "A" },
    { address: "127.0.0.1", port },
    AbortSignal.timeout(START_MS_MAX),
    { resendMs: 50 },
  );
  const again = reply.kind === "failed" && reply.failure.reason === "refused";
  client.close();
  if (again) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return await untilAnswers(port, log);
  }
  if (reply.kind === "failed") throw new Error(`dnsmasq does not answer: ${log()}`);
}

export function freeUdpPort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
