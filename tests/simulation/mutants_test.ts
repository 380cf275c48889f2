/** The bugs put in on purpose: every patch still applies, and one of each kind of judge's is still found. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hunt, MUTANTS } from "../../tools/mutants.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

test("every mutant's patch applies to the sources", () => {
  const patches = readdirSync(MUTANTS);
  assert.ok(patches.length >= 20, `${patches.length} mutants`);
  for (const patch of patches) {
    const { status, stderr } = spawnSync("git", ["apply", "--check", join(MUTANTS, patch)], {
      cwd: ROOT,
      encoding: "utf8",
    });
    assert.equal(status, 0, `${patch}: ${stderr}`);
  }
});

test("a bug that was put in is found", { timeout: 120_000 }, async () => {
  const { found, promise } = await hunt("threshold_one_early");
  assert.deepEqual([found, promise], [true, "false_down"]);
});
