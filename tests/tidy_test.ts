/** Rules of the code that a machine can check: layers, cycles, one door per library, Atomics in one folder, dead files. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const ROOT = new URL("..", import.meta.url).pathname;

/** Layer → the layers it may import from, itself included always. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "src/base": [],
  "src/host": ["src/base"],
  "src/shm": ["src/base"],
  "src/model": ["src/base"],
  "src/world": ["src/shm", "src/model", "src/base"],
  "src/net": ["src/host", "src/shm", "src/model", "src/base"],
  "src/names": ["src/net", "src/shm", "src/model", "src/base"],
  "src/probes": ["src/net", "src/model", "src/base", "src/host"],
  "src/remedies": ["src/net", "src/model", "src/base", "src/host"],
  "src/notifiers": ["src/net", "src/model", "src/base", "src/host"],
  "src/lanes": ["src/shm", "src/world", "src/model", "src/base", "src/host"],
  "src/sizing": ["src/base"],
  "src/manifest": ["src/model", "src/base"],
  "src/journal": ["src/model", "src/base"],
  "src/telemetry": ["src/world", "src/shm", "src/model", "src/base"],
  "src/engine": ["src/world", "src/shm", "src/model", "src/sizing", "src/lanes", "src/telemetry", "src/base"],
  "src/server": ["src/telemetry", "src/world", "src/shm", "src/model", "src/host", "src/base"],
};

/** Library → the only place that imports it. */
const DOORS: Readonly<Record<string, RegExp>> = {
  "zod": /^src\/base\/schema\.ts$/,
  "js-yaml": /^src\/(manifest\/yaml|net\/kubeconfig)\.ts$/,
  "commander": /^src\/cli\/command\.ts$/,
  "@commander-js/extra-typings": /^src\/cli\/command\.ts$/,
  "nodemailer": /^src\/notifiers\/email\.ts$/,
  "hono": /^src\/server\//,
  "json-p3": /^src\/probes\/json_path\.ts$/,
};

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

const FILES = ["main.ts", ...sources("src"), ...sources("workers"), ...sources("mock-servers")];
const TEXTS = new Map(FILES.map((file) => [file, readFileSync(join(ROOT, file), "utf8")]));
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|new URL\("(\.[^"]+\.ts)"/g;

function imports(file: string): string[] {
  return [...(TEXTS.get(file) as string).matchAll(IMPORT)].map((match) =>
    (match[1] ?? match[2] ?? match[3]) as string
  );
}

function localImports(file: string): string[] {
  return imports(file)
    .filter((specifier) => specifier.startsWith(".") && specifier.endsWith(".ts"))
    .map((specifier) => relative(ROOT, join(ROOT, dirname(file), specifier)));
}

const layerOf = (file: string) => Object.keys(LAYERS).find((layer) => file.startsWith(`${layer}/`));

test("every import goes down the layers", () => {
  const wrong: string[] = [];
  for (const file of FILES) {
    const layer = layerOf(file);
    if (layer === undefined) continue;
    for (const target of localImports(file)) {
      const to = layerOf(target);
      if (to !== layer && !(LAYERS[layer] as readonly string[]).includes(to ?? "?")) {
        wrong.push(`${file} → ${target}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("no file imports itself through others", () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (done.has(file)) return;
    for (const target of localImports(file)) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of FILES) visit(file, []);
  assert.deepEqual(cycles, []);
});

test("each library with a door is imported only there", () => {
  const wrong = FILES.flatMap((file) =>
    imports(file)
      .filter((specifier) =>
        Object.entries(DOORS).some(([name, door]) =>
          (specifier === name || specifier.startsWith(`${name}/`)) && !door.test(file)
        )
      )
      .map((specifier) => `${file} imports ${specifier}`)
  );
  assert.deepEqual(wrong, []);
});

test("Atomics appear in src/shm only", () => {
  const wrong = FILES.filter((file) =>
    !file.startsWith("src/shm/") && /\bAtomics\./.test(TEXTS.get(file) as string)
  );
  assert.deepEqual(wrong, []);
});

test("runtime globals appear in src/host only", () => {
  const wrong = FILES.filter((file) =>
    !file.startsWith("src/host/") && /\b(?:Deno|Bun)\.[a-z]|globalThis as/.test(TEXTS.get(file) as string)
  );
  assert.deepEqual(wrong, []);
});

test("every source file is reached from main.ts, a worker or a mock server's shell entry", () => {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file) || !TEXTS.has(file)) return;
    reached.add(file);
    for (const target of localImports(file)) visit(target);
  };
  for (const entry of ["main.ts", "mock-servers/serve.ts", "mock-servers/generate_monitors.ts"]) visit(entry);
  for (const file of FILES) if (file.startsWith("workers/")) visit(file);
  const tested = FILES.filter((file) => /^mock-servers\/(?:sink|service)_/.test(file));
  for (const file of tested) visit(file);
  assert.deepEqual(FILES.filter((file) => !reached.has(file)), []);
});

test("no file argues with the house rules on types and leftovers", () => {
  const wrong: string[] = [];
  for (const [file, text] of TEXTS) {
    for (const [index, line] of text.split("\n").entries()) {
      if (/^\s*(?:\/?\*|\/\/)/.test(line) && !/TODO|FIXME/.test(line)) continue;
      if (/: any\b|\bas any\b|<any>|\bTODO\b|\bFIXME\b|console\.log\(/.test(line)) {
        wrong.push(`${file}:${index + 1}: ${line.trim()}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test("files stay readable: at most 400 lines", () => {
  const long = [...TEXTS].map(([file, text]) => [file, text.split("\n").length] as const).filter((
    [, lines],
  ) => lines > 400);
  assert.deepEqual(long, []);
});
