/**
 * The executable under hardship that is not its targets' fault: stopped by a debugger, short of descriptors, ended under load,
 * killed and begun again with a large fleet. Each function plays one and gives figures; `deno task faults` prints them all.
 */
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { startWebhookSink } from "../../mock-servers/sink_webhook.ts";
import { eventually, RunningBinary, type TempFolder, tempFolder } from "../support/binary.ts";

export interface StopFigures {
  readonly stoppedSeconds: number;
  /** Alerts about targets that were well all the time. */
  readonly falseAlerts: number;
  readonly checksAfter: number;
  /** From the signal to the first check after it. */
  readonly backMs: number;
}

/** SIGSTOP for so long, then SIGCONT: checks go on, and nobody is told anything. */
export async function stopped(seconds: number): Promise<StopFigures> {
  using folder = tempFolder();
  await using sink = await startWebhookSink();
  await using target = await startTarget(0);
  const file = writeFleet(folder, { count: 50, interval: "500ms", url: target.url, sink: sink.url });
  await using cpra = new RunningBinary(argumentsOf(folder, file));
  await cpra.logged(/Controller started successfully/);
  await allUp(cpra, 50);
  process.kill(cpra.pid, "SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const before = target.requests;
  const resumed = performance.now();
  process.kill(cpra.pid, "SIGCONT");
  await eventually(() => target.requests > before || undefined, "a check after SIGCONT");
  const backMs = Math.round(performance.now() - resumed);
  await eventually(() => target.requests > before + 150 || undefined, "150 checks after SIGCONT");
  await allUp(cpra, 50);
  const falseAlerts = sink.requests.length;
  await cpra.stop();
  return { stoppedSeconds: seconds, falseAlerts, checksAfter: target.requests - before, backMs };
}

export interface DescriptorFigures {
  readonly descriptors: number;
  readonly monitors: number;
  /** It did not start, and said how many it needs; 0: it started. */
  readonly needed: number;
  readonly falseAlerts: number;
  readonly checks: number;
}

/** Few descriptors, many targets that answer slowly: no false alarm, or no start and the number that would do. */
export async function fewDescriptors(descriptors: number, monitors: number): Promise<DescriptorFigures> {
  using folder = tempFolder();
  await using sink = await startWebhookSink();
  await using target = await startTarget(800);
  const file = writeFleet(folder, { count: monitors, interval: "10s", url: target.url, sink: sink.url });
  await using cpra = new RunningBinary(argumentsOf(folder, file), { descriptors });
  const started = await cpra.logged(/Controller started successfully/).catch(() => undefined);
  if (started === undefined) {
    const { code, err, out } = await cpra.ended;
    const needed = code === 0 ? 0 : Number(/(\d+) are needed/.exec(err + out)?.[1] ?? 0);
    return { descriptors, monitors, needed, falseAlerts: sink.requests.length, checks: target.requests };
  }
  const enough = monitors * 1.5;
  await eventually(() => target.requests >= enough || undefined, `${enough} checks`, 60_000);
  const falseAlerts = sink.requests.length;
  await cpra.stop();
  return { descriptors, monitors, needed: 0, falseAlerts, checks: target.requests };
}

export interface EndFigures {
  readonly monitors: number;
  readonly code: number | null;
  /** From SIGTERM to the end. */
  readonly ms: number;
}

/** SIGTERM while checks are out and an alert has nowhere to go. */
export async function endedUnderLoad(monitors: number): Promise<EndFigures> {
  using folder = tempFolder();
  await using sink = await startWebhookSink();
  sink.setFault({ kind: "no_answer" });
  await using target = await startTarget(300);
  const file = writeFleet(folder, { count: monitors, interval: "1s", url: target.url, sink: sink.url });
  await using cpra = new RunningBinary(argumentsOf(folder, file));
  await cpra.logged(/Controller started successfully/);
  await eventually(() => target.requests >= monitors || undefined, "a round of checks", 60_000);
  target.fail();
  await eventually(() => sink.requests.length > 0 || undefined, "an alert on its way", 30_000);
  const { code, ms } = await cpra.stop("SIGTERM");
  return { monitors, code, ms: Math.round(ms) };
}

export interface StartFigures {
  readonly monitors: number;
  /** From the beginning of the process to its first check: with nothing, and after SIGKILL. */
  readonly firstCheckMs: number;
  readonly firstCheckAfterKillMs: number;
}

export async function firstCheck(monitors: number): Promise<StartFigures> {
  using folder = tempFolder();
  await using sink = await startWebhookSink();
  await using target = await startTarget(0);
  const file = writeFleet(folder, { count: monitors, interval: "5m", url: target.url, sink: sink.url });
  const once = async () => {
    const before = target.requests;
    const startedMs = performance.now();
    await using cpra = new RunningBinary(argumentsOf(folder, file));
    await eventually(() => target.requests > before || undefined, "the first check", 120_000);
    const ms = Math.round(performance.now() - startedMs);
    await cpra.logged(/Controller started successfully/, 60_000);
    await cpra.stop("SIGKILL");
    return ms;
  };
  return { monitors, firstCheckMs: await once(), firstCheckAfterKillMs: await once() };
}

interface Target extends AsyncDisposable {
  readonly url: string;
  readonly requests: number;
  /** From now on it answers 500. */
  fail(): void;
}

async function startTarget(delayMs: number): Promise<Target> {
  let requests = 0;
  let status = 200;
  const server: Server = createServer((_request, response) => {
    requests++;
    const answer = () => response.writeHead(status, { "connection": "close" }).end("ok");
    if (delayMs > 0) setTimeout(answer, delayMs);
    else answer();
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get requests() {
      return requests;
    },
    fail: () => void (status = 500),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Fleet {
  readonly count: number;
  readonly interval: string;
  readonly url: string;
  readonly sink: string;
}

function writeFleet(folder: TempFolder, { count, interval, url, sink }: Fleet): string {
  const code = `{notify: webhook, config: {url: "${sink}"}}`;
  const lines = Array.from(
    { length: count },
    (_, index) =>
      `- {name: m${index}, pulse_check: {type: http, interval: ${interval}, timeout: 450ms, max_failures: 1, ` +
      `config: {url: "${url}${index}"}}, codes: {red: ${code}, green: ${code}}}\n`,
  );
  const timeout = interval === "500ms" ? "450ms" : interval === "1s" ? "900ms" : "4s";
  const file = join(folder.path, "fleet.yaml");
  writeFileSync(file, `monitors:\n${lines.join("").replaceAll("timeout: 450ms", `timeout: ${timeout}`)}`);
  return file;
}

function argumentsOf(folder: TempFolder, file: string): string[] {
  return ["--yaml", file, "--state", join(folder.path, "state"), "--pprof.addr", "localhost:0"];
}

async function allUp(cpra: RunningBinary, count: number): Promise<void> {
  await eventually(
    async () => (await cpra.text("/metrics")).includes(`cpra_monitors{state="up"} ${count}`) || undefined,
    `${count} monitors up`,
    30_000,
  );
}
