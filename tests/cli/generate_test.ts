import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { generateManifest, type ManifestPlan, runGenerate } from "../../src/cli/generate.ts";
import { loadManifests } from "../../src/manifest/load.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { GENERATED_FORMATS } from "../../src/cli/generate_form.ts";
import { exactCounts, GENERATED_KINDS, parseMix } from "../../src/cli/generate_mix.ts";

const PLAN: ManifestPlan = {
  count: 1000,
  mix: { http: 80, tcp: 10, script: 10 },
  intervalMs: 30_000,
  timeoutMs: 1500,
  format: "yaml",
  targets: { host: "127.0.0.1", port: 18_080, controlPort: 18_081 },
  withIntervention: 0,
  seed: 1,
};

async function textOf(plan: ManifestPlan): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const { bytes } = await generateManifest(
    plan,
    (chunk) => void (text += decoder.decode(chunk, { stream: true })),
  );
  assert.equal(bytes, text.length);
  return text;
}

const occurrences = (text: string, part: string) => text.split(part).length - 1;

test("parseMix() reads kinds and weights, and names what is wrong", () => {
  assert.deepEqual(parseMix("http:80,tcp:10,script:10"), { http: 80, tcp: 10, script: 10 });
  assert.deepEqual(parseMix(" tcp : 0.5 "), { tcp: 0.5 });
  assert.throws(
    () => parseMix("http:1,ftp:2"),
    /unknown kind "ftp" in the mix "http:1,ftp:2"; known: http, tcp, script/,
  );
  assert.throws(() => parseMix(""), /unknown kind ""/);
  assert.throws(() => parseMix("http:1,http:2"), /"http" stands twice/);
  for (const bad of ["http", "http:", "http:x", "http:-1", "http:1:2"]) {
    assert.throws(() => parseMix(bad), /expected "http:WEIGHT" with a number of 0 or more/, bad);
  }
  assert.throws(() => parseMix("http:0"), /no weight above 0/);
});

test("exactCounts() adds up, and is never one or more away from the exact share", () => {
  const weight = fc.integer({ min: 0, max: 100 });
  fc.assert(fc.property(fc.nat(100_000), weight, weight, weight, (count, http, tcp, script) => {
    fc.pre(http + tcp + script > 0);
    const counts = exactCounts(count, { http, tcp, script });
    assert.equal(counts.http + counts.tcp + counts.script, count);
    const weights = { http, tcp, script };
    for (const kind of GENERATED_KINDS) {
      assert.ok(Math.abs(counts[kind] - count * weights[kind] / (http + tcp + script)) < 1);
    }
  }));
});

test("generateManifest() writes exactly the kinds and repairs asked for, mixed", async () => {
  const text = await textOf({ ...PLAN, withIntervention: 0.25 });
  assert.equal(occurrences(text, "type: http\n"), 800);
  assert.equal(occurrences(text, "type: tcp\n"), 100);
  assert.equal(occurrences(text, "type: script\n"), 100);
  assert.equal(occurrences(text, "intervention:\n"), 250);
  const firstHalf = text.slice(0, text.length / 2);
  for (const kind of ["type: tcp\n", "type: script\n"]) {
    const count = occurrences(firstHalf, kind);
    assert.ok(count > 30 && count < 70, `${count} of 100 in the first half, seed ${PLAN.seed}`);
  }
});

test("generateManifest() writes the same bytes for the same seed, others for another", async () => {
  const first = await textOf(PLAN);
  assert.equal(await textOf(PLAN), first);
  assert.notEqual(await textOf({ ...PLAN, seed: 2 }), first);
});

test("generateManifest() writes the original's form", async () => {
  const text = await textOf({ ...PLAN, count: 1, mix: { http: 1 }, withIntervention: 1 });
  assert.equal(
    text,
    `monitors:
  - name: "http-00000"
    pulse_check:
      type: http
      interval: 30s
      timeout: 1.5s
      max_failures: 2
      config:
        method: GET
        url: http://127.1.0.1:18080/health/0
        retries: 1
    intervention:
      action: webhook
      retries: 1
      config:
        url: http://127.0.0.1:18081/repair/0
    codes:
      red:
        dispatch: true
        notify: log
        config:
          file: cpra-alerts.log
      green:
        dispatch: true
        notify: log
        config:
          file: cpra-alerts.log
`,
  );
});

test("JSON and JSON lines say the same, and a host outside 127.0.0.0/8 gets all monitors", async () => {
  const plan = { ...PLAN, targets: { ...PLAN.targets, host: "fleet.test" }, withIntervention: 0.1 };
  const { monitors } = JSON.parse(await textOf({ ...plan, format: "json" })) as {
    monitors: { name: string }[];
  };
  const lines = (await textOf({ ...plan, format: "jsonl" })).trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), monitors);
  assert.equal(new Set(monitors.map((monitor) => monitor.name)).size, 1000);
  assert.ok(
    lines.filter((line) => line.includes('"http"')).every((line) =>
      line.includes("http://fleet.test:18080/health/")
    ),
  );
});

test("generateManifest() waits for its writer and never holds more than one chunk", async () => {
  let waiting = 0;
  const sizes: number[] = [];
  await generateManifest({ ...PLAN, count: 20_000 }, async (chunk) => {
    assert.equal(++waiting, 1, "a second chunk came before the first was taken");
    sizes.push(chunk.length);
    await new Promise((resolve) => setImmediate(resolve));
    waiting--;
  });
  const last = sizes.pop() as number;
  assert.ok(last > 0 && sizes.length > 10);
  assert.ok(sizes.every((size) => size >= 65_536 && size < 300_000), sizes.join(", "));
});

test("runGenerate() writes a file and says what is in it, or why it cannot", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cpra-generate-"));
  const said: string[] = [];
  const io = {
    out: () => assert.fail("nothing but the manifest goes to standard output"),
    err: (text: string) => said.push(text),
  };
  const out = join(folder, "monitors.jsonl");
  const options = {
    count: 10,
    mix: "http:1,tcp:1",
    intervalMs: 1000,
    timeoutMs: 500,
    host: "127.0.0.1",
    port: 80,
    seed: 3,
  };
  assert.equal(await runGenerate({ ...options, format: "jsonl", interventions: 0, out }, io), 0);
  assert.equal(readFileSync(out, "utf8").trimEnd().split("\n").length, 10);
  assert.match(said.pop() as string, /^10 monitors \(http 5, tcp 5, script 0\)/);
  const nowhere = join(folder, "missing", "file");
  assert.equal(await runGenerate({ ...options, format: "yaml", interventions: 0, out: nowhere }, io), 1);
  assert.match(said.pop() as string, /^Cannot write .*missing.file: ENOENT/);
  assert.equal(await runGenerate({ ...options, mix: "x:1", format: "yaml", interventions: 0, out }, io), 2);
  assert.match(said.pop() as string, /unknown kind "x"/);
  assert.equal(await runGenerate({ ...options, count: 0, format: "yaml", interventions: 0, out }, io), 2);
  rmSync(folder, { recursive: true });
});

test("what runGenerate() writes loads without a problem, in every format", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cpra-generate-"));
  const registries = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
  for (const format of GENERATED_FORMATS) {
    const out = join(folder, `monitors.${format}`);
    const plan = {
      mix: "http:2,tcp:1,script:1",
      intervalMs: 1000,
      timeoutMs: 500,
      host: "127.0.0.1",
      port: 80,
      seed: 3,
    };
    const io = { out: () => {}, err: () => {} };
    assert.equal(await runGenerate({ ...plan, count: 40, format, interventions: 0.5, out }, io), 0);
    const loaded = await loadManifests([out], { registries, env: {}, strict: true });
    assert.deepEqual(loaded.problems, [], format);
    const kinds = loaded.monitors.map((monitor) => monitor.probe.kind);
    assert.deepEqual(["http", "tcp", "script"].map((kind) => kinds.filter((each) => each === kind).length), [
      20,
      10,
      10,
    ]);
    assert.equal(loaded.monitors.filter((monitor) => monitor.remedy?.kind === "webhook").length, 20);
  }
  rmSync(folder, { recursive: true });
});
