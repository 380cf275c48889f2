/**
 * `deno task ok`: what every commit passes, in under a minute. Format, lint, types and the fast tests (everything but the
 * binary, real engines and browsers). Prints each step's time; stops at the first that fails. With `--static` the tests are
 * left out, for CI, which runs all of them afterwards.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { FAST_TESTS } from "./fast_tests.ts";

const deno = process.execPath;
const steps: (readonly [string, readonly string[]])[] = [
  ["setup", ["sh", "tools/setup.sh"]],
  ["format", [deno, "fmt", "--check"]],
  ["lint", [deno, "lint", "--quiet"]],
  ["types", [
    deno,
    "check",
    "--quiet",
    "main.ts",
    "src",
    "workers",
    "mock-servers",
    "tests",
    "bench",
    "tools",
  ]],
  ["tests", [
    deno,
    "test",
    "-A",
    "--no-check",
    "--quiet",
    "--parallel",
    ...FAST_TESTS,
  ]],
];
if (process.argv.includes("--static")) steps.pop();

for (const [name, [command, ...args]] of steps) {
  const started = performance.now();
  const { status } = spawnSync(command as string, args, { stdio: "inherit" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? "ok" : "FAILED"}  ${name}  ${seconds} s\n`);
  if (status !== 0) process.exit(1);
}
