import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { answerFor, badManifests, expectedPath } from "./bad_manifests.ts";

for (const name of badManifests()) {
  test(`validate answers ${name} with exactly what stands beside it`, async () => {
    assert.ok(existsSync(expectedPath(name)), "no expected answer: deno task test:update writes it");
    assert.equal(await answerFor(name), readFileSync(expectedPath(name), "utf8"));
  });
}

test("the corpus has at least 40 bad manifests, and no answer repeats a secret", () => {
  assert.ok(badManifests().length >= 40, String(badManifests().length));
  for (const name of badManifests()) {
    assert.ok(!readFileSync(expectedPath(name), "utf8").includes("hunter2"), name);
  }
});
