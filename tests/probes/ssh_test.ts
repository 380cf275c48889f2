import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SSH } from "../../src/probes/ssh.ts";
import { serveRaw } from "../net/sockets.ts";
import { freePort, missing, run, serviceFolder, startService } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip = missing({ "/usr/sbin/sshd": "openssh-server", "/usr/bin/ssh-keygen": "openssh-client" }) ??
  false;

test("ssh: a real server introduces itself, and its log shows no fault", { skip }, async () => {
  const port = await freePort();
  const folder = serviceFolder("ssh");
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
  const settings = ["-o", `Port=${port}`, "-o", `ListenAddress=${host}`, "-h", join(folder, "key")];
  await using server = await startService({
    argv: ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", ...settings, "-o", "PidFile=none"],
    folder,
    port,
  });
  assert.equal(verdict(await check(SSH, { host, port })), "pass none 0");
  assert.equal(verdict(await check(SSH, { host, port, expect: "OpenSSH_" })), "pass none 0");
  const other = await check(SSH, { host, port, expect: "dropbear" });
  assert.equal(verdict(other), "fail expect_mismatch 0");
  assert.match(other.text ?? "", /^SSH-2\.0-OpenSSH/);
  assert.doesNotMatch(server.log(), /Bad protocol|invalid format/);
});

test("ssh: lines before the banner are passed over, old protocols and other services are told", async () => {
  const cases: readonly [said: string, wanted: string][] = [
    ["welcome\r\nto the bastion\r\nSSH-2.0-x\r\n", "pass none 0"],
    ["SSH-1.99-x\n", "pass none 0"],
    ["SSH-1.5-old\r\n", "fail protocol 0"],
    ["220 mail ESMTP\r\n".repeat(60), "fail protocol 0"],
  ];
  for (const [said, wanted] of cases) {
    await using server = await serveRaw((socket) => socket.write(said));
    assert.equal(verdict(await check(SSH, { host, port: server.port })), wanted, said);
  }
});
