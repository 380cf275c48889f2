/** The whole way with a real Docker Engine: a container dies, cpra restarts it, checks prove it, people are told in order. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startWebhookSink, type WebhookSink } from "../../mock-servers/sink_webhook.ts";
import { eventually, RunningBinary, tempFolder } from "../support/binary.ts";
import { type DockerEngine, dockerEngineMissing, startDockerEngine } from "../support/docker_engine.ts";

const missing = dockerEngineMissing();
const INTERVAL_MS = 500;

interface Alert {
  readonly color: string;
  readonly monitor: string;
  readonly incident: string;
  readonly at: string;
  readonly tried: readonly string[];
  readonly error: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** A web server on this machine's loopback, in a container. */
async function runWebServer(engine: DockerEngine, name: string, port: number): Promise<void> {
  const command = `echo fine > /index.html; exec httpd -f -p 127.0.0.1:${port}`;
  await engine.runContainer(name, ["sh", "-c", command], { HostConfig: { NetworkMode: "host" } });
}

function alertsOf(sink: WebhookSink): Alert[] {
  return sink.accepted.map((body) => JSON.parse(body) as Alert);
}

function monitor(
  options: {
    readonly port: number;
    readonly container: string;
    readonly engine: DockerEngine;
    readonly sink: string;
  },
) {
  const code = { dispatch: true, notify: "webhook", config: { url: options.sink } };
  return {
    name: options.container,
    "pulse_check": {
      type: "http",
      interval: `${INTERVAL_MS}ms`,
      timeout: "400ms",
      "unhealthy_threshold": 2,
      "healthy_threshold": 2,
      config: { url: `http://127.0.0.1:${options.port}/` },
    },
    intervention: {
      action: "docker",
      config: { container: options.container, socket: options.engine.socketPath, timeout: "1s" },
    },
    codes: { red: code, yellow: code, cyan: code, green: code },
  };
}

test(
  "a container dies and is restarted: yellow, cyan, green; another cannot be repaired: red, and green once it is back",
  {
    skip: missing ?? false,
  },
  async () => {
    using folder = tempFolder();
    await using engine = await startDockerEngine();
    await using sink = await startWebhookSink();
    const [webPort, gonePort] = [await freePort(), await freePort()];
    await runWebServer(engine, "web", webPort);
    await runWebServer(engine, "gone", gonePort);
    const gone = monitor({ port: gonePort, container: "gone", engine, sink: sink.url });
    gone.intervention.config.container = "no-such-container";
    const monitors = [monitor({ port: webPort, container: "web", engine, sink: sink.url }), gone];
    writeFileSync(
      join(folder.path, "m.json"),
      JSON.stringify({ settings: { remediation: { hold: 0, cooldown: 0 } }, monitors }),
    );
    await using cpra = new RunningBinary([
      "--yaml",
      join(folder.path, "m.json"),
      "--pprof.addr",
      "localhost:0",
    ]);
    await eventually(
      async () => /cpra_monitors\{state="up"\} 2/.test(await cpra.text("/metrics")) || undefined,
      "both up",
    );

    const killedMs = Date.now();
    await Promise.all(["web", "gone"].map((name) => engine.api("POST", `/containers/${name}/kill`)));
    const told = (name: string) => alertsOf(sink).filter((alert) => alert.monitor === name);
    await eventually(
      () => told("web").some(({ color }) => color === "green") || undefined,
      "web is repaired",
      30_000,
    );
    assert.deepEqual(told("web").map(({ color }) => color), ["yellow", "cyan", "green"]);
    assert.equal(await engine.state("web"), "running");
    assert.equal(new Set(told("web").map(({ incident }) => incident)).size, 1);
    assert.match(told("web")[1]?.tried.join() ?? "", /restart container web.*done/);
    const timeline = told("web").map(({ color, at }) => `${color} +${Date.parse(at) - killedMs} ms`).join(
      ", ",
    );
    process.stdout.write(`killed, then ${timeline} (interval ${INTERVAL_MS} ms, thresholds 2 and 2)\n`);

    await eventually(
      () => told("gone").some(({ color }) => color === "red") || undefined,
      "gone is given up",
      30_000,
    );
    assert.deepEqual(told("gone").map(({ color }) => color), ["yellow", "red"]);
    assert.match(told("gone")[1]?.tried.join() ?? "", /no-such-container/);
    await engine.api("POST", "/containers/gone/start");
    await eventually(
      () => told("gone").some(({ color }) => color === "green") || undefined,
      "gone is back",
      30_000,
    );
    assert.deepEqual(told("gone").map(({ color }) => color), ["yellow", "red", "green"]);
    const end = await cpra.stop();
    assert.equal(end.code, 0, end.err);
  },
);
