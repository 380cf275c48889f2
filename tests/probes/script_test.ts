import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SCRIPT } from "../../src/probes/script.ts";
import { eventually } from "../net/sockets.ts";
import { check, refusal, verdict } from "./check.ts";

/** Shell text to run; the shell is asked for by name, as a user must. */
function sh(command: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { command, shell: true, ...more };
}

test("exit codes mean what they mean for Nagios plug-ins", async () => {
  const cases: readonly [config: Record<string, unknown>, wanted: string][] = [
    [sh("exit 0"), "pass none 0"],
    [sh("exit 1"), "fail exit_code 1"],
    [sh("exit 1", { warning_is: "pass" }), "pass none 1"],
    [sh("exit 2", { warning_is: "pass" }), "fail exit_code 2"],
    [sh("exit 3"), "fail exit_code 3"],
    [sh("exit 77"), "fail exit_code 77"],
    [sh("kill -9 $$"), "fail killed 9"],
    [{ path: "/bin/sh", args: ["-c", "exit 0"] }, "pass none 0"],
    [{ command: ["/bin/sh", "-c", "exit 4"] }, "fail exit_code 4"],
    [{ command: "sh -c 'exit 5'" }, "fail exit_code 5"],
  ];
  for (const [config, wanted] of cases) {
    assert.equal(verdict(await check(SCRIPT, config)), wanted, JSON.stringify(config));
  }
});

test("the first line is the text, made safe; performance data is parsed out of it", async () => {
  const result = await check(
    SCRIPT,
    sh("printf 'DISK \\033[31mOK | /=3.5GB;8:;9;0;10 used=30%%\\nlong text | inodes=7\\n'"),
  );
  assert.equal(result.text, "DISK \\u001b[31mOK");
  assert.deepEqual(result.perfdata, [
    { label: "/", value: 3.5, unit: "GB", warn: "8:", crit: "9", min: 0, max: 10 },
    { label: "used", value: 30, unit: "%" },
    { label: "inodes", value: 7, unit: "" },
  ]);
  assert.equal((await check(SCRIPT, sh("echo only errors >&2; exit 2"))).text, "only errors");
  assert.equal((await check(SCRIPT, sh("true"))).text, undefined);
});

test("values go in by arguments and environment, and cpra's own environment stays out", async () => {
  process.env.CPRA_TEST_SECRET = "secret";
  try {
    const config = sh('echo "$1|$TOKEN|$CPRA_MONITOR|$CPRA_TEST_SECRET|$PWD"', {
      args: ["a b;c"],
      env: { TOKEN: "$(id)" },
      cwd: "/",
    });
    // Bars are where performance data begins, so the text ends at the first.
    assert.equal((await check(SCRIPT, config, { monitor: "web 1" })).text, "a b;c");
    const plain = sh('echo "$TOKEN,$CPRA_MONITOR,$CPRA_TEST_SECRET,$PWD"', {
      env: { TOKEN: "$(id)" },
      cwd: "/",
    });
    assert.equal((await check(SCRIPT, plain, { monitor: "web 1" })).text, "$(id),web 1,,/");
    const listed = await check(SCRIPT, { command: "env" });
    assert.doesNotMatch(listed.text ?? "", /CPRA_TEST_SECRET/);
  } finally {
    delete process.env.CPRA_TEST_SECRET;
  }
});

test("without shell: true no shell sees the command", async () => {
  assert.equal(
    (await check(SCRIPT, { command: ["echo", "$HOME", "$(id)", "; exit 1"] })).text,
    "$HOME $(id) ; exit 1",
  );
  assert.match(refusal(SCRIPT, { command: "cat /etc/passwd | wc -l" }), /"\|" needs a shell/);
});

test("a program that cannot start says why, with its path", async () => {
  const missing = await check(SCRIPT, { path: "/no/such/program" });
  assert.deepEqual([verdict(missing), missing.text], [
    "fail spawn_failed 2",
    "no such program: /no/such/program",
  ]);
  const refused = await check(SCRIPT, { path: "/etc/passwd" });
  assert.deepEqual([verdict(refused), refused.text], ["fail spawn_failed 13", "not executable: /etc/passwd"]);
});

test("a script that forks and ignores TERM is gone whole soon after the deadline", async () => {
  const directory = mkdtempSync(join(tmpdir(), "cpra-script-"));
  const pids = join(directory, "pids");
  // The children hold the pipes open and ignore TERM, as their parent does.
  const command =
    `trap '' TERM; for i in 1 2 3; do (trap '' TERM; echo "$(exec sh -c 'echo $PPID')" >> ${pids}; while :; do sleep 1; done) & done; while :; do sleep 1; done`;
  try {
    const running = check(SCRIPT, sh(command), { timeoutMs: 700 });
    assert.ok(
      await eventually(() => existsSync(pids) && readFileSync(pids, "utf8").trim().split("\n").length === 3),
    );
    const result = await running;
    assert.equal(verdict(result), "fail script_timeout 700");
    assert.ok(result.tookMs < 700 + 500, `took ${result.tookMs} ms`);
    const children = readFileSync(pids, "utf8").trim().split("\n").map(Number);
    assert.ok(
      await eventually(() => children.every((pid) => !isAlive(pid))),
      `alive: ${children.filter(isAlive).join(" ")}`,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("children left behind by a script that ended are ended too", async () => {
  const directory = mkdtempSync(join(tmpdir(), "cpra-script-"));
  const pid = join(directory, "pid");
  try {
    const result = await check(SCRIPT, sh(`sleep 300 >/dev/null 2>&1 & echo $! > ${pid}; echo started`));
    assert.deepEqual([verdict(result), result.text], ["pass none 0", "started"]);
    const child = Number(readFileSync(pid, "utf8"));
    assert.ok(await eventually(() => !isAlive(child)), `${child} lives`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a script that floods its output is stopped and costs no memory", async () => {
  const before = process.memoryUsage().rss;
  const result = await check(SCRIPT, sh("yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), { timeoutMs: 4000 });
  assert.equal(result.outcome, "fail");
  assert.match(result.reason, /^(killed|script_timeout)$/);
  const grownMiB = (process.memoryUsage().rss - before) / 1048576;
  assert.ok(grownMiB < 100, `${grownMiB} MiB`);
});

test("what cannot be meant is refused with what is allowed", () => {
  const cases: readonly [config: unknown, message: RegExp][] = [
    [{}, /expected either "path" or "command"/],
    [{ path: "/a", command: "b" }, /expected either "path" or "command"/],
    [{ command: "" }, /command/],
    [{ command: [""] }, /expected a program to run/],
    [{ command: "echo 'open" }, /a quote is never closed: '/],
    [{ command: ["a"], shell: true }, /"command" as one string/],
    [{ path: "/a", env: { "A B": "1" } }, /expected variable names/],
    [{ path: "/a\0b" }, /NUL/],
    [{ path: "/a", warning_is: "maybe" }, /warning_is/],
    [{ path: "/a", colour: 1 }, /colour/],
  ];
  for (const [config, message] of cases) {
    assert.match(refusal(SCRIPT, config), message, JSON.stringify(config));
  }
});

/** A zombie has ended: its parent is the init of this machine or container, which may take its time to reap. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
