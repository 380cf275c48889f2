/** What one alert costs on each channel: CPU of the thread that sends, without TLS, to a receiver that takes everything. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Channel } from "../src/model/plugin.ts";
import { NOTIFIERS } from "../src/notifiers/registry.ts";
import { alertMessage } from "../tests/support/alert_message.ts";
import { HTTP_CHANNELS } from "../tests/support/http_channels.ts";
import { endChild, ROOT } from "./child.ts";
import type { Report } from "./report.ts";

export interface SendsOptions {
  /** Measured sends of each channel; programs are started a tenth as often. */
  readonly sends: number;
}

const NEVER = new AbortController().signal;
/** In flight at a time. */
const AT_ONCE = 8;

export async function benchSends({ sends }: SendsOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  const { child, ports } = await startReceivers();
  const rows: (string | number)[][] = [];
  try {
    for (const notifier of NOTIFIERS) {
      const config = configOf(notifier.kind, { folder, ...ports });
      if (config === undefined) continue;
      const channel = notifier.open(notifier.schema.parse(config));
      const count = notifier.kind === "exec" ? Math.ceil(sends / 10) : sends;
      await sendMany(channel, Math.ceil(count / 4));
      const cpu = process.cpuUsage();
      const startedMs = performance.now();
      await sendMany(channel, count);
      const { user, system } = process.cpuUsage(cpu);
      const seconds = (performance.now() - startedMs) / 1000;
      await channel.close();
      rows.push([notifier.kind, count, (user + system) / count, count / seconds]);
    }
  } finally {
    await endChild(child);
    rmSync(folder, { recursive: true });
  }
  return {
    name: "sends",
    conditions: `one thread, ${AT_ONCE} sends at a time, a connection of its own each, loopback, no TLS`,
    tables: [{ title: "One alert", columns: ["channel", "sends", "CPU µs/send", "sends/s"], rows }],
    remarks: ["exec counts only our own CPU, not the program's."],
  };
}

interface Places {
  readonly folder: string;
  readonly http: number;
  readonly smtp: number;
}

/** Undefined: it writes to the terminal. */
function configOf(kind: string, { folder, http, smtp }: Places): unknown {
  switch (kind) {
    case "console":
      return undefined;
    case "log":
      return { file: join(folder, "alerts.log"), "max_size": "1MiB" };
    case "email":
      return { smtp: `127.0.0.1:${smtp}`, security: "none", from: "a@example.com", to: "b@example.com" };
    case "syslog":
      return { address: "udp://127.0.0.1:9" };
    case "exec":
      return { path: "/bin/true" };
    case "pagerduty":
      return { url: `http://127.0.0.1:${http}/v2/enqueue`, "routing_key": "k" };
    default:
      return HTTP_CHANNELS[kind]?.(`http://127.0.0.1:${http}`);
  }
}

async function sendMany(channel: Channel, count: number): Promise<void> {
  let left = count;
  const sender = async () => {
    while (left-- > 0) {
      const result = await channel.send(alertMessage({ key: `k${left}`, dedupKey: `d${left}` }), NEVER);
      if (result.result !== "sent") throw new Error(`cannot measure a send: ${result.error}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
}

async function startReceivers(): Promise<{ child: ChildProcess; ports: { http: number; smtp: number } }> {
  const script = join(ROOT, "bench/send_receivers.ts");
  const args = process.versions["bun"] === undefined ? ["run", "-A", "--no-check", script] : [script];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"], cwd: ROOT });
  const line = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += String(chunk);
      if (text.includes("\n")) resolve(text);
    });
    child.on("exit", () => reject(new Error("the receivers of the bench ended")));
  });
  return { child, ports: JSON.parse(line) as { http: number; smtp: number } };
}
