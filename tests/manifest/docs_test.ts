/** What the documents show is what the loader takes. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadManifests } from "../../src/manifest/load.ts";
import { loadSettingsFile } from "../../src/manifest/load_settings.ts";
import { renderProblems } from "../../src/manifest/problem.ts";
import { resolveSettings } from "../../src/manifest/settings.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const REGISTRIES = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };

/** Blocks marked as YAML, in order. */
function yamlBlocks(document: string): string[] {
  return [...readFileSync(join(ROOT, document), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((
    match,
  ) => match[1] as string);
}

async function inFile<T>(text: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-docs-"));
  try {
    const file = join(folder, "block.yaml");
    writeFileSync(file, text);
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("every manifest in the documents loads without a problem", async () => {
  const blocks = ["README.md", "src/README.md", "CONTRIBUTING.md"].flatMap(yamlBlocks);
  const manifests = blocks.filter((block) => /^monitors:/m.test(block));
  assert.ok(manifests.length >= 1);
  for (const manifest of manifests) {
    const result = await inFile(
      manifest,
      (file) => loadManifests([file], { registries: REGISTRIES, env: {} }),
    );
    assert.deepEqual(renderProblems(result), []);
    assert.ok(result.monitorCount >= 1);
  }
});

test("the settings in the README load, and are the defaults of a machine with two processors", async () => {
  const block = yamlBlocks("README.md").find((each) => /^min_workers:/m.test(each));
  assert.ok(block !== undefined);
  const { layer, ...problems } = await inFile(block, (file) => loadSettingsFile(file, { env: {} }));
  assert.deepEqual(renderProblems(problems), []);
  const stated = resolveSettings([layer], { cores: 2 }).settings.pipelines.pulse;
  const defaults = resolveSettings([], { cores: 2 }).settings.pipelines.pulse;
  assert.deepEqual({ ...stated, sizingServiceTimeMs: null }, defaults);
});
