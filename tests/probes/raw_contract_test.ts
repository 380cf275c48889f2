/** The raw and the hosted engine say the same of the same target, word for word, and neither leaves a socket. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import { openIdleListener } from "../../src/host/idle_listener.ts";
import { HTTP } from "../../src/probes/http.ts";
import { TCP } from "../../src/probes/tcp.ts";
import { eventually, listen, openSockets, serveRaw } from "../net/sockets.ts";
import { check, type Checked, verdict } from "./check.ts";
import { HOSTILE, serveHostile } from "./hostile_http.ts";
import { createRawChecker, type RawChecker } from "./raw_check.ts";

type Handle = (request: IncomingMessage, response: ServerResponse) => void;
const serveHttp = (handle: Handle, host = "127.0.0.1") => listen(createServer(handle), host);

/** Everything of a result that must not depend on the engine. */
function told(result: Checked): string {
  return `${verdict(result)} ${result.text ?? ""} connected=${result.connectUs !== undefined} answered=${
    result.firstByteUs !== undefined
  }`;
}

async function withRaw(
  context: { skip(message: string): void },
  run: (raw: RawChecker) => Promise<void>,
): Promise<void> {
  using raw = await createRawChecker();
  if (raw === undefined) return context.skip("no FFI here");
  await run(raw);
}

test("hostile http targets: both engines give the same reason, by the deadline, and leave no socket", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serveHostile();
    const held = openSockets();
    await Promise.all(
      Object.entries(HOSTILE).map(async ([name, [, wanted]]) => {
        const url = `http://127.0.0.1:${server.port}/${name}`;
        const result = await raw.check(HTTP, { url }, { timeoutMs: 300 });
        assert.equal(told(result), told(await check(HTTP, { url }, { timeoutMs: 300 })), name);
        assert.equal(verdict(result), wanted, name);
        assert.ok(result.tookMs < 300 + 200, `${name} took ${result.tookMs} ms`);
      }),
    );
    assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
  }));

test("statuses, assertions and framings are judged alike by both engines", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serveHttp((request, response) => {
      const [, status = "200", kind = ""] = (request.url ?? "").split("/");
      response.statusCode = Number(status);
      response.setHeader("Content-Type", "application/json");
      const body = JSON.stringify({ status: { db: [{ ok: true, lag: 3 }] }, version: "1.2.3" });
      if (kind === "sized") response.setHeader("Content-Length", body.length);
      if (kind === "pieces") {
        response.write(body.slice(0, 5));
        setTimeout(() => response.end(body.slice(5)), 10);
      } else if (kind === "big") response.end("x".repeat(200_000));
      else if (kind === "slow") setTimeout(() => response.end(body), 60);
      else response.end(body);
    });
    const at = (path: string) => `http://127.0.0.1:${server.port}/${path}`;
    const configs: readonly Record<string, unknown>[] = [
      { url: at("200") },
      { url: at("200/sized") },
      { url: at("200/pieces") },
      { url: at("200/big") },
      { url: at("200/big"), body_contains: "y" },
      { url: at("204") },
      { url: at("404") },
      { url: at("404"), expected_status: 404 },
      { url: at("503/sized"), expected_status: "2xx" },
      { url: at("301"), follow_redirects: false },
      { url: at("301") },
      { url: at("200/sized"), method: "HEAD" },
      { url: at("200"), method: "POST", body: "größe" },
      { url: at("200/sized"), body_contains: "1.2.3" },
      { url: at("200/pieces"), body_contains: ["1.2.3", "absent"] },
      { url: at("200"), body_not_contains: "db" },
      { url: at("200"), body_matches: ["^x"] },
      { url: at("200"), header: [{ name: "content-type", equals: "text/html" }] },
      { url: at("200"), header: [{ name: "x" }] },
      { url: at("200"), json: [{ path: "status.db[0].lag", equals: 4 }] },
      { url: at("200"), json: [{ path: "status.db[0].ok", equals: true }] },
    ];
    for (const config of configs) {
      const result = await raw.check(HTTP, config);
      assert.equal(told(result), told(await check(HTTP, config)), JSON.stringify(config));
      assert.equal(result.handedOver, false);
    }
    const slow = await raw.check(HTTP, { url: at("200/slow"), max_latency: "20ms" });
    assert.equal(slow.reason, "too_slow");
    assert.ok(slow.value >= 50, `${slow.value} ms`);
  }));

test("both engines send the same request", (context) =>
  withRaw(context, async (raw) => {
    const seen: string[] = [];
    await using server = await serveRaw((socket) =>
      socket.once("data", (bytes: Uint8Array) => {
        seen.push(new TextDecoder().decode(bytes));
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      })
    );
    const url = `http://127.0.0.1:${server.port}`;
    const configs: readonly Record<string, unknown>[] = [
      { url },
      { url: `${url}/a%20b?c=d&e=%C3%A9#fragment` },
      { url: `${url}/x`, method: "POST", body: "größe", headers: ["X-One: 1", "User-Agent: own"] },
      { url: `${url}/x`, headers: ["Host: shop.example"], auth: { bearer: { token: "t0ken" } } },
      { url: `${url}/x`, headers: ["Host: h"] },
      { url: `http://user:p%40ss@127.0.0.1:${server.port}/`, method: "DELETE" },
    ];
    for (const config of configs) {
      await raw.check(HTTP, config);
      await check(HTTP, config);
      const [byRaw, byHosted] = seen.splice(0);
      assert.equal(byRaw, byHosted, JSON.stringify(config));
    }
  }));

test("a redirect that is to be followed is handed over, one that is the answer is not", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serveHttp((request, response) => {
      response.writeHead(302, request.url === "/nowhere" ? {} : { location: "/elsewhere" });
      response.end();
    });
    const at = (path: string) => `http://127.0.0.1:${server.port}/${path}`;
    assert.equal((await raw.check(HTTP, { url: at("") })).handedOver, true);
    assert.equal((await raw.check(HTTP, { url: at(""), body_contains: "x" })).handedOver, true);
    assert.equal(verdict(await raw.check(HTTP, { url: at("nowhere") })), "fail status 302");
    assert.equal(verdict(await raw.check(HTTP, { url: at(""), expected_status: 302 })), "pass none 0");
  }));

test("tcp targets are judged alike by both engines", (context) =>
  withRaw(context, async (raw) => {
    const cases: readonly [name: string, act: (socket: Socket) => void][] = [
      ["silent", () => {}],
      ["closes", (socket) => socket.end()],
      ["answers otherwise", (socket) => socket.end("-ERR\x1b[2J\n")],
      ["resets", (socket) => socket.resetAndDestroy()],
      ["answers", (socket) => socket.write("+PONG\r\n")],
      ["answers in pieces", (socket) => {
        socket.write("+PO");
        setTimeout(() => socket.write("NG\r\n"), 20);
      }],
    ];
    for (const [name, act] of cases) {
      await using server = await serveRaw((socket) => socket.once("data", () => act(socket)));
      const held = openSockets();
      const config = { host: "127.0.0.1", port: server.port, send: "PING \u00ff\r\n", expect: "+PONG" };
      const result = await raw.check(TCP, config, { timeoutMs: 250 });
      assert.equal(told(result), told(await check(TCP, config, { timeoutMs: 250 })), name);
      assert.ok(await eventually(() => openSockets() <= held), name);
    }
    const server = await serveRaw((socket) => socket.write("220 mail\r\n"));
    const { port } = server;
    assert.equal(verdict(await raw.check(TCP, { host: "127.0.0.1", port })), "pass none 0");
    assert.equal(verdict(await raw.check(TCP, { host: "127.0.0.1", port, expect: "220 " })), "pass none 0");
    const big = { host: "127.0.0.1", port, send: "x".repeat(60_000) };
    assert.equal(verdict(await raw.check(TCP, big)), "pass none 0");
    await server[Symbol.asyncDispose]();
    const refused = await raw.check(TCP, { host: "127.0.0.1", port }, { retries: 3 });
    assert.equal(`${verdict(refused)} ${refused.attempts}`, "fail refused 0 4");
  }));

test("a target that never accepts fails at the deadline, each attempt with one of its own", (context) =>
  withRaw(context, async (raw) => {
    const deaf = await openIdleListener({ host: "127.0.0.1", port: 0 });
    try {
      const url = `http://127.0.0.1:${deaf.port}/`;
      const result = await raw.check(HTTP, { url }, { timeoutMs: 150, retries: 1 });
      assert.equal(`${verdict(result)} ${result.attempts}`, "fail connect_timeout 150 2");
      assert.ok(result.tookMs >= 300 && result.tookMs < 450, `${result.tookMs} ms`);
    } finally {
      deaf.close();
    }
  }));

test("IPv6 literals are reached, in every form of writing", async (context) => {
  const server = await serveHttp((_request, response) => response.end("fine"), "::1").catch(() => undefined);
  if (server === undefined) return context.skip("no IPv6 loopback here");
  await using _server = server;
  await withRaw(context, async (raw) => {
    for (const host of ["::1", "0:0:0:0:0:0:0:1", "0::1", "::0001"]) {
      assert.equal(
        verdict(await raw.check(HTTP, { url: `http://[${host}]:${server.port}/` })),
        "pass none 0",
      );
      assert.equal(verdict(await raw.check(TCP, { host, port: server.port })), "pass none 0", host);
    }
  });
});

test("without a route it is our own fault, with its errno", (context) =>
  withRaw(context, async (raw) => {
    // The kernel refuses to connect to the broadcast address, and nothing goes out (EACCES; tcp(7) gives ENETUNREACH).
    const result = await raw.check(TCP, { host: "255.255.255.255", port: 9 }, { retries: 5, timeoutMs: 300 });
    assert.equal(result.outcome, "local", verdict(result));
    assert.equal(result.attempts, 2, "a local failure is tried again once");
    assert.ok(result.value > 0);
  }));

test("what needs a name, TLS or a zone does not suit the raw engine", () => {
  const suits = (probe: typeof HTTP | typeof TCP, config: unknown) => {
    const { target, shared } = (probe as typeof HTTP).split((probe as typeof HTTP).schema.parse(config));
    return probe.raw?.suits(target, shared, { names: false });
  };
  for (const url of ["http://127.0.0.1/", "http://[2001:db8::1]:81/x?y", "http://10.0.0.1:8080/%20"]) {
    assert.equal(suits(HTTP, { url }), true, url);
  }
  for (
    const url of [
      "https://127.0.0.1/",
      "http://localhost/",
      "http://127.0.0.1/?",
      `http://1.1.1.1/${"x".repeat(5000)}`,
    ]
  ) assert.equal(suits(HTTP, { url }), false, url.slice(0, 40));
  assert.equal(suits(HTTP, { url: "http://127.0.0.1/", method: "POST", body: "x".repeat(70_000) }), false);
  assert.equal(suits(TCP, { host: "127.0.0.1", port: 1 }), true);
  for (const host of ["localhost", "fe80::1%eth0", "::ffff:127.0.0.1", "127.1"]) {
    assert.equal(suits(TCP, { host, port: 1 }), false, host);
  }
});

test("a thousand raw checks leave no socket behind", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serveRaw((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    );
    const held = openSockets();
    for (let round = 0; round < 20; round++) {
      const url = `http://127.0.0.1:${server.port}/`;
      const results = await Promise.all(Array.from({ length: 50 }, () => raw.check(HTTP, { url })));
      for (const result of results) assert.equal(verdict(result), "pass none 0");
    }
    assert.equal(server.accepted(), 1000);
    assert.equal(raw.engine.inFlight, 0);
    assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
  }));
