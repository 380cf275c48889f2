/** The server thread over real sockets on port 0, in both runtimes; once as a real worker. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { serve } from "../../src/host/serve.ts";
import type { FromServer, ServerBoot, ToServer } from "../../src/server/messages.ts";
import { type ServerScope, startServerThread } from "../../src/server/thread.ts";
import { createMailCount } from "../../src/shm/mail_count.ts";
import { parseExposition } from "../telemetry/exposition_parser.ts";
import { sampleMetrics } from "../telemetry/sample_metrics.ts";
import { BUILD, sampleShared, sampleWorld } from "./sample_world.ts";

type Listen = ServerBoot["listen"][number];
const FREE: Listen = { hostname: "localhost", port: 0, pprof: true, option: "--pprof.addr" };

/** How a thread is reached: a real worker, or the same code on this thread, which costs no second type check under Deno. */
interface Line {
  post(message: ToServer): void;
  end(): void;
}
type Listener = (message: FromServer | Error) => void;

function workerLine(listener: Listener): Line {
  const worker = new Worker(new URL("../../workers/server.ts", import.meta.url), { type: "module" });
  worker.onmessage = (event: MessageEvent<FromServer>) => listener(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    listener(new Error(`in the worker: ${event.message}`));
  };
  return { post: (message) => worker.postMessage(message), end: () => worker.terminate() };
}

function localLine(listener: Listener): Line {
  const scope: ServerScope = {
    onmessage: null,
    postMessage: (message) => listener(structuredClone(message)),
  };
  startServerThread(scope);
  const post = (data: ToServer) =>
    scope.onmessage?.(new MessageEvent("message", { data: structuredClone(data) }));
  return { post, end() {} };
}

interface StartOptions {
  readonly listen: readonly Listen[];
  readonly token?: string;
  readonly line?: (listener: Listener) => Line;
}

function startThread({ listen, token, line = localLine }: StartOptions) {
  const waiting: Listener[] = [];
  const received: (FromServer | Error)[] = [];
  const { post, end } = line((message) => {
    const next = waiting.shift();
    if (next === undefined) received.push(message);
    else next(message);
  });
  const metrics = sampleMetrics();
  const world = sampleWorld();
  const shared = sampleShared(world, metrics);
  const thread = {
    metrics,
    world,
    shared,
    post,
    async next(): Promise<FromServer> {
      const message = received.shift() ??
        await new Promise<FromServer | Error>((resolve) => waiting.push(resolve));
      if (message instanceof Error) throw message;
      return message;
    },
    async stop() {
      post({ type: "stop" });
      const last = await thread.next();
      end();
      assert.deepEqual(last, { type: "stopped" });
    },
  };
  const commandLine = ["cpra", "--yaml", "x.yaml"];
  const mail = createMailCount();
  const actions = ["reload"];
  const boot = {
    type: "boot",
    build: BUILD,
    commandLine,
    listen,
    sloMs: 100,
    signalKinds: [],
    shared,
    mail,
    actions,
  } as const;
  post(token === undefined ? boot : { ...boot, token });
  return thread;
}

async function urlsOf(thread: ReturnType<typeof startThread>): Promise<readonly string[]> {
  const message = await thread.next();
  assert.equal(message.type, "listening", JSON.stringify(message));
  return message.type === "listening" ? message.urls : [];
}

test("the thread serves what the engine's thread writes", async () => {
  const thread = startThread({ listen: [FREE], line: workerLine });
  const [url] = await urlsOf(thread);
  assert.match(url ?? "", /^http:\/\/localhost:[1-9]\d*$/);
  assert.equal((await fetch(`${url}/readyz`)).status, 503);
  thread.post({ type: "loaded", shared: thread.shared });
  thread.metrics.countLateResult();
  thread.world.columns.failures[0] = 41;
  const error = "connection refused";
  const of = { monitor: "web-0", target: "http://127.0.0.1/" };
  const event = { id: "i-9", row: 0, ...of, transition: "opened", open: true, sinceMs: 1, atMs: 2, error };
  thread.post({ type: "incidents", events: [event] });
  // A request may overtake a message on its way to the thread, so it is asked for until it has arrived.
  let incidents = await (await fetch(`${url}/api/v1/incidents`)).json();
  for (let tries = 0; incidents.open.length === 0 && tries < 1000; tries++) {
    incidents = await (await fetch(`${url}/api/v1/incidents`)).json();
  }
  assert.equal(incidents.open[0]?.id, "i-9");
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  const metrics = parseExposition(await (await fetch(`${url}/metrics`)).text());
  assert.equal(metrics.get("cpra_late_results_total")?.samples[0]?.value, 2);
  const monitor = await (await fetch(`${url}/api/v1/monitors/web-0`)).json();
  assert.deepEqual([monitor.failures, monitor.incident.id], [41, "i-9"]);
  assert.equal(await (await fetch(`${url}/debug/pprof/cmdline`)).text(), "cpra\0--yaml\0x.yaml");
  assert.match(await (await fetch(`${url}/`)).text(), /^<!doctype html>/);
  await thread.stop();
  await assert.rejects(fetch(`${url}/healthz`));
});

test("two addresses answer the same, profiles only where asked for", async () => {
  const thread = startThread({ listen: [{ ...FREE, pprof: false }, { ...FREE, hostname: "127.0.0.1" }] });
  const [plain, profiled] = await urlsOf(thread);
  assert.notEqual(plain, profiled);
  assert.equal((await fetch(`${plain}/healthz`)).status, 200);
  assert.equal((await fetch(`${profiled}/healthz`)).status, 200);
  assert.equal((await fetch(`${plain}/debug/pprof/`)).status, 404);
  assert.equal((await fetch(`${profiled}/debug/pprof/`)).status, 200);
  await thread.stop();
});

test("an address in use is a clear message, and nothing else stays open", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => holder.once("listening", resolve));
  const { port } = holder.address() as { port: number };
  const thread = startThread({
    listen: [{ ...FREE, hostname: "127.0.0.2", port }, { ...FREE, hostname: "127.0.0.1", port }],
  });
  assert.deepEqual(await thread.next(), {
    type: "listen-failed",
    error: `Cannot listen on 127.0.0.1:${port}: the address is already in use. ` +
      "Free it, or choose another with --pprof.addr HOST:PORT (port 0 takes a free one).",
  });
  await assert.rejects(fetch(`http://127.0.0.2:${port}/healthz`), "the first address must be closed again");
  await thread.stop();
  await new Promise((resolve) => holder.close(resolve));
});

test("an address of another machine is a clear message", async () => {
  const thread = startThread({ listen: [{ ...FREE, hostname: "192.0.2.1" }], token: "token" });
  const message = await thread.next();
  assert.match(message.type === "listen-failed" ? message.error : "", /not one of this machine/);
  await thread.stop();
});

test("an address others can reach is refused without a token and asks for it with one", async () => {
  const refused = startThread({ listen: [{ ...FREE, hostname: "0.0.0.0" }] });
  const message = await refused.next();
  assert.match(message.type === "listen-failed" ? message.error : "", /no token is set/);
  await refused.stop();

  const thread = startThread({ listen: [{ ...FREE, hostname: "0.0.0.0" }], token: "the-token" });
  const [url] = await urlsOf(thread);
  const local = (url as string).replace("0.0.0.0", "127.0.0.1");
  assert.equal((await fetch(`${local}/metrics`)).status, 401);
  assert.equal(
    (await fetch(`${local}/metrics`, { headers: { Authorization: "Bearer the-token" } })).status,
    200,
  );
  await thread.stop();
});

test("serve() gives running answers the time to end when it stops", async () => {
  let release = () => {};
  let arrived = () => {};
  const running = new Promise<void>((resolve) => arrived = resolve);
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async () => {
      arrived();
      await new Promise<void>((resolve) => release = resolve);
      return new Response("whole");
    },
    onError: () => new Response("fault", { status: 500 }),
  });
  const answer = fetch(`http://127.0.0.1:${server.address.port}/`);
  await running;
  const stopped = server.stop();
  release();
  assert.equal(await (await answer).text(), "whole");
  await stopped;
});

test("serve() cuts an answer that does not end", async () => {
  let arrived = () => {};
  const running = new Promise<void>((resolve) => arrived = resolve);
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      arrived();
      return new Promise<Response>(() => {});
    },
    onError: () => new Response("fault", { status: 500 }),
  });
  const answer = fetch(`http://127.0.0.1:${server.address.port}/`);
  const cut = assert.rejects(answer);
  await running;
  await server.stop();
  await cut;
});

test("serve() answers with onError when the handler throws", async () => {
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Promise.reject(new Error("broken")),
    onError: (error) => new Response((error as Error).message, { status: 500 }),
  });
  const answer = await fetch(`http://127.0.0.1:${server.address.port}/`);
  assert.deepEqual([answer.status, await answer.text()], [500, "broken"]);
  await server.stop();
});
