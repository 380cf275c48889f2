/** The ssh remedy against a real OpenSSH server, started here. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SSH } from "../../src/remedies/ssh.ts";
import { serveRaw } from "../net/sockets.ts";
import { type Sshd, sshdMissing, startSshd } from "../support/sshd.ts";

const REAL = { skip: sshdMissing() ?? false, timeout: 60_000 };

function repair(config: Record<string, unknown>, timeoutMs = 20_000) {
  const { target, shared } = SSH.split(SSH.schema.parse(config));
  const request = { monitor: "m", incident: "i1", attempt: 2, error: 'refused "$(x)"', timeoutMs };
  const signal = AbortSignal.timeout(timeoutMs);
  return SSH.run({ ...request, target, config: JSON.parse(JSON.stringify(shared)) }, signal);
}

function login(sshd: Sshd, more: Record<string, unknown>) {
  const { port, user, identityFile, knownHostsFile } = sshd;
  return {
    host: "127.0.0.1",
    port,
    user,
    ["identity_file"]: identityFile,
    ["known_hosts_file"]: knownHostsFile,
    ...more,
  };
}

test("ssh runs a command over there, tells it why, and takes its exit code", REAL, async () => {
  await using sshd = await startSshd();
  const { user, folder } = sshd;
  const facts = join(folder, "facts");
  const command = `cat > ${facts}; echo "$CPRA_MONITOR $CPRA_ATTEMPT" >> ${facts}; echo fine`;
  const done = await repair(login(sshd, { command }));
  assert.deepEqual(done, {
    ok: true,
    retryable: false,
    text: `cat on ${user}@127.0.0.1 ended with exit code 0: fine`,
  });
  const lines = readFileSync(facts, "utf8").split("\n");
  assert.deepEqual(JSON.parse(lines[0] as string), {
    monitor: "m",
    incident: "i1",
    attempt: 2,
    error: 'refused "$(x)"',
  });
  assert.equal(lines[1], "m 2");

  const words = await repair(login(sshd, { command: ["printf", "%s|", "a b", "it's", "$(id)"] }));
  assert.match(words.text, /exit code 0: a b\|it's\|\$\(id\)\|$/);
  const failed = await repair(login(sshd, { command: "echo no such thing >&2; exit 4" }));
  assert.deepEqual(failed, {
    ok: false,
    retryable: true,
    text: `echo on ${user}@127.0.0.1 ended with exit code 4: no such thing`,
  });
});

test("ssh goes only to hosts it knows, with the key it was given", REAL, async () => {
  await using sshd = await startSshd();
  const stranger = await repair(login(sshd, { command: "true", ["identity_file"]: sshd.strangerFile }));
  assert.equal(stranger.ok, false);
  assert.equal(stranger.retryable, false);
  assert.match(stranger.text, /exit code 255: .*Permission denied/);
  const mark = join(sshd.folder, "mark");
  const unknown = login(sshd, { command: `touch ${mark}`, ["known_hosts_file"]: "/dev/null" });
  const refused = await repair(unknown);
  assert.deepEqual([refused.ok, refused.retryable], [false, false], refused.text);
  assert.match(refused.text, /host key is known|Host key verification failed/);
  assert.ok(!existsSync(mark));
  const nobody = await repair({ host: "127.0.0.1", port: 1, command: "true" });
  assert.deepEqual([nobody.ok, nobody.retryable], [false, true], nobody.text);
  assert.match(nobody.text, /Connection refused/);
});

test(
  "ssh ends at its deadline: a command that hangs, a server that is silent or no server of its kind",
  REAL,
  async () => {
    await using sshd = await startSshd();
    const startedMs = performance.now();
    const hung = await repair(login(sshd, { command: "sleep 5" }), 700);
    assert.equal(hung.ok, false);
    assert.equal(hung.retryable, false);
    assert.match(hung.text, /^sleep on .* was stopped: still running after 700/);
    assert.ok(performance.now() - startedMs < 1500);
    await using silent = await serveRaw(() => {});
    const late = await repair({ host: "127.0.0.1", port: silent.port, command: "true" }, 300);
    assert.match(late.text, /was stopped/);
    await using garbage = await serveRaw((socket) => socket.end("x".repeat(100_000)));
    assert.equal((await repair({ host: "127.0.0.1", port: garbage.port, command: "true" })).ok, false);
  },
);

test("ssh refuses what could be an option, a second command line or a path that ssh expands", () => {
  const refused = (config: object) => {
    const parsed = SSH.schema.safeParse({ host: "db1", command: "true", ...config });
    return parsed.success ? "" : parsed.error.issues.map(({ path }) => path.join(".")).join();
  };
  assert.equal(refused({}), "");
  assert.equal(refused({ host: "-oProxyCommand=x" }), "host");
  assert.equal(refused({ host: "root@db1" }), "host");
  assert.equal(refused({ user: "-l" }), "user");
  assert.equal(refused({ command: "" }), "command");
  assert.equal(refused({ command: [] }), "command");
  assert.equal(refused({ ["identity_file"]: "~/.ssh/id" }), "identity_file");
  assert.equal(refused({ ["known_hosts_file"]: "/a%h" }), "known_hosts_file");
  const { target, shared } = SSH.split(
    SSH.schema.parse({ host: "db1", user: "deploy", command: ["systemctl", "restart", "s3cret"] }),
  );
  assert.equal(target, "deploy@db1:22 systemctl restart s3cret");
  assert.equal(SSH.describe(target, shared), "run systemctl on deploy@db1");
  const six = SSH.split(SSH.schema.parse({ host: "fe80::1%eth0", port: 2222, command: "a b:c@d" }));
  assert.equal(SSH.describe(six.target, six.shared), "run a on fe80::1%eth0");
});
