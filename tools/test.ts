/**
 * `deno task test`: every test, in every place the code must run. The suite runs under Deno (the tests of the binary and of
 * real engines among it), then, but for those, under Bun. The last line counts both: "N passed, N failed".
 * Arguments are paths to narrow the run to.
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { FAST_TESTS } from "./fast_tests.ts";

const ROOT = new URL("..", import.meta.url).pathname;
/** Tests that drive other programs: their result does not depend on the runtime that drives them. */
const ONLY_DENO = ["binary", "faults", "tools", "tidy_test"];

interface Count {
  passed: number;
  failed: number;
}

const paths = process.argv.slice(2);
const denoTest = ["test", "-A", "--no-check"];
const deno = paths.length > 0 ? await run(process.execPath, [...denoTest, ...paths]) : sumOf(
  await run(process.execPath, [...denoTest, "--parallel", ...FAST_TESTS]),
  await run(process.execPath, [...denoTest, `--ignore=${FAST_TESTS.join(",")}`, "tests"]),
);
const bunPaths = paths.length > 0 ? paths : ["./tests"];
const bun = await run(`${ROOT}node_modules/.bin/bun`, [
  "test",
  "--timeout=60000",
  ...ONLY_DENO.map((name) => `--path-ignore-patterns=**/tests/${name}*`),
  ...ONLY_DENO.map((name) => `--path-ignore-patterns=**/tests/${name}/**`),
  ...bunPaths,
]);
const total = sumOf(deno, bun);
process.stdout.write(
  `Deno: ${deno.passed} passed, ${deno.failed} failed; Bun: ${bun.passed} passed, ${bun.failed} failed\n`,
);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

function sumOf(left: Count, right: Count): Count {
  return { passed: left.passed + right.passed, failed: left.failed + right.failed };
}

/** Runs one suite with its output shown, and counts from its closing lines. A suite that died counts as a failure. */
function run(command: string, args: readonly string[]): Promise<Count> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let tail = "";
    const show = (chunk: Uint8Array) => {
      process.stdout.write(chunk);
      tail = (tail + new TextDecoder().decode(chunk)).slice(-20_000);
    };
    child.stdout.on("data", show);
    child.stderr.on("data", show);
    child.on("close", (code) => {
      const count = readCount(tail);
      if (code !== 0 && count.failed === 0) count.failed = 1;
      resolve(count);
    });
  });
}

function readCount(output: string): Count {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\u001b\[[0-9;]*m/g, "");
  const last = (pattern: RegExp) => Number([...plain.matchAll(pattern)].at(-1)?.[1] ?? 0);
  return {
    passed: last(/\|\s+(\d+) passed/g) || last(/^\s*(\d+) pass$/gm),
    failed: last(/\|\s+(\d+) failed/g) || last(/^\s*(\d+) fail$/gm),
  };
}
