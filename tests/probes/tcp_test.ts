import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { TCP } from "../../src/probes/tcp.ts";
import { makeCertificates } from "../net/certificates.ts";
import { createServer as createTlsServer } from "node:tls";
import { eventually, listen, openSockets, serveRaw } from "../net/sockets.ts";
import { check, refusal, verdict } from "./check.ts";

const HOST = "127.0.0.1";

test("a port that accepts passes, one that refuses fails", async () => {
  const server = await serveRaw(() => {});
  const result = await check(TCP, { host: HOST, port: server.port });
  assert.equal(verdict(result), "pass none 0");
  assert.ok((result.connectUs ?? 0) > 0);
  await server[Symbol.asyncDispose]();
  assert.equal(verdict(await check(TCP, { host: HOST, port: server.port })), "fail refused 0");
});

test("what is sent arrives as bytes, and what is expected may come in pieces", async () => {
  const received: Uint8Array[] = [];
  await using server = await serveRaw((socket) => {
    socket.once("data", (chunk: Uint8Array) => {
      received.push(chunk);
      socket.write("+PO");
      setTimeout(() => socket.write("NG\r\n"), 20);
    });
  });
  const config = { host: HOST, port: server.port, send: "PING \u00ff\r\n", expect: "+PONG" };
  assert.equal(verdict(await check(TCP, config)), "pass none 0");
  assert.equal(verdict(await check(TCP, { ...config, encoding: "bytes" })), "pass none 0");
  assert.deepEqual(received.map((chunk) => Buffer.from(chunk).toString("hex")), [
    Buffer.from("PING ÿ\r\n").toString("hex"),
    "50494e4720ff0d0a",
  ]);
});

test("a banner is expected without sending", async () => {
  await using server = await serveRaw((socket) => socket.write("220 mail.example.com ESMTP\r\n"));
  assert.equal(verdict(await check(TCP, { host: HOST, port: server.port, expect: "220 " })), "pass none 0");
  const other = await check(TCP, { host: HOST, port: server.port, expect: "250 " }, { timeoutMs: 200 });
  assert.equal(verdict(other), "fail response_timeout 200");
});

test("targets that do not answer as expected: each has its reason, by the deadline, without a socket left", async () => {
  const flood = (socket: Socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write("x".repeat(16_384)));
    };
    socket.on("drain", more);
    more();
  };
  const cases: readonly [name: string, act: (socket: Socket) => void, wanted: string, text?: string][] = [
    ["silent", () => {}, "fail response_timeout 250"],
    ["closes", (socket) => socket.end(), "fail closed_early 0"],
    [
      "answers otherwise",
      (socket) => socket.end("-ERR\x1b[2J\n"),
      "fail expect_mismatch 0",
      'received "-ERR\\u001b[2J\\u000a"',
    ],
    ["resets", (socket) => socket.resetAndDestroy(), "fail reset 0"],
    ["floods", flood, "fail expect_mismatch 0", `received "${"x".repeat(80)}"`],
  ];
  for (const [name, act, wanted, text] of cases) {
    await using server = await serveRaw((socket) => socket.once("data", () => act(socket)));
    const held = openSockets();
    const config = { host: HOST, port: server.port, send: "?", expect: "never" };
    const result = await check(TCP, config, { timeoutMs: 250 });
    assert.deepEqual([verdict(result), result.text], [wanted, text], name);
    assert.ok(result.tookMs < 250 + 700, `${name} took ${result.tookMs} ms`);
    // While the servers still hold their ends: what a probe does not free stays.
    assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
  }
});

test("with TLS the certificate is verified, and what is sent and expected goes through it", async () => {
  using certificates = makeCertificates();
  const { good, expired, ca } = certificates;
  const serve = (pair: typeof good) =>
    listen(
      createTlsServer(pair, (socket) => {
        socket.on("error", () => {});
        socket.on("data", () => socket.write("+PONG\r\n"));
      }).on("tlsClientError", () => {}),
      HOST,
    );
  await using server = await serve(good);
  await using old = await serve(expired);
  const on = { host: HOST, port: server.port, tls: true };
  const held = openSockets();
  const plain = await check(TCP, { ...on, ca });
  assert.equal(verdict(plain), "pass none 0");
  assert.equal(verdict(await check(TCP, { ...on, ca, send: "PING\r\n", expect: "+PONG" })), "pass none 0");
  assert.equal(verdict(await check(TCP, { ...on, insecure: true })), "pass none 0");
  assert.equal(verdict(await check(TCP, on)), "fail tls_untrusted 0");
  assert.equal(verdict(await check(TCP, { ...on, ca, server_name: "other.example" })), "fail tls_hostname 0");
  assert.equal(verdict(await check(TCP, { ...on, ca, port: old.port })), "fail tls_expired 0");
  await using silent = await serveRaw(() => {});
  const hung = await check(TCP, { ...on, ca, port: silent.port }, { timeoutMs: 200 });
  assert.equal(verdict(hung), "fail response_timeout 200");
  assert.ok(await eventually(() => openSockets() <= held + 2));
});

test("targets read host:port, with brackets around IPv6", () => {
  const target = (config: unknown) => TCP.split(TCP.schema.parse(config)).target;
  assert.equal(target({ host: "db.example", port: 5432 }), "db.example:5432");
  assert.equal(target({ host: "2001:db8::1", port: 5432 }), "[2001:db8::1]:5432");
});

test("what cannot be meant is refused", () => {
  assert.match(refusal(TCP, { host: "h:80", port: 0 }), /port/);
  assert.match(refusal(TCP, { host: "http://h", port: 80 }), /expected a host name or an address/);
  assert.match(refusal(TCP, { host: "", port: 80 }), /expected a host name or an address/);
  assert.match(refusal(TCP, { host: "h", port: 70_000 }), /port/);
  assert.match(refusal(TCP, { host: "h", port: 80, colour: 1 }), /colour/);
});
