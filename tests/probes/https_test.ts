import assert from "node:assert/strict";
import { test } from "node:test";
import { createServer, type TLSSocket } from "node:tls";
import { openIdleListener } from "../../src/host/idle_listener.ts";
import { HTTP } from "../../src/probes/http.ts";
import { type KeyPair, makeCertificates } from "../net/certificates.ts";
import { eventually, listen, openSockets, serveRaw, type TestServer } from "../net/sockets.ts";
import { check, verdict } from "./check.ts";

function serveTls(pair: KeyPair, handle?: (socket: TLSSocket) => void): Promise<TestServer> {
  const server = createServer(pair, (socket) => {
    socket.on("error", () => {});
    socket.once(
      "data",
      () =>
        handle === undefined ? socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") : handle(socket),
    );
  });
  server.on("tlsClientError", () => {});
  return listen(server, "127.0.0.1");
}

test("certificates are verified, and what is wrong with one is told", async () => {
  using certificates = makeCertificates();
  const { ca, good, otherHost, expired, notYetValid, selfSigned } = certificates;
  const before = openSockets();
  const cases: readonly [name: string, pair: KeyPair, config: Record<string, unknown>, wanted: string][] = [
    ["good", good, { ca }, "pass none"],
    ["unknown authority", good, {}, "fail tls_untrusted"],
    ["unknown authority, insecure", good, { insecure: true }, "pass none"],
    ["other host", otherHost, { ca }, "fail tls_hostname"],
    ["other host of an unknown authority", otherHost, {}, "fail tls_"],
    ["other host, insecure", otherHost, { ca, insecure: true }, "pass none"],
    ["expired", expired, { ca }, "fail tls_expired"],
    ["not yet valid", notYetValid, { ca }, "fail tls_untrusted"],
    ["self-signed", selfSigned, { ca }, "fail tls_untrusted"],
  ];
  for (const [name, pair, config, wanted] of cases) {
    for (const host of ["127.0.0.1", "localhost"]) {
      await using server = await serveTls(pair);
      const result = await check(HTTP, {
        url: `https://${host}:${server.port}/`,
        body_contains: "ok",
        ...config,
      });
      const told = `${result.outcome} ${result.reason}`;
      assert.ok(
        told === wanted || (wanted.endsWith("_") && told.startsWith(wanted)),
        `${name} ${host}: ${told}`,
      );
    }
  }
  assert.ok(await eventually(() => openSockets() <= before), `${openSockets()} sockets, ${before} before`);
});

test("nothing is sent to a server whose certificate is refused", async () => {
  using certificates = makeCertificates();
  let received = 0;
  await using server = await serveTls(certificates.good, () => received++);
  const config = { url: `https://127.0.0.1:${server.port}/`, auth: { bearer: { token: "secret" } } };
  assert.equal((await check(HTTP, config)).reason, "tls_untrusted");
  assert.equal(server.accepted(), 1);
  assert.equal(received, 0);
});

test("the name of the host is sent, so that servers with many certificates give the right one", async () => {
  using certificates = makeCertificates();
  const names: unknown[] = [];
  await using server = await serveTls(certificates.good, (socket) => {
    names.push((socket as TLSSocket & { servername?: unknown }).servername);
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  const result = await check(HTTP, { url: `https://localhost:${server.port}/`, ca: certificates.ca });
  assert.equal(verdict(result), "pass none 0");
  assert.deepEqual(names, ["localhost"]);
});

test("phases include the handshake in the connection's", async () => {
  using certificates = makeCertificates();
  await using server = await serveTls(certificates.good);
  const { dnsUs, connectUs = 0, firstByteUs = 0 } = await check(HTTP, {
    url: `https://127.0.0.1:${server.port}/`,
    ca: certificates.ca,
  });
  assert.equal(dnsUs, undefined);
  assert.ok(0 < connectUs && connectUs <= firstByteUs);
});

test("hostile TLS targets: each has its reason, ends by the deadline and leaves no socket", async () => {
  using certificates = makeCertificates();
  await using silent = await serveRaw(() => {});
  await using plain = await serveRaw((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await using resets = await serveRaw((socket) => socket.once("data", () => socket.resetAndDestroy()));
  await using closes = await serveRaw((socket) => socket.once("data", () => socket.end()));
  await using mute = await serveTls(certificates.good, () => {});
  await using cut = await serveTls(
    certificates.good,
    (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
  );
  const held = openSockets();
  const cases: readonly [name: string, server: TestServer, wanted: RegExp][] = [
    ["silent", silent, /^fail response_timeout 300$/],
    ["plain", plain, /^fail tls_failed 0$/],
    ["resets", resets, /^fail reset 0$/],
    ["closes", closes, /^fail (closed_early|reset) 0$/],
    ["mute", mute, /^fail response_timeout 300$/],
    ["cut", cut, /^fail closed_early 0$/],
  ];
  await Promise.all(cases.map(async ([name, server, wanted]) => {
    const config = { url: `https://127.0.0.1:${server.port}/`, ca: certificates.ca };
    const result = await check(HTTP, config, { timeoutMs: 300 });
    assert.match(verdict(result), wanted, `${name}: ${result.text}`);
    assert.ok(result.tookMs < 300 + 700, `${name} took ${result.tookMs} ms`);
  }));
  // While the servers still hold their ends: what a probe does not free stays.
  assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
});

test("a redirect from http to https is followed and verified", async () => {
  using certificates = makeCertificates();
  await using secure = await serveTls(certificates.good);
  const location = `https://127.0.0.1:${secure.port}/`;
  await using plain = await serveRaw((socket) => {
    socket.once(
      "data",
      () => socket.end(`HTTP/1.1 301 Moved\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
    );
  });
  const url = `http://127.0.0.1:${plain.port}/`;
  assert.equal((await check(HTTP, { url })).reason, "tls_untrusted");
  assert.equal((await check(HTTP, { url, ca: certificates.ca })).reason, "none");
});

test("before there is a connection: refused, silent and without a route are told apart, and nothing is left", async () => {
  const held = openSockets();
  const gone = await serveRaw(() => {});
  await gone[Symbol.asyncDispose]();
  const refused = await check(HTTP, { url: `https://127.0.0.1:${gone.port}/` });
  assert.equal(verdict(refused), "fail refused 0");
  // The kernel has no route for TCP to the limited broadcast address.
  const route = await check(HTTP, { url: "https://255.255.255.255/" });
  assert.match(verdict(route), /^local local_(route|permission) \d+$/);
  const deaf = await openIdleListener({ host: "127.0.0.1", port: 0 });
  const before = openSockets();
  const results = await Promise.all(
    Array.from(
      { length: 20 },
      () => check(HTTP, { url: `https://127.0.0.1:${deaf.port}/` }, { timeoutMs: 250 }),
    ),
  );
  for (const result of results) {
    assert.equal(verdict(result), "fail connect_timeout 250");
    assert.ok(result.tookMs < 600, `${result.tookMs} ms`);
  }
  assert.ok(await eventually(() => openSockets() <= before), `${openSockets()} sockets, ${before} before`);
  deaf.close();
  assert.ok(await eventually(() => openSockets() <= held));
});

test("a request larger than the socket's buffer arrives whole", async () => {
  using certificates = makeCertificates();
  let received = 0;
  await using server = await serveTls(certificates.good, (socket) => {
    socket.on("data", (chunk: Uint8Array) => {
      received += chunk.length;
      if (received >= SIZE - FIRST_BYTES_MOST) socket.end("HTTP/1.1 204 No Content\r\n\r\n");
    });
  });
  const SIZE = 8 * 1024 * 1024;
  const FIRST_BYTES_MOST = 65_536;
  const config = {
    url: `https://127.0.0.1:${server.port}/`,
    ca: certificates.ca,
    method: "POST",
    body: "x".repeat(SIZE),
  };
  assert.equal(verdict(await check(HTTP, config)), "pass none 0");
});
