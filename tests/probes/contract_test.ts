import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { z } from "../../src/base/schema.ts";
import { REASONS } from "../../src/model/outcome.ts";
import type { Probe } from "../../src/model/plugin.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { eventually, openSockets, serveRaw, serveUnix } from "../net/sockets.ts";

/** Accepts connections, on a port and on a unix socket, and datagrams on the same port, and never says a word. */
interface Silent extends AsyncDisposable {
  readonly port: number;
  readonly path: string;
}

async function serveSilence(): Promise<Silent> {
  // An HTTP client that gives up ends in good order; the half that stays open then is this server's, not a probe's.
  const tcp = await serveRaw((socket) => socket.on("end", () => socket.destroy()));
  const unix = await serveUnix(() => {});
  const datagrams = createSocket("udp4");
  await new Promise<void>((resolve) => datagrams.bind(tcp.port, "127.0.0.1", resolve));
  return {
    port: tcp.port,
    path: unix.path,
    async [Symbol.asyncDispose]() {
      await tcp[Symbol.asyncDispose]();
      await unix[Symbol.asyncDispose]();
      datagrams.close();
    },
  };
}

const STREAM_KINDS: ReadonlySet<string> = new Set([
  ...["redis", "postgres", "mysql", "rabbitmq", "mqtt", "smtp", "imap", "ssh", "grpc", "mongodb", "kafka"],
]);

/** A configuration of every kind that keeps the probe waiting until its signal. */
function hangingConfig(kind: string, { port, path }: Pick<Silent, "port" | "path">): unknown {
  const configs: Readonly<Record<string, unknown>> = {
    http: { url: `http://127.0.0.1:${port}/` },
    tcp: { host: "127.0.0.1", port, send: "?", expect: "never" },
    icmp: { host: "127.0.0.1", count: 100, interval: "10s", loss_pct: 0 },
    websocket: { url: `ws://127.0.0.1:${port}/` },
    udp: { host: "127.0.0.1", port, send: "?" },
    script: { command: "sleep 300" },
    docker: { container: "web", socket: path },
    group: { monitors: ["a", "b"] },
    push: { token: "0123456789abcdef", period: "1m" },
    dns: { name: "example.com", server: `127.0.0.1:${port}`, transport: "tcp" },
    tls: { host: "127.0.0.1", port },
    systemd: { unit: "web", socket: path },
    kubernetes: { kind: "pod", name: "web", server: `http://127.0.0.1:${port}` },
  };
  // These wait for a greeting, or say something and wait for the answer.
  if (STREAM_KINDS.has(kind)) return { host: "127.0.0.1", port };
  assert.ok(kind in configs, `say how a probe of kind ${kind} is kept waiting`);
  return configs[kind];
}

/** Those that a worker runs; the others the engine judges. */
const RUN = PROBES.filter((probe) => probe.judge === undefined);

function requestOf(probe: Probe, config: unknown) {
  const { target, shared } = probe.split(probe.schema.parse(config));
  return { monitor: "m", target, config: JSON.parse(JSON.stringify(shared)) as unknown, timeoutMs: 60_000 };
}

test("kinds and aliases are lower-case words, each used once", () => {
  const words = PROBES.flatMap((probe) => [probe.kind, ...probe.aliases]);
  assert.equal(new Set(words).size, words.length, words.join(" "));
  for (const word of words) assert.match(word, /^[a-z][a-z0-9]*$/);
});

test("every probe says what it is, and its example names it", () => {
  for (const probe of PROBES) {
    assert.ok(probe.summary.length > 0 && probe.summary.length <= 80, probe.kind);
    assert.match(probe.example, new RegExp(`type: ${probe.kind}$`, "m"));
    assert.match(probe.example, /^name: /);
    assert.ok(probe.descriptors >= (probe.judge === undefined ? 1 : 0) && probe.estimateMs > 0, probe.kind);
  }
});

test("a parsed configuration is plain JSON, and split keeps it so", async () => {
  await using server = await serveSilence();
  for (const probe of PROBES) {
    const config = probe.schema.parse(hangingConfig(probe.kind, server));
    assert.deepEqual(JSON.parse(JSON.stringify(config)), config, probe.kind);
    const { target, shared } = probe.split(config);
    assert.ok(target.length > 0, probe.kind);
    assert.deepEqual(JSON.parse(JSON.stringify(shared)), shared, probe.kind);
    const other = probe.split(probe.schema.parse(hangingConfig(probe.kind, server)));
    assert.equal(
      JSON.stringify(other.shared),
      JSON.stringify(shared),
      `${probe.kind}: equal monitors share one policy`,
    );
  }
});

test("unknown keys, and things that are no mapping, are refused", async () => {
  await using server = await serveSilence();
  for (const probe of PROBES) {
    const good = hangingConfig(probe.kind, server) as Record<string, unknown>;
    assert.ok(!probe.schema.safeParse({ ...good, unheardOf: 1 }).success, probe.kind);
    for (const bad of [null, [], "text", 5]) assert.ok(!probe.schema.safeParse(bad).success, probe.kind);
  }
});

test("every schema can be written as JSON Schema for editors", () => {
  for (const probe of PROBES) {
    const schema = z.toJSONSchema(probe.schema, { io: "input", unrepresentable: "any" });
    assert.equal(schema.additionalProperties, false, probe.kind);
  }
});

test("a signal that has fired before the start ends a check at once, with nothing held", async () => {
  await using server = await serveSilence();
  const before = openSockets();
  for (const probe of RUN) {
    const startedMs = performance.now();
    const result = await probe.run(
      requestOf(probe, hangingConfig(probe.kind, server)),
      AbortSignal.abort(),
    );
    assert.notEqual(result.outcome, "pass", probe.kind);
    assert.ok(result.reason in REASONS);
    assert.ok(performance.now() - startedMs < 500, probe.kind);
  }
  assert.ok(await eventually(() => openSockets() <= before));
});

test(
  "a signal that fires in flight ends a check soon, with everything freed",
  { timeout: 60_000 },
  async () => {
    await using server = await serveSilence();
    const abortOne = async (probe: Probe) => {
      const controller = new AbortController();
      const running = Promise.all(
        Array.from(
          { length: 5 },
          () => probe.run(requestOf(probe, hangingConfig(probe.kind, server)), controller.signal),
        ),
      );
      const early = await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 150))]);
      assert.equal(early, undefined, `${probe.kind} ended before its signal: ${JSON.stringify(early)}`);
      const firedMs = performance.now();
      controller.abort();
      for (const result of await running) {
        assert.equal(result.outcome, "fail", probe.kind);
        assert.ok(Number.isInteger(result.value) && result.value >= 0);
      }
      assert.ok(performance.now() - firedMs < 500, `${probe.kind} took ${performance.now() - firedMs} ms`);
    };
    // What a kind keeps open for all its checks is opened by its first ones.
    await Promise.all(RUN.map(abortOne));
    const held = openSockets();
    await Promise.all(RUN.map(abortOne));
    // While the servers still hold their ends: what a probe does not free stays.
    assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
  },
);

test("what the engine judges is judged without a promise, from facts alone", () => {
  for (const probe of PROBES) {
    if (probe.judge === undefined) continue;
    const { shared } = probe.split(probe.schema.parse(hangingConfig(probe.kind, { port: 1, path: "/s" })));
    const config = JSON.parse(JSON.stringify(shared)) as unknown;
    const states = probe.watches(config).map(() => "up" as const);
    const signals = { sinceMs: 0, awakeMs: 0, okMs: 0, code: 0, text: "" };
    const judged = probe.judge({ config, nowMs: 1, states, signals });
    assert.equal(judged?.outcome, "pass", probe.kind);
    assert.ok(!JSON.stringify({ ...judged, shared }).includes("0123456789abcdef"), "no token");
  }
});
