/** Manifests in a temporary folder, loaded with the small plug-ins; the folder is gone afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadedManifests, loadManifests, type LoadOptions } from "../../src/manifest/load.ts";
import { renderProblems } from "../../src/manifest/problem.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";

export interface ManifestFolder {
  readonly path: string;
  load(options?: Partial<LoadOptions> & { readonly sources?: readonly string[] }): Promise<LoadedManifests>;
  [Symbol.dispose](): void;
}

/** `files`: name → content. Loading takes the whole folder unless sources (names in it) are given. */
export function manifestFolder(files: Readonly<Record<string, string | Uint8Array>>): ManifestFolder {
  const path = mkdtempSync(join(tmpdir(), "cpra-manifest-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return {
    path,
    load: ({ sources, ...options } = {}) =>
      loadManifests(sources?.map((name) => join(path, name)) ?? [path], {
        registries: FAKE_REGISTRIES,
        env: {},
        ...options,
      }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

/** Loads one YAML text that must have nothing wrong with it. */
export async function loadText(text: string, options: Partial<LoadOptions> = {}): Promise<LoadedManifests> {
  using folder = manifestFolder({ "manifest.yaml": text });
  const loaded = await folder.load(options);
  if (loaded.problems.length > 0) throw new Error(renderProblems(loaded).join("\n"));
  return loaded;
}
