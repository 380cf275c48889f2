import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { seededRandom } from "../../src/base/prng.ts";
import { type LoadOptions, type LoadResult, streamManifests } from "../../src/manifest/load.ts";
import type { LoaderWorker } from "../../src/manifest/loaders.ts";
import { type MonitorRows, ROW, ROW_WORDS } from "../../src/model/monitor_rows.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";
import { manifestFolder } from "./manifest_folder.ts";

const SEED = 4_711;
const make = (): LoaderWorker =>
  new Worker(new URL("./fixtures/loader_worker.ts", import.meta.url), { type: "module" });

interface Loaded {
  readonly monitors: readonly MonitorSpec[];
  readonly result: Omit<LoadResult, "settings">;
  /** How many came from loader threads. */
  readonly byLoaders: number;
}

/** The monitors of rows, whole again. */
function monitorsOf({ specs, words, bytes }: MonitorRows, count: number): MonitorSpec[] {
  const monitors: MonitorSpec[] = [];
  let at = 0;
  const text = (length: number) => new TextDecoder().decode(bytes.subarray(at, at += length));
  for (let base = 0; base < count * ROW_WORDS; base += ROW_WORDS) {
    const word = (index: number) => words[base + index] as number;
    const spec = specs[word(ROW.spec)] as MonitorSpec;
    const name = text(word(ROW.nameBytes));
    const target = text(word(ROW.targetBytes));
    const remedyTarget = text(word(ROW.remedyTargetBytes));
    const attributes = text(word(ROW.attributesBytes));
    monitors.push({
      ...spec,
      name,
      probe: { ...spec.probe, target },
      ...(spec.remedy === undefined ? {} : { remedy: { ...spec.remedy, target: remedyTarget } }),
      ...(attributes === "" ? {} : JSON.parse(attributes)),
    });
  }
  return monitors;
}

async function load(path: string, options: Partial<LoadOptions>): Promise<Loaded> {
  const monitors: MonitorSpec[] = [];
  let byLoaders = 0;
  const all: LoadOptions = {
    registries: FAKE_REGISTRIES,
    env: { KEY: "from-env" },
    onRows: (rows, count) => {
      byLoaders += count;
      monitors.push(...monitorsOf(rows, count));
    },
    ...options,
  };
  const result = await streamManifests([path], all, (monitor) => monitors.push(monitor));
  return { monitors, result, byLoaders };
}

/** Loads with two threads and small blocks, and without; both must give the same, and at least some by threads. */
async function compare(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<LoadOptions> & { readonly blockBytes?: number; readonly readable?: boolean } = {},
): Promise<Loaded> {
  using folder = manifestFolder(files);
  const { blockBytes = 2000, readable: _, ...rest } = options;
  const here = await load(folder.path, rest);
  const loaders = { count: 2, make, bytesMin: 1, blockBytes };
  const threads = await load(folder.path, { ...rest, loaders });
  // What was handed out before a file turned out to be unreadable is not to be used.
  if (options.readable !== false) assert.deepEqual(threads.monitors, here.monitors);
  const { monitorCount: _count, ...found } = threads.result;
  const { monitorCount: _counted, ...expected } = here.result;
  assert.deepEqual(found, expected);
  assert.equal(here.byLoaders, 0);
  return threads;
}

type Fault = "none" | "port" | "duplicate" | "syntax" | "depends" | "unnamed" | "warning" | "utf8-name";

function yamlEntry(index: number, fault: Fault): string {
  const name = fault === "duplicate"
    ? `m${Math.floor(index / 2)}`
    : fault === "utf8-name"
    ? `m${index}-é💥`
    : `m${index}`;
  const port = fault === "port" ? 0 : 1000 + index % 100;
  const timeout = fault === "warning" ? ", timeout: 9s" : "";
  const more = fault === "depends" ? `\n    depends_on: [m${index + 5}]` : "";
  const head = fault === "syntax"
    ? `  - name: "m${index}\n`
    : fault === "unnamed"
    ? "  - enabled: true\n"
    : `  - name: ${name}\n`;
  return `${head}    pulse_check: {type: tcp, interval: 5s${timeout}, config: {host: h${index}, port: ${port}}}\n` +
    `    labels: {rack: r${index % 7}}${more}\n${index % 50 === 0 ? "    # a comment\n\n" : ""}`;
}

function yaml(count: number, faults: (index: number) => Fault): string {
  const entries = Array.from({ length: count }, (_, index) => yamlEntry(index, faults(index)));
  return `defaults: {healthy_threshold: 4}\ndefaults2: x\nmonitors:\n${entries.join("")}groups: {}\n`.replace(
    "defaults2: x\n",
    "",
  )
    .replace("defaults: {healthy_threshold: 4}", "defaults: {pulse_check: {healthy_threshold: 4}}");
}

test("loader threads give the monitors of a good file, in its order", async () => {
  const { byLoaders, result } = await compare({ "a.yaml": yaml(2000, () => "none") });
  assert.equal(result.monitorCount, 2000);
  assert.equal(byLoaders, 2000);
});

test("faults of every sort are reported as without loader threads: places, order, counts, duplicates across blocks", async () => {
  const kinds: readonly Fault[] = [
    "port",
    "duplicate",
    "syntax",
    "depends",
    "unnamed",
    "warning",
    "utf8-name",
  ];
  const random = seededRandom(SEED);
  for (const share of [0.002, 0.02]) {
    for (const lenient of [false, true]) {
      const faults = (_: number): Fault =>
        random() < share ? kinds[Math.floor(random() * kinds.length)] as Fault : "none";
      const { byLoaders } = await compare(
        { "a.yaml": yaml(1500, faults), "b.yaml": yaml(20, () => "none") },
        { lenient },
      );
      if (share === 0.002) assert.ok(byLoaders > 300, `${byLoaders} by threads (seed ${SEED})`);
    }
  }
});

test("each kind of fault alone is found where it stands", async () => {
  for (const fault of ["port", "duplicate", "syntax", "depends", "unnamed", "warning"] as const) {
    const { result, byLoaders } = await compare({
      "a.yaml": yaml(600, (index) => index === 411 ? fault : "none"),
    });
    if (fault !== "depends") assert.equal(result.problems.length, 1, fault);
    assert.ok(byLoaders > 300);
  }
});

test("blocks smaller than an entry, and entries larger than a block's margin, are read whole", async () => {
  const big =
    `  - name: big\n    pulse_check: {type: tcp, interval: 5s, config: {host: h, port: 1}}\n    metadata: {x: "${
      "y".repeat(200_000)
    }"}\n`;
  const text = yaml(40, () => "none").replace("groups: {}", `${big}groups: {}`);
  const { result, byLoaders } = await compare({ "a.yaml": text }, { blockBytes: 64 });
  assert.equal(result.monitorCount, 41);
  assert.equal(byLoaders, 41);
});

test("JSON lines go through loader threads, with blank lines, without a last line end, and behind a byte order mark", async () => {
  const line = (index: number) =>
    JSON.stringify({
      name: `j${index}`,
      pulse: { type: "tcp", interval: 5, config: { host: "h", port: 1 + index } },
    });
  const lines = Array.from(
    { length: 900 },
    (_, index) => index % 97 === 0 ? `\n${line(index)}` : line(index),
  );
  const good = await compare({ "a.jsonl": `\ufeff${lines.join("\r\n")}` });
  assert.equal(good.byLoaders, 900);
  const bad = await compare({ "a.jsonl": lines.with(500, '{"name": }').with(700, line(3)).join("\n") });
  assert.equal(bad.result.errorCount, 3);
});

test("text that is not UTF-8 is refused as without loader threads", async () => {
  const bytes = new TextEncoder().encode(yaml(400, () => "none"));
  bytes[bytes.length >> 1] = 0xff;
  const { result } = await compare({ "a.yaml": bytes }, { readable: false });
  assert.match(result.problems[0]?.message ?? "", /not UTF-8/);
});

test("gzipped files, files with aliases and lists in flow style stay in the calling thread", async () => {
  const text = yaml(50, () => "none");
  const { byLoaders } = await compare({
    "a.yaml": gzipSync(text.replaceAll("name: m", "name: z")),
    "b.yaml": `x-a: &a {q: r}\nmonitors:\n${yamlEntry(1, "none").replace("labels: {rack: r1}", "labels: *a")}`
      .replace("x-a: &a {q: r}\n", "templates: {t: {labels: &a {q: r}}}\n"),
    "c.json": `[{"name": "c", "pulse": {"type": "tcp", "interval": 5, "config": {"host": "h", "port": 1}}}]`,
  });
  assert.equal(byLoaders, 0);
});

test("templates, notify groups and variables reach the loader threads", async () => {
  const head =
    'templates: {t: {pulse_check: {type: http, interval: 1m, config: {headers: {X: "${KEY}"}}}}}\n' +
    "notify_groups: {ops: [{notify: log, config: {file: /l}}]}\nmonitors:\n";
  const entry = (index: number) =>
    `- name: n${index}\n  template: t\n  pulse_check: {config: {url: "http://h/${index}"}}\n  codes: {red: {notify_groups: ops}}\n`;
  const text = head + Array.from({ length: 300 }, (_, index) => entry(index)).join("");
  const { byLoaders, monitors } = await compare({ "a.yaml": text });
  assert.equal(byLoaders, 300);
  assert.deepEqual((monitors[299]?.probe.config as { headers: unknown }).headers, [["X", "from-env"]]);
});

test("when a loader thread fails, the rest is read without it", async () => {
  using folder = manifestFolder({ "a.yaml": yaml(500, () => "none") });
  let made = 0;
  const failing = (): LoaderWorker => {
    const worker = make();
    if (made++ === 0) queueMicrotask(() => worker.onerror?.({ preventDefault() {} } as ErrorEvent));
    return worker;
  };
  const { result, monitors } = await load(folder.path, {
    loaders: { count: 2, make: failing, bytesMin: 1, blockBytes: 1000 },
  });
  assert.equal(result.ok, true);
  assert.equal(new Set(monitors.map(({ name }) => name)).size, 500);
});
