import assert from "node:assert/strict";
import { test } from "node:test";
import { SMTP } from "../../src/probes/smtp.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { EXIM, startExim } from "../support/exim.ts";
import { missing } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip = missing(EXIM) ?? false;

test("smtp: greeting, STARTTLS and TLS on a real Exim", { skip }, async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  const { service, tlsPort: tls } = await startExim(good);
  await using _server = service;
  const { port } = service;
  const held = openSockets();
  for (const config of [{ port }, { port, starttls: true, ca }, { port: tls, tls: true, ca }]) {
    const result = await check(SMTP, { host, ...config });
    assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined], JSON.stringify(config));
  }
  const bad: readonly [config: object, wanted: string, text: RegExp][] = [
    [{ port, starttls: true }, "fail tls_untrusted 0", /./],
    [{ port, starttls: true, ca, server_name: "other.example" }, "fail tls_hostname 0", /^$/],
    [{ port, username: "monitor", password: "sesame" }, "fail tls_not_offered 0", /no login without TLS/],
    [
      { port, starttls: true, ca, username: "monitor", password: "sesame" },
      "fail login_refused 0",
      /^503 AUTH command used when not advertised/,
    ],
  ];
  for (const [config, wanted, text] of bad) {
    const result = await check(SMTP, { host, ...config });
    assert.equal(verdict(result), wanted, JSON.stringify(config));
    assert.match(result.text ?? "", text);
  }
  assert.ok(await eventually(() => openSockets() <= held));
});

test("smtp: a server that turns everybody away says why", async () => {
  const cases: readonly [said: string, wanted: string, text: string][] = [
    ["554 5.7.1 go away\r\n", "fail status 554", "5.7.1 go away"],
    ["421 busy\r\n", "fail status 421", "busy"],
    ["hello\r\n", "fail protocol 0", "hello"],
  ];
  for (const [said, wanted, text] of cases) {
    await using server = await serveRaw((socket) => socket.write(said));
    const result = await check(SMTP, { host, port: server.port });
    assert.deepEqual([verdict(result), result.text], [wanted, text]);
  }
  await using server = await serveRaw((socket) => {
    socket.write("220 mail\r\n");
    socket.on("data", () => socket.write("250-mail\r\n250 HELP\r\n"));
  });
  assert.equal(
    verdict(await check(SMTP, { host, port: server.port, starttls: true })),
    "fail tls_not_offered 0",
  );
});
