/** Alerts to real programs. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXEC } from "../../src/notifiers/exec.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;

function open(config: unknown) {
  return EXEC.open(JSON.parse(JSON.stringify(EXEC.schema.parse(config))));
}

function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "cpra-exec-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const shell = (command: string, more: Record<string, unknown> = {}) =>
  open({ shell: true, command, ...more });

test("exec gives a program the facts on standard input and in its environment, and nothing of ours", async () => {
  using folder = temporaryFolder();
  const out = join(folder.path, "out");
  process.env["CPRA_TEST_SECRET"] = "T0KEN";
  try {
    const channel = shell(`cat > "$OUT"; env > "$OUT.env"; pwd > "$OUT.cwd"`, {
      env: { OUT: out },
      cwd: folder.path,
    });
    const message = alertMessage({ error: "größe $(touch /tmp/x) `id`\0; rm", summary: 'a "b"' });
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
    const facts = JSON.parse(readFileSync(out, "utf8"));
    assert.deepEqual([facts.monitor, facts.error, facts.labels], ["shop", message.error, { team: "pay" }]);
    const environment = readFileSync(`${out}.env`, "utf8");
    assert.match(environment, /^CPRA_MONITOR=shop$/m);
    assert.match(environment, /^CPRA_KEY=cpra:shop:i1:down:1$/m);
    assert.match(environment, /^CPRA_ERROR=größe \$\(touch \/tmp\/x\) `id` ; rm$/m);
    assert.doesNotMatch(environment, /T0KEN/);
    assert.equal(readFileSync(`${out}.cwd`, "utf8").trim(), folder.path);
  } finally {
    delete process.env["CPRA_TEST_SECRET"];
  }
});

test("exec tells by the exit code whether to try again, and shows nothing that the program wrote", async () => {
  const cases = [
    ["exit 0", "sent", ""],
    ["echo T0KEN; echo T0KEN >&2; exit 1", "retry", "exit code 1"],
    ["exit 75", "retry", "exit code 75"],
    ["exit 64", "refused", "exit code 64"],
    ["exit 78", "refused", "exit code 78"],
    ["exit 127", "retry", "exit code 127"],
    ["kill -9 $$", "retry", "ended by SIGKILL"],
  ] as const;
  for (const [command, result, text] of cases) {
    const expected = result === "sent" ? { result } : { result, error: `exec /bin/sh: ${text}` };
    assert.deepEqual(await shell(command).send(alertMessage(), NEVER), expected, command);
  }
  assert.deepEqual(await open({ path: "/nonexistent/bell", args: ["T0KEN"] }).send(alertMessage(), NEVER), {
    result: "retry",
    error: "exec /nonexistent/bell: no such program: /nonexistent/bell",
  });
  // A program that reads nothing is no failure.
  assert.deepEqual(
    await open({ path: "/bin/true" }).send(alertMessage({ output: "x".repeat(500_000) }), NEVER),
    {
      result: "sent",
    },
  );
});

test("exec ends the whole group at its deadline, at the lane's, and when it floods", async () => {
  using folder = temporaryFolder();
  const mark = join(folder.path, "mark");
  const slow = `(sleep 2; touch ${mark}) & wait`;
  const late = { result: "retry", error: "exec /bin/sh: not done in time" };
  assert.deepEqual(await shell(slow, { timeout: "100ms" }).send(alertMessage(), NEVER), late);
  assert.deepEqual(await shell(slow).send(alertMessage(), AbortSignal.timeout(100)), late);
  assert.deepEqual(await shell("yes").send(alertMessage(), NEVER), {
    result: "retry",
    error: "exec /bin/sh: it writes without end",
  });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(existsSync(mark), false, "the child of the shell was ended too");
});

test("exec refuses configurations that cannot run", () => {
  const fault = (config: unknown) => EXEC.schema.safeParse(config).error?.issues[0]?.message ?? "";
  assert.equal(fault({}), 'expected either "path" or "command"');
  assert.equal(fault({ path: "/x", timeout: "2m" }), "expected at most 1m");
  assert.match(fault({ path: "/x", env: { "A B": "1" } }), /^expected variable names/);
  assert.equal(EXEC.describe(EXEC.schema.parse({ path: "/x", args: ["T0KEN"] })), "exec /x");
});
