/** runProcess() against real programs: ends, limits, and that nothing of a group is left behind. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ProcessSpec, runProcess } from "../../src/net/process.ts";

const NEVER = new AbortController().signal;

function shell(script: string, options: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    argv: ["/bin/sh", "-c", script],
    env: { PATH: "/usr/bin:/bin" },
    timeoutMs: 20_000,
    outputLimitBytes: 65536,
    leftovers: "kill",
    settle: "when_gone",
    ...options,
  };
}

/** Living (not zombie) processes whose command line holds `marker`. */
function living(marker: string): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z")) return false;
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(marker);
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUp = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < giveUp, `still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function uniqueSeconds(): string {
  return `${100000 + Math.floor(Math.random() * 899999)}.${process.pid}`;
}

test("runProcess() gives exit code, both outputs and what it read on standard input", async () => {
  const result = await runProcess(shell("cat; echo err >&2; exit 3", { stdin: "héllo" }), NEVER);
  assert.deepEqual(result, {
    end: { kind: "exit", code: 3 },
    output: "héllo",
    errorOutput: "err\n",
    truncated: false,
  });
});

test("runProcess() passes exactly the given environment and directory", async () => {
  const result = await runProcess(
    shell("env | sort; pwd", { env: { PATH: "/usr/bin:/bin", CPRA_X: "1 2" }, cwd: "/" }),
    NEVER,
  );
  assert.match(result.output, /^CPRA_X=1 2\n(.*\n)*\/\n$/);
  assert.doesNotMatch(result.output, /HOME=/);
});

test("runProcess() reports the signal that ended the program", async () => {
  const result = await runProcess(shell("kill -9 $$"), NEVER);
  assert.deepEqual(result.end, { kind: "signal", name: "SIGKILL", number: 9 });
  assert.equal(result.stopped, undefined);
});

test("runProcess() names what is missing when nothing could be started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cpra-process-"));
  try {
    const plain = join(folder, "plain");
    writeFileSync(plain, "not a program");
    const run = (argv: [string, ...string[]], cwd?: string) =>
      runProcess({ ...shell(""), argv, ...(cwd === undefined ? {} : { cwd }) }, NEVER);
    assert.deepEqual((await run(["/nonexistent/x"])).end, {
      kind: "spawn_error",
      code: "ENOENT",
      errno: 2,
      text: "no such program: /nonexistent/x",
    });
    assert.deepEqual((await run([plain])).end, {
      kind: "spawn_error",
      code: "EACCES",
      errno: 13,
      text: `not executable: ${plain}`,
    });
    const noCwd = (await run(["/bin/true"], join(folder, "gone"))).end;
    assert.equal(
      noCwd.kind === "spawn_error" && noCwd.text,
      `no such working directory: ${join(folder, "gone")}`,
    );
    const nul = (await run(["/bin/echo", "a\0b"])).end;
    assert.equal(nul.kind, "spawn_error");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("runProcess() ends a forking program that ignores TERM, with all its children", async () => {
  const seconds = uniqueSeconds();
  const script =
    `trap '' TERM; sleep ${seconds} & (trap '' TERM; sleep ${seconds}) & echo up; while :; do sleep ${seconds}; done`;
  const result = await runProcess(shell(script, { timeoutMs: 300, graceMs: 200 }), NEVER);
  assert.equal(result.stopped, "timeout");
  assert.deepEqual(result.end, { kind: "signal", name: "SIGKILL", number: 9 });
  assert.equal(result.output, "up\n");
  await until(() => living(seconds).length === 0, "group gone");
});

test("runProcess() lets a program end by itself within the grace", async () => {
  const result = await runProcess(
    shell("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done", {
      timeoutMs: 300,
      graceMs: 10_000,
    }),
    NEVER,
  );
  assert.equal(result.stopped, "timeout");
  assert.deepEqual(result.end, { kind: "exit", code: 7 });
  assert.equal(result.output, "up\nbye\n");
});

test("runProcess() settles at the deadline when asked to, and ends the group behind it", async () => {
  const seconds = uniqueSeconds();
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 200);
  const started = Date.now();
  const result = await runProcess(
    shell(`trap '' TERM; while :; do sleep ${seconds}; done`, { settle: "at_deadline", graceMs: 2_000 }),
    abort.signal,
  );
  assert.ok(Date.now() - started < 1_500, "settled before the grace was over");
  assert.equal(result.stopped, "aborted");
  assert.equal(result.end.kind, "ending");
  await until(() => living(seconds).length === 0, "group gone");
});

test("runProcess() does not start when already aborted", async () => {
  const result = await runProcess(shell("echo never"), AbortSignal.abort());
  assert.equal(result.stopped, "aborted");
  assert.equal(result.end.kind, "spawn_error");
  assert.equal(result.output, "");
});

test("runProcess() kills what a finished program leaves behind, or leaves it when asked to", async () => {
  const seconds = uniqueSeconds();
  const killed = await runProcess(shell(`sleep ${seconds} & echo done`), NEVER);
  assert.deepEqual([killed.end, killed.output], [{ kind: "exit", code: 0 }, "done\n"]);
  await until(() => living(seconds).length === 0, "leftover killed");

  const other = uniqueSeconds();
  const left = await runProcess(shell(`sleep ${other} & echo done`, { leftovers: "leave" }), NEVER);
  assert.deepEqual([left.end, left.output], [{ kind: "exit", code: 0 }, "done\n"]);
  const pids = living(other);
  assert.equal(pids.length, 1);
  for (const pid of pids) process.kill(pid, "SIGKILL");
});

test("runProcess() keeps the head of long output and stops a flood", async () => {
  const long = await runProcess(
    shell("head -c 300000 /dev/zero | tr '\\0' x; exit 5", { outputLimitBytes: 1000 }),
    NEVER,
  );
  assert.deepEqual([long.end, long.output.length, long.truncated], [{ kind: "exit", code: 5 }, 1000, true]);

  const flood = await runProcess(shell("exec yes", { outputLimitBytes: 1000 }), NEVER);
  assert.deepEqual([flood.stopped, flood.output.length, flood.truncated], ["flooded", 1000, true]);
});
