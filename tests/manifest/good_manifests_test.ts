import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadManifests } from "../../src/manifest/load.ts";
import { renderProblems } from "../../src/manifest/problem.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";

const FOLDER = fileURLToPath(new URL("../testdata/manifests/good/", import.meta.url));

for (const name of readdirSync(FOLDER)) {
  test(`${name} loads without a word`, async () => {
    const loaded = await loadManifests([`${FOLDER}${name}`], { registries: FAKE_REGISTRIES, env: {} });
    assert.deepEqual(renderProblems(loaded), []);
    // The first line says how many there are; JSON takes no comments and holds one.
    const count = /^# monitors: (\d+)/.exec(readFileSync(`${FOLDER}${name}`, "utf8"))?.[1] ?? "1";
    assert.equal(loaded.monitorCount, Number(count));
  });
}
