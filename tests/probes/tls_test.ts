import assert from "node:assert/strict";
import { createServer, type TlsOptions } from "node:tls";
import { test } from "node:test";
import { TLS } from "../../src/probes/tls.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, listen, openSockets, serveRaw, type TestServer } from "../net/sockets.ts";
import { check, verdict } from "./check.ts";

const HOST = "127.0.0.1";

function serve(options: TlsOptions): Promise<TestServer> {
  const server = createServer(options, (socket) => socket.on("error", () => {}));
  server.on("tlsClientError", () => {});
  return listen(server, HOST);
}

test("chain, name and time of a certificate are judged, each with its own reason", async () => {
  using certificates = makeCertificates();
  const { ca, good, otherHost, expired, notYetValid, selfSigned } = certificates;
  const before = openSockets();
  const cases = [
    [good, {}, "pass none 0"],
    [good, { server_name: "localhost" }, "pass none 0"],
    [good, { ca: undefined }, "fail tls_untrusted 0"],
    [otherHost, {}, "fail tls_hostname 0"],
    [otherHost, { server_name: "other.example" }, "pass none 0"],
    [expired, {}, "fail tls_expired 0"],
    [notYetValid, {}, "fail tls_untrusted 0"],
    [selfSigned, {}, "fail tls_untrusted 0"],
  ] as const;
  for (const [pair, config, wanted] of cases) {
    await using server = await serve(pair);
    const result = await check(TLS, { host: HOST, port: server.port, ca, ...config });
    assert.equal(verdict(result), wanted, `${JSON.stringify(config)}: ${result.text}`);
  }
  assert.ok(await eventually(() => openSockets() <= before));
});

test("days left: a warning is a text, too few are a failure, both with their numbers", async () => {
  using certificates = makeCertificates();
  const { ca, good } = certificates;
  await using server = await serve(good);
  const base = { host: HOST, port: server.port, ca };
  const fine = await check(TLS, base);
  const days = fine.perfdata?.[0]?.value ?? 0;
  assert.ok(days > 365 && days < 1100, `${days}`);
  assert.match(fine.text ?? "", /^valid until \d{4}-01-01; TLSv1\.3 TLS_/);
  assert.equal(Math.floor(Date.now() / 86_400_000) + days, (fine.certificateDay ?? 0) - 1);
  const warned = await check(TLS, { ...base, warn_days: days + 1 });
  assert.equal(warned.outcome, "pass");
  assert.match(warned.text ?? "", new RegExp(`, fewer than ${days + 1} days;`));
  const critical = await check(TLS, { ...base, critical_days: days + 1 });
  assert.equal(verdict(critical), `fail tls_expires ${days}`);
});

test("the least version and the protocols offered must be agreed on", async () => {
  using certificates = makeCertificates();
  const { ca, good } = certificates;
  await using old = await serve({ ...good, maxVersion: "TLSv1.2" });
  await using web = await serve({ ...good, ALPNProtocols: ["h2", "http/1.1"] });
  const older = await check(TLS, { host: HOST, port: old.port, ca });
  assert.match(older.text ?? "", /TLSv1\.2/);
  assert.equal(
    (await check(TLS, { host: HOST, port: old.port, ca, tls_min_version: "1.3" })).reason,
    "tls_failed",
  );
  assert.equal(verdict(await check(TLS, { host: HOST, port: web.port, ca, alpn: ["h2"] })), "pass none 0");
  const none = await check(TLS, { host: HOST, port: old.port, ca, alpn: ["h2"] });
  assert.equal(none.reason, "tls_failed");
});

test("what is no TLS server fails by the deadline, with nothing held", async () => {
  const before = openSockets();
  await using silent = await serveRaw(() => {});
  await using plain = await serveRaw((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await using gone = await serveRaw((socket) => socket.end());
  const late = await check(TLS, { host: HOST, port: silent.port }, { timeoutMs: 200 });
  assert.equal(`${verdict(late)} ${late.text}`, "fail response_timeout 200 no TLS handshake");
  assert.ok(late.tookMs < 300);
  assert.equal((await check(TLS, { host: HOST, port: plain.port })).reason, "tls_failed");
  assert.match((await check(TLS, { host: HOST, port: gone.port })).reason, /^(closed_early|reset)$/);
  for (const server of [silent, plain, gone]) await server[Symbol.asyncDispose]();
  assert.ok(await eventually(() => openSockets() <= before));
});
