import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { WEBSOCKET } from "../../src/probes/websocket.ts";
import { type KeyPair, makeCertificates } from "../net/certificates.ts";
import { eventually, listen, openSockets, serveRaw } from "../net/sockets.ts";
import { check, refusal, verdict } from "./check.ts";

/** The ws library: greets on /greet, answers "ping" with "pong", wants a header on /guarded. */
async function startServer(pair?: KeyPair) {
  const server = pair === undefined ? createServer() : createTlsServer(pair);
  const closes: number[] = [];
  const webSockets = new WebSocketServer({
    server,
    handleProtocols: (offered) => offered.has("prices") ? "prices" : false,
    verifyClient: ({ req }: { req: IncomingMessage }) =>
      !req.url?.startsWith("/guarded") || req.headers.authorization === "Bearer t0ken",
  });
  webSockets.on("connection", (socket: WebSocket, request: IncomingMessage) => {
    socket.on("error", () => {});
    socket.on("close", (code) => closes.push(code));
    socket.on("message", (data) => socket.send(String(data) === "ping" ? "pong" : "what?"));
    if (request.url === "/greet") socket.send(`hello ${"x".repeat(70_000 / 2)} world`);
    if (request.url === "/bye") socket.close(1013, "later");
  });
  const listening = await listen(server, "127.0.0.1");
  return { ...listening, closes };
}

test("websocket: handshake, ping, answers and refusals, on a real server", async () => {
  await using server = await startServer();
  const url = `ws://127.0.0.1:${server.port}`;
  const held = openSockets();
  const cases: readonly [config: object, wanted: string, text?: string][] = [
    [{ url }, "pass none 0"],
    [{ url, subprotocol: "prices" }, "pass none 0"],
    [{ url, send: "ping", expect: "pong" }, "pass none 0"],
    [{ url: `${url}/greet`, expect: " world" }, "pass none 0"],
    [{ url: `${url}/guarded?token=a`, headers: ["Authorization: Bearer t0ken"] }, "pass none 0"],
    [{ url: `${url}/guarded` }, "fail status 401"],
    [{ url: `${url}/bye`, expect: "hello" }, "fail closed_early 0", "close code 1013 later"],
    [{ url, send: "else", expect: "pong" }, "fail response_timeout 400"],
  ];
  for (const [config, wanted, text] of cases) {
    const result = await check(WEBSOCKET, config, { timeoutMs: 400 });
    assert.deepEqual([verdict(result), result.text], [wanted, text], JSON.stringify(config));
  }
  assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
  assert.ok(server.closes.filter((code) => code === 1000).length >= 5, server.closes.join(" "));
});

test("websocket: over TLS, verified", async () => {
  using certificates = makeCertificates();
  await using server = await startServer(certificates.good);
  const url = `wss://localhost:${server.port}`;
  assert.equal(verdict(await check(WEBSOCKET, { url, ca: certificates.ca })), "pass none 0");
  assert.equal(verdict(await check(WEBSOCKET, { url })), "fail tls_untrusted 0");
});

test("websocket: answers that break the protocol are told", async () => {
  const accept = (request: string) =>
    createHash("sha1").update(`${/Key: (\S+)/i.exec(request)?.[1]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
  const good = (request: string) =>
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${
      accept(request)
    }\r\n`;
  const cases: readonly [answer: (request: string) => string, wanted: string, text?: string][] = [
    [
      () => "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: stale\r\n\r\n",
      "fail protocol 0",
      "another Sec-WebSocket-Accept",
    ],
    [() => "HTTP/1.1 404 Not Found\r\n\r\n", "fail status 404"],
    [(r) => `${good(r)}Sec-WebSocket-Protocol: chat\r\n\r\n`, "fail protocol 0", 'subprotocol "chat"'],
    [(r) => `${good(r)}\r\n\xff\x00`, "fail protocol 0", "a malformed frame"],
    [(r) => `${good(r)}\r\n\x81\x85aaaaaaaaa`, "fail protocol 0", "a malformed frame"],
    [(r) => `${good(r)}\r\n\x89\x7e\x01\x00${"x".repeat(256)}`, "fail protocol 0", "a long control frame"],
    [(r) => `${good(r)}\r\n\x81\x7f${"\xff".repeat(8)}`, "fail body_too_large 65536"],
    [(r) => `${good(r)}\r\n${"\x8a\x00".repeat(1200)}`, "fail expect_mismatch 0", "no answer to the ping"],
    [(r) => `${good(r)}\r\n\x88\x00`, "fail closed_early 0", "close code 1005"],
  ];
  for (const [answer, wanted, text] of cases) {
    await using server = await serveRaw((socket) => {
      socket.once(
        "data",
        (chunk: Uint8Array) => socket.write(answer(Buffer.from(chunk).toString("latin1")), "latin1"),
      );
    });
    const result = await check(WEBSOCKET, { url: `ws://127.0.0.1:${server.port}/` }, { timeoutMs: 1000 });
    assert.deepEqual([verdict(result), result.text], [wanted, text]);
  }
});

test("websocket: what cannot be meant is refused", () => {
  assert.match(refusal(WEBSOCKET, { url: "http://h/" }), /url: expected an address/);
  assert.match(refusal(WEBSOCKET, { url: "ws://user:secret@h/" }), /without user/);
  assert.match(refusal(WEBSOCKET, { url: "ws://h/", headers: ["Upgrade: x"] }), /handshake sets itself/);
});
