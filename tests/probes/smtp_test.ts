import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { SMTP } from "../../src/probes/smtp.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { freePort, missing, run, serviceFolder, startService } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip = missing({ "/usr/sbin/exim4": "exim4-daemon-light" }) ?? false;

test("smtp: greeting, STARTTLS and TLS on a real Exim", { skip }, async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  const [port, tls] = [await freePort(), await freePort()];
  const folder = serviceFolder("smtp", { "cert.pem": good.cert, "key.pem": good.key });
  run(["/bin/chmod", "644", join(folder, "key.pem")]);
  run(["/bin/sh", "-c", 'cat >"$0"', join(folder, "conf")], {
    input: `primary_hostname = mail.example.com
spool_directory = ${folder}/spool
log_file_path = ${folder}/%slog
pid_file_path = ${folder}/pid
local_interfaces = ${host}
daemon_smtp_ports = ${port} : ${tls}
tls_on_connect_ports = ${tls}
tls_advertise_hosts = *
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
smtp_accept_max = 20
begin acl
begin routers
begin transports
begin retry
begin rewrite
begin authenticators
`,
  });
  run(["/bin/sh", "-c", `mkdir -p ${folder}/spool && chown Debian-exim ${folder} ${folder}/spool`]);
  await using _server = await startService({
    argv: ["/usr/sbin/exim4", "-bdf", "-C", join(folder, "conf")],
    folder,
    port,
  });
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
