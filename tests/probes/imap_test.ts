import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { IMAP } from "../../src/probes/imap.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { freePort, missing, run, serviceFolder, startService } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip =
  missing({ "/usr/sbin/dovecot": "dovecot-imapd", "/usr/lib/dovecot/imap-login": "dovecot-imapd" }) ?? false;

test("imap: greeting, STARTTLS, TLS and logins on a real Dovecot", { skip }, async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  const [port, tls] = [await freePort(), await freePort()];
  const folder = serviceFolder("imap", {
    "cert.pem": good.cert,
    "key.pem": good.key,
    "passwords": 'monitor:{PLAIN}ses"ame:65534:65534::/tmp\n',
  });
  run(["/bin/sh", "-c", 'cat >"$0"', join(folder, "conf")], {
    input: `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
protocols = imap
listen = ${host}
ssl = yes
ssl_cert = <${folder}/cert.pem
ssl_key = <${folder}/key.pem
disable_plaintext_auth = yes
mail_location = maildir:${folder}/mail/%u
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = ${folder}/passwords
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=${folder}/mail
}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tls}
  }
}
`,
  });
  run(["/bin/sh", "-c", `mkdir -p ${folder}/mail && chown 65534:65534 ${folder}/mail`]);
  await using _server = await startService({
    argv: ["/usr/sbin/dovecot", "-F", "-c", join(folder, "conf")],
    folder,
    port,
  });
  const held = openSockets();
  const user = { username: "monitor", password: 'ses"ame' };
  for (
    const config of [
      { port },
      { port, starttls: true, ca },
      { port, starttls: true, ca, ...user },
      { port: tls, tls: true, ca, ...user },
    ]
  ) {
    const result = await check(IMAP, { host, ...config });
    assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined], JSON.stringify(config));
  }
  const bad: readonly [config: object, wanted: string, text: RegExp][] = [
    [{ port, starttls: true }, "fail tls_untrusted 0", /./],
    [{ port, starttls: true, ca, server_name: "other.example" }, "fail tls_hostname 0", /^$/],
    [{ port, starttls: true, ca, ...user, password: "no" }, "fail login_refused 0", /AUTHENTICATIONFAILED/],
    [{ port, ...user }, "fail tls_not_offered 0", /no login without TLS/],
  ];
  for (const [config, wanted, text] of bad) {
    const result = await check(IMAP, { host, ...config });
    assert.equal(verdict(result), wanted, JSON.stringify(config));
    assert.match(result.text ?? "", text);
  }
  assert.ok(await eventually(() => openSockets() <= held));
});

test("imap: what is sent in the clear before the TLS handshake is not taken for what comes after", async () => {
  await using server = await serveRaw((socket) => {
    socket.write("* OK ready\r\n");
    socket.on("data", (chunk: Uint8Array) => {
      const line = Buffer.from(chunk).toString();
      if (line.startsWith("a ")) socket.write("* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n");
      else socket.write("b OK begin\r\n* CAPABILITY IMAP4rev1\r\nc OK\r\n");
    });
  });
  const result = await check(IMAP, { host, port: server.port, starttls: true });
  assert.deepEqual([verdict(result), result.text], ["fail protocol 0", "bytes before the TLS handshake"]);
});
