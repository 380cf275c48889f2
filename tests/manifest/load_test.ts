import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { streamManifests } from "../../src/manifest/load.ts";
import { renderProblems } from "../../src/manifest/problem.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";
import { manifestFolder } from "./manifest_folder.ts";

function monitor(name: string, rest = ""): string {
  return `- {name: ${name}, pulse_check: {type: tcp, interval: 5s, config: {host: h, port: 1}}${rest}}\n`;
}

function json(name: string): string {
  return JSON.stringify({ name, pulse_check: { type: "tcp", interval: 5, config: { host: "h", port: 1 } } });
}

test("a folder loads in the order of its names: YAML, JSON, JSON lines, each also gzipped", async () => {
  using folder = manifestFolder({
    "1.yaml": monitor("yaml"),
    "2.yml.gz": gzipSync(`monitors:\n  ${monitor("yaml-gz")}`),
    "3.json": `{"monitors": [${json("json")}]}`,
    "4.json.gz": gzipSync(`[${json("json-gz")}]`),
    "5.jsonl": `${json("line-1")}\n\n${json("line-2")}`,
    "6.ndjson.gz": gzipSync(`${json("line-3")}\r\n${json("line-4")}\r\n`),
    // Unpacked by its first bytes, whatever it is called.
    "7.yaml": gzipSync(monitor("unnamed-gz")),
    "8.yaml": `\ufeff${monitor("byte-order-mark")}`,
    "notes.txt": "not a manifest",
  });
  const loaded = await folder.load();
  assert.deepEqual(renderProblems(loaded), []);
  const names = loaded.monitors.map((each) => each.name);
  const expected = [
    "yaml",
    "yaml-gz",
    "json",
    "json-gz",
    "line-1",
    "line-2",
    "line-3",
    "line-4",
    "unnamed-gz",
  ];
  assert.deepEqual(names, [...expected, "byte-order-mark"]);
  assert.equal(loaded.monitorCount, 10);
  assert.equal(loaded.files.length, 8);
});

test("several sources load in the order given, a file named twice only once", async () => {
  using folder = manifestFolder({ "a.yaml": monitor("a"), "b.yaml": monitor("b") });
  const loaded = await folder.load({ sources: ["b.yaml", "a.yaml", "b.yaml"] });
  assert.deepEqual(loaded.monitors.map((each) => each.name), ["b", "a"]);
});

test("a byte order mark moves no place", async () => {
  const text = monitor("a").replace("port: 1", "port: 0");
  using folder = manifestFolder({ "a.yaml": text, "b.yaml": `\ufeff${text.replace("name: a", "name: b")}` });
  const { problems } = await folder.load();
  assert.deepEqual(problems.map((each) => [each.line, each.column]), [[1, 76], [1, 76]]);
});

test("every monitor is warned of its own code, however many say the same", async () => {
  using folder = manifestFolder({
    "a.yaml": monitor("a", ", codes: {red: {}}") + monitor("b", ", codes: {red: {}}"),
  });
  const { problems } = await folder.load();
  assert.deepEqual(problems.map((each) => [each.monitor, each.severity]), [["a", "warning"], [
    "b",
    "warning",
  ]]);
});

test("names are unique over all files, and the message names both places", async () => {
  using folder = manifestFolder({ "a.yaml": `\n${monitor("web")}`, "b.jsonl": json("web") });
  const { problems } = await folder.load();
  assert.equal(problems.length, 1);
  assert.match(problems[0]?.file ?? "", /b\.jsonl$/);
  assert.match(problems[0]?.message ?? "", /taken by the monitor at .*a\.yaml:2:3; names are unique/);
});

test("templates, groups and notify groups serve all files; defaults only the file they stand in", async () => {
  using folder = manifestFolder({
    "1.yaml": "defaults: {labels: {from: defaults}}\nmonitors:\n  - {name: a, template: tcp}\n",
    "2.yaml": "monitors:\n  - {name: b, template: tcp, codes: {red: {notify_groups: ops}}}\n",
    "3.yaml": "templates: {tcp: {pulse_check: {type: tcp, interval: 1s, config: {host: h, port: 1}}}}\n" +
      "notify_groups: {ops: [{notify: [log, console], config: {file: /l}}]}\ngroups: {edge: {description: d}}\n",
  });
  const loaded = await folder.load();
  assert.deepEqual(renderProblems(loaded), []);
  const [a, b] = loaded.monitors;
  assert.deepEqual(a?.labels, { from: "defaults" });
  assert.deepEqual(b?.labels, {});
  assert.deepEqual(b?.codes.red?.channels, [{ kind: "log", config: { file: "/l" } }, {
    kind: "console",
    config: {},
  }]);
  assert.deepEqual(loaded.groups, { edge: { description: "d" } });
});

test("a missing file is an error, and with allowMissing a warning in the words users know", async () => {
  using folder = manifestFolder({ "a.yaml": monitor("a") });
  const refused = await folder.load({ sources: ["no.yaml", "a.yaml"] });
  assert.equal(refused.ok, false);
  assert.match(renderProblems(refused).join(), /no\.yaml: error: cannot read: it does not exist/);
  const allowed = await folder.load({ sources: ["no.yaml", "a.yaml"], allowMissing: true });
  assert.equal(allowed.ok, true);
  assert.equal(allowed.monitorCount, 1);
  const path = join(folder.path, "no.yaml");
  assert.equal(
    allowed.problems[0]?.message,
    `YAML file ${path} not found, starting without loading monitors`,
  );
});

test("files that are no text, broken gzip, UTF-16 and empty folders are refused with a reason", async () => {
  using folder = manifestFolder({
    "binary.yaml": Uint8Array.of(0x6d, 0x0a, 0xc3, 0x28, 0x0a),
    "broken.yaml.gz": gzipSync(monitor("a").repeat(2000)).subarray(0, 60),
    "utf16.yaml": Uint8Array.of(0xff, 0xfe, 0x6d, 0x00),
    "null.yaml": "- \u0000\n",
  });
  mkdirSync(join(folder.path, "empty"));
  const loaded = await folder.load({
    sources: ["binary.yaml", "broken.yaml.gz", "utf16.yaml", "null.yaml", "empty"],
  });
  const lines = renderProblems(loaded).map((line) => line.replaceAll(`${folder.path}/`, ""));
  assert.equal(lines.length, 5, lines.join("\n"));
  const expected = [
    /^binary\.yaml: error: line 2: text that is not UTF-8$/,
    /^broken\.yaml\.gz: error: broken gzip data \(Z_/,
    /^utf16\.yaml: error: UTF-16 text; expected UTF-8$/,
    /^null\.yaml:1:3: error: /,
    /^empty: error: a folder without manifests/,
  ];
  for (const pattern of expected) {
    assert.ok(lines.some((line) => pattern.test(line)), `${pattern}\n${lines.join("\n")}`);
  }
});

test("lenient leaves bad monitors out and names them; strict turns warnings into errors", async () => {
  const late = ", depends_on: [bad]";
  using folder = manifestFolder({
    "a.yaml": `${monitor("good")}- {name: bad, pulse_check: {type: tcp, interval: 0}}\n- {name: "x\n${
      monitor("last", late)
    }`,
  });
  const lenient = await folder.load({ lenient: true });
  assert.equal(lenient.ok, true);
  assert.deepEqual(lenient.monitors.map((each) => each.name), ["good", "last"]);
  assert.equal(lenient.leftOutCount, 2);
  assert.equal(lenient.leftOut[0], "bad");
  assert.match(lenient.leftOut[1] ?? "", /a\.yaml:4$/);
  const normal = await folder.load();
  assert.equal(normal.ok, false);

  using slow = manifestFolder({ "a.yaml": monitor("a").replace("5s", "5s, timeout: 10s") });
  const warned = await slow.load();
  assert.deepEqual([warned.ok, warned.warningCount, warned.monitorCount], [true, 1, 1]);
  const strict = await slow.load({ strict: true });
  assert.deepEqual([strict.ok, strict.errorCount, strict.warningCount], [false, 1, 0]);
});

test("a big file is handed out piece by piece, with true places, and problems are counted exactly", async () => {
  const count = 30_000;
  let text = "monitors:\n";
  for (let i = 0; i < count; i++) {
    const port = i % 10 === 0 ? 0 : 1;
    text += `  - name: m${i}\n    pulse_check: {type: tcp, interval: 5s, config: {host: h, port: ${port}}}\n`;
  }
  using folder = manifestFolder({ "a.yaml": text });
  const places = new Map<string, number>();
  let progress = 0;
  const options = { registries: FAKE_REGISTRIES, env: {}, onProgress: () => progress++ };
  const result = await streamManifests(
    [folder.path],
    options,
    (spec, place) => places.set(spec.name, place.line),
  );
  assert.equal(result.monitorCount, count * 0.9);
  assert.equal(result.errorCount, count * 0.1);
  assert.equal(result.problems.length, 1000);
  assert.equal(renderProblems(result).at(-1), `… and ${count * 0.1 - 100} more`);
  assert.equal(places.get("m29999"), 2 + 2 * 29_999);
  assert.equal(result.problems[999]?.line, 3 + 2 * 9990);
  assert.ok(progress > 5, `progress was told ${progress} times`);
});

test("a chunk with a syntax error still gives its other monitors", async () => {
  const names = Array.from({ length: 50 }, (_, index) => `m${index}`);
  const text = names.map((name) => name === "m20" ? '- {name: "m20\n' : monitor(name)).join("");
  using folder = manifestFolder({ "a.yaml": text });
  const loaded = await folder.load();
  assert.equal(loaded.errorCount, 1);
  assert.equal(loaded.monitorCount, 49);
  assert.equal(loaded.problems[0]?.line, 22);
});

test("flow-style text above the limit is refused, naming the limit and the way out", async () => {
  using folder = manifestFolder({});
  const filler = "x".repeat(1 << 20);
  const entries = Array.from(
    { length: 66 },
    (_, index) => `{"name": "m${index}", "metadata": {"x": "${filler}"}}`,
  );
  writeFileSync(join(folder.path, "big.json"), `{"monitors": [${entries.join(",")}]}`);
  const { problems } = await folder.load();
  assert.match(problems[0]?.message ?? "", /^above the limit of 64 MiB .*JSON lines/);
});

test("- is standard input, also gzipped", () => {
  const script = join(import.meta.dirname ?? "", "stdin_fixture.ts");
  const text = `monitors:\n  ${monitor("from-stdin")}`;
  for (const input of [text, gzipSync(text)]) {
    const args = "Deno" in globalThis ? ["run", "-A", script] : [script];
    const child = spawnSync(process.execPath, args, { input, encoding: "utf8", timeout: 30_000 });
    assert.equal(child.stdout.trim(), '["<stdin>",["from-stdin"]]', child.stderr);
  }
});
