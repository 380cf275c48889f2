import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { REDIS } from "../../src/probes/redis.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { freePort, missing, type Service, serviceFolder, startService } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip = missing({ "/usr/bin/redis-server": "redis-server" }) ??
  false;

async function startRedis(
  more: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const port = await freePort();
  const folder = serviceFolder("redis", files);
  const plain = more.includes("--tls-port") ? [] : ["--port", String(port)];
  const quiet = ["--bind", host, "--save", "", "--dir", folder];
  const words = more.map((word) => word === "PORT" ? String(port) : word);
  return await startService({ argv: ["/usr/bin/redis-server", ...plain, ...quiet, ...words], folder, port });
}

test("redis: a real server passes, and no socket stays", { skip }, async () => {
  await using server = await startRedis();
  const held = openSockets();
  const result = await check(REDIS, { host, port: server.port });
  assert.equal(verdict(result), "pass none 0");
  assert.ok((result.connectUs ?? 0) > 0 && (result.firstByteUs ?? 0) >= (result.connectUs ?? 0));
  assert.ok(await eventually(() => openSockets() <= held));
  await server.stop("SIGTERM");
  assert.equal(verdict(await check(REDIS, { host, port: server.port })), "fail refused 0");
});

test("redis: password and ACL user are told from wrong ones", { skip }, async () => {
  const user = "monitor on >sesame +ping";
  await using server = await startRedis(["--requirepass", "open", "--user", ...user.split(" ")]);
  const on = { host, port: server.port };
  assert.equal(verdict(await check(REDIS, { ...on, password: "open" })), "pass none 0");
  assert.equal(
    verdict(await check(REDIS, { ...on, username: "monitor", password: "sesame" })),
    "pass none 0",
  );
  const without = await check(REDIS, on);
  assert.deepEqual([verdict(without), without.text], [
    "fail login_refused 0",
    "-NOAUTH Authentication required.",
  ]);
  const wrong = await check(REDIS, { ...on, username: "monitor", password: "wrong" });
  assert.equal(verdict(wrong), "fail login_refused 0");
  assert.match(wrong.text ?? "", /^-WRONGPASS/);
});

test("redis: a server that lost its master answers, but does not serve", { skip }, async () => {
  await using server = await startRedis(["--replicaof", `${host} 1`, "--replica-serve-stale-data", "no"]);
  const result = await check(REDIS, { host, port: server.port });
  // PING is answered with the state of the link.
  assert.equal(verdict(result), "fail not_serving 0");
  assert.match(result.text ?? "", /^-MASTERDOWN/);
});

test("redis: TLS is verified", { skip }, async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  await using server = await startRedis(
    ["--port", "0", "--tls-port", "PORT", "--tls-auth-clients", "no"].concat([
      ...["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem"],
    ]),
    { "cert.pem": good.cert, "key.pem": good.key, "ca.pem": ca },
  );
  const on = { host, port: server.port, tls: true };
  assert.equal(verdict(await check(REDIS, { ...on, ca })), "pass none 0");
  assert.equal(verdict(await check(REDIS, { ...on, insecure: true })), "pass none 0");
  assert.equal(verdict(await check(REDIS, on)), "fail tls_untrusted 0");
  assert.equal(
    verdict(await check(REDIS, { ...on, ca, server_name: "other.example" })),
    "fail tls_hostname 0",
  );
  assert.notEqual((await check(REDIS, { ...on, tls: false }, { timeoutMs: 1000 })).outcome, "pass");
});

test("redis: a password that a server repeats is in no text", async () => {
  await using server = await serveRaw((socket) => {
    socket.on(
      "data",
      () => socket.write("-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n"),
    );
  });
  const result = await check(REDIS, { host, port: server.port, password: "hunter2" });
  assert.equal(verdict(result), "fail login_refused 0");
  assert.equal(result.text, "-ERR unknown command 'AUTH', with args beginning with: '…'");
});

test("redis: a hung server is told by the deadline", { skip }, async () => {
  await using server = await startRedis(["--enable-debug-command", "yes"]);
  const other = connect({ host, port: server.port });
  await new Promise((resolve) => other.write("DEBUG SLEEP 1\r\n", resolve));
  const result = await check(REDIS, { host, port: server.port }, { timeoutMs: 200 });
  assert.equal(verdict(result), "fail response_timeout 200");
  assert.ok(result.tookMs < 700);
  other.destroy();
});
