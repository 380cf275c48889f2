/**
 * The executable, killed again and again while targets die and heal and the sink refuses, loses answers and hangs; begun
 * again each time with the same state.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SinkFault } from "../../mock-servers/sink_faults.ts";
import { startWebhookSink, type WebhookSink } from "../../mock-servers/sink_webhook.ts";
import { seededRandom } from "../../src/base/prng.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import { eventually, RunningBinary, tempFolder } from "../support/binary.ts";

export interface KillFigures {
  readonly kills: number;
  readonly incidents: number;
  readonly alerts: number;
  /** Alerts the journal holds as decided that never reached the sink. */
  readonly alertsLost: number;
  /** Monitors' first deliveries that came before an earlier one's. */
  readonly orderViolations: number;
  readonly repairs: number;
  readonly repairsTwice: number;
  /** Deliveries of a key that the sink had taken before. */
  readonly repeats: number;
  /** Repeats whose body differs from the first one's. */
  readonly repeatsThatDiffer: number;
  /** Reds that never got their green. */
  readonly unresolved: number;
  /** Median time from the start of the process to its first check, ms. */
  readonly startMs: number;
  readonly seconds: number;
}

const MONITORS = 12;
const REPAIRED = 6;
const FAULTS: readonly (SinkFault | null)[] = [
  null,
  null,
  { kind: "status", status: 503 },
  { kind: "cut_off" },
  { kind: "slow", delayMs: 300 },
  { kind: "rate_limit", retryAfter: 1 },
];

/** A TCP target that can die and heal. */
class Target {
  #server: Server | undefined;
  port = 0;

  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((socket) => socket.on("error", () => {}).end());
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", () => resolve());
    });
    this.port = (server.address() as { port: number }).port;
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  get alive(): boolean {
    return this.#server !== undefined;
  }
}

function manifest(ports: readonly number[], sink: string, script: string, repairs: string): string {
  const code = { notify: "webhook", config: { url: sink } };
  const monitors = ports.map((port, index) => ({
    name: `m${index}`,
    pulse_check: {
      type: "tcp",
      interval: "100ms",
      timeout: "90ms",
      max_failures: 1 + index % 2,
      healthy_threshold: 2,
      config: { host: "127.0.0.1", port },
    },
    ...(index < REPAIRED
      ? {
        intervention: {
          action: "script",
          max_failures: 2,
          config: { command: ["/bin/sh", script, repairs] },
        },
      }
      : {}),
    codes: { red: code, yellow: code, green: code, cyan: code },
  }));
  // Repairs at once and often: how they are held back has tests of its own.
  const remediation = {
    hold: 0,
    cooldown: 0,
    "at_once": 100,
    "fleet_per_minute_min": 10_000,
    "attempts_per_day": 1000,
  };
  return JSON.stringify({ settings: { remediation, guard: { enabled: false } }, monitors });
}

export async function killAgainAndAgain(kills: number, seed: number): Promise<KillFigures> {
  const startedMs = performance.now();
  const random = seededRandom(seed);
  using folder = tempFolder();
  await using sink = await startWebhookSink();
  const targets = Array.from({ length: MONITORS }, () => new Target());
  for (const target of targets) await target.open();
  const script = join(folder.path, "repair.sh");
  const repairs = join(folder.path, "repairs");
  writeFileSync(repairs, "");
  writeFileSync(script, 'echo "$CPRA_INCIDENT $CPRA_ATTEMPT" >>"$1"\nsleep 0.2\n');
  const file = join(folder.path, "m.json");
  writeFileSync(file, manifest(targets.map(({ port }) => port), sink.url, script, repairs));
  const args = ["--yaml", file, "--state", join(folder.path, "state"), "--pprof.addr", "localhost:0"];
  const started: number[] = [];
  try {
    for (let kill = 0; kill < kills; kill++) {
      sink.setFault(FAULTS[Math.floor(random() * FAULTS.length)] as SinkFault | null);
      const beganMs = performance.now();
      await using cpra = new RunningBinary(args);
      await cpra.logged(/Controller started successfully/);
      started.push(performance.now() - beganMs);
      const endMs = performance.now() + 200 + random() * 1300;
      while (performance.now() < endMs) {
        const target = targets[Math.floor(random() * MONITORS)] as Target;
        if (target.alive) await target.close();
        else await target.open();
        await new Promise((resolve) => setTimeout(resolve, 20 + random() * 150));
      }
      await cpra.stop("SIGKILL");
    }
    sink.setFault(null);
    for (const target of targets) await target.open();
    await using cpra = new RunningBinary(args);
    await eventually(
      async () => {
        const metrics = await cpra.text("/metrics");
        const calm = metrics.includes(`cpra_monitors{state="up"} ${MONITORS}`) &&
          /^cpra_alerts_pending 0$/m.test(metrics) && /^cpra_incidents_open 0$/m.test(metrics);
        return calm || undefined;
      },
      "all is well in the end",
      90_000,
    );
    await cpra.stop("SIGTERM");
  } finally {
    for (const target of targets) await target.close();
  }
  const judged = judge(sink, join(folder.path, "state", "journal.db"), readFileSync(repairs, "utf8"));
  const startMs = Math.round(started.sort((left, right) => left - right)[started.length >> 1] ?? 0);
  return { kills, ...judged, startMs, seconds: Math.round((performance.now() - startedMs) / 1000) };
}

type Judged = Omit<KillFigures, "kills" | "startMs" | "seconds">;

function judge(sink: WebhookSink, journal: string, repairs: string): Judged {
  const written = readAlerts(journal);
  const place = new Map(written.map(({ key }, index) => [key, index]));
  const bodies = new Map<string, string>();
  const latest = new Map<string, number>();
  const figures = { repeats: 0, repeatsThatDiffer: 0, orderViolations: 0 };
  for (const { body, headers, outcome } of sink.requests) {
    if (outcome !== 200 && outcome !== "slow") continue;
    const key = headers["idempotency-key"] as string;
    const before = bodies.get(key);
    if (before !== undefined) {
      figures.repeats++;
      if (before !== body) figures.repeatsThatDiffer++;
      continue;
    }
    bodies.set(key, body);
    const monitor = key.split(":")[1] as string;
    const index = place.get(key) ?? -1;
    if (index < (latest.get(monitor) ?? -1)) figures.orderViolations++;
    latest.set(monitor, index);
  }
  const runs = repairs.split("\n").filter((line) => line !== "");
  const told = (color: string) =>
    new Set(written.filter((each) => each.color === color).map(({ dedupKey }) => dedupKey));
  const green = told("green");
  return {
    incidents: new Set(written.map(({ dedupKey }) => dedupKey)).size,
    alerts: written.length,
    alertsLost: written.filter(({ key }) => !bodies.has(key)).length,
    ...figures,
    repairs: runs.length,
    repairsTwice: runs.length - new Set(runs).size,
    unresolved: [...told("red")].filter((key) => !green.has(key)).length,
  };
}

/** Every alert that was ever decided, in that order. */
function readAlerts(path: string): AlertMessage[] {
  const db = new DatabaseSync(path);
  const rows = db.prepare("SELECT message FROM alerts ORDER BY id").all();
  db.close();
  return rows.map((row) => JSON.parse(String(row["message"])) as AlertMessage);
}
