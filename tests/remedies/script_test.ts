/** The script remedy with real programs. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { SCRIPT } from "../../src/remedies/script.ts";

const NEVER = new AbortController().signal;

function remedy(
  config: Record<string, unknown>,
  more: { signal?: AbortSignal; timeoutMs?: number; error?: string } = {},
) {
  const { target, shared } = SCRIPT.split(SCRIPT.schema.parse(config));
  return SCRIPT.run({
    monitor: "shop",
    incident: "i1",
    attempt: 2,
    error: more.error ?? "connection refused",
    timeoutMs: more.timeoutMs ?? 20_000,
    target,
    config: JSON.parse(JSON.stringify(shared)),
  }, more.signal ?? NEVER);
}

test("script gets the facts in its environment, and nothing of cpra's own", async () => {
  process.env["CPRA_TEST_SECRET"] = "T0KEN";
  try {
    const command =
      'echo "$CPRA_MONITOR $CPRA_INCIDENT $CPRA_ATTEMPT <$CPRA_ERROR> $MODE [$CPRA_TEST_SECRET] $1"; pwd >/dev/null';
    const config = { command, shell: true, args: ["a b"], env: { MODE: "quick" }, cwd: "/" };
    assert.deepEqual(await remedy(config, { error: 'q"$(id)`\u0000' }), {
      ok: true,
      retryable: false,
      text: 'shell command ended with exit code 0: shop i1 2 <q"$(id)` > quick [] a b',
    });
  } finally {
    delete process.env["CPRA_TEST_SECRET"];
  }
});

test("script passes words as they are, without a shell", async () => {
  const expected = { ok: true, retryable: false, text: "/bin/echo ended with exit code 0: $HOME *" };
  assert.deepEqual(await remedy({ path: "/bin/echo", args: ["$HOME", "*"] }), expected);
  assert.deepEqual(await remedy({ command: ["/bin/echo", "$HOME", "*"] }), expected);
  assert.deepEqual(await remedy({ command: "/bin/echo '$HOME' *" }), expected);
});

test("script reports failures with the program's complaint, escaped", async () => {
  assert.deepEqual(
    await remedy({ command: "echo all fine; printf '\\033[2Jno\\nmore' >&2; exit 3", shell: true }),
    {
      ok: false,
      retryable: true,
      text: "shell command ended with exit code 3: \\u001b[2Jno",
    },
  );
  assert.deepEqual(await remedy({ command: "kill -9 $$", shell: true }), {
    ok: false,
    retryable: true,
    text: "shell command was killed by SIGKILL",
  });
  assert.deepEqual(await remedy({ path: "/nonexistent/repair" }), {
    ok: false,
    retryable: false,
    text: "no such program: /nonexistent/repair",
  });
});

test("script is stopped at its deadline and at its signal, and is not tried again", async () => {
  const late = { ok: false, retryable: false, text: "/bin/sleep was stopped: still running after 100ms" };
  assert.deepEqual(await remedy({ path: "/bin/sleep", args: [100] }, { timeoutMs: 100 }), late);
  const cut = await remedy({ path: "/bin/sleep", args: [100] }, { signal: AbortSignal.timeout(50) });
  assert.deepEqual([cut.ok, cut.retryable], [false, false]);
  const flood = await remedy({ command: "exec yes", shell: true });
  assert.equal(flood.text, "shell command was stopped: endless output");
});

test("script leaves running what it has started", async () => {
  const result = await remedy({ command: "sleep 300 >/dev/null 2>&1 & echo $!", shell: true });
  const pid = Number(/(\d+)$/.exec(result.text)?.[1]);
  // A kill takes effect a moment later.
  await new Promise((resolve) => setTimeout(resolve, 100));
  // After the command name in parentheses: one letter, Z for one that has ended and was not waited for.
  assert.match(readFileSync(`/proc/${pid}/stat`, "utf8"), /\) [SR] /);
  process.kill(pid, "SIGKILL");
});

test("script describes the program without its arguments, and refuses what names none", () => {
  const { target, shared } = SCRIPT.split(
    SCRIPT.schema.parse({ path: "/usr/bin/fix", args: ["--key", "T0KEN"] }),
  );
  assert.equal(SCRIPT.describe(target, shared), "run /usr/bin/fix");
  const fault = (config: unknown) => SCRIPT.schema.safeParse(config).error?.issues[0]?.message ?? "";
  assert.equal(fault({}), 'expected either "path" or "command"');
  assert.equal(fault({ path: "/a", command: "b" }), 'expected either "path" or "command"');
  assert.match(fault({ command: "a | b" }), /needs a shell/);
  assert.match(fault({ path: "/a", shell: true }), /as one string/);
  assert.match(fault({ path: "/a", shel: true }), /shel/);
});
