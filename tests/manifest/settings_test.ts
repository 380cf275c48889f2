import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadSettingsFile } from "../../src/manifest/load_settings.ts";
import { renderProblems } from "../../src/manifest/problem.ts";
import { resolveSettings } from "../../src/manifest/settings.ts";
import { loadText, manifestFolder } from "./manifest_folder.ts";

test("settings have every default, bounded by the cores", () => {
  const { settings, faults } = resolveSettings([], { cores: 8 });
  assert.deepEqual(faults, []);
  assert.deepEqual(settings.pipelines.pulse, {
    minWorkers: 1,
    maxWorkers: 8,
    minSlots: 64,
    maxSlots: 4096,
    queue: "ring",
    queueCapacity: 16_384,
    batchSize: 2000,
    sizingServiceTimeMs: null,
    sizingSloMs: 100,
    sizingHeadroomPct: 0.15,
  });
  assert.deepEqual([settings.pipelines.code.queue, settings.pipelines.intervention.maxWorkers], [
    "hybrid",
    2,
  ]);
  assert.deepEqual([settings.pprof, settings.pprofAddr, settings.listen, settings.token], [
    true,
    "localhost:6060",
    null,
    null,
  ]);
  assert.deepEqual([settings.maxMonitors, settings.logLevel, settings.shutdownTimeoutMs], [
    2_097_152,
    "info",
    30_000,
  ]);
});

test("later sources win key by key; a pipeline's block wins over the top of its own source only", () => {
  const { settings } = resolveSettings([
    { sizing_slo: 200, batch_size: 10, pulse: { sizing_slo: 50, queue_capacity: 32 } },
    { batch_size: 20, code: { batch_size: 30 } },
    { sizing_slo: 300, debug: true },
  ], { cores: 2 });
  const { pulse, code, intervention } = settings.pipelines;
  assert.deepEqual([pulse.sizingSloMs, code.sizingSloMs], [300, 300]);
  assert.deepEqual([pulse.batchSize, code.batchSize, intervention.batchSize], [20, 30, 20]);
  assert.deepEqual([pulse.queueCapacity, settings.logLevel], [32, "debug"]);
});

test("a bound that nobody set gives way; bounds against each other are a fault", () => {
  const given = resolveSettings([{ min_workers: 10, max_slots: 1 }], { cores: 2 });
  assert.deepEqual(given.faults, []);
  assert.deepEqual([given.settings.pipelines.pulse.maxWorkers, given.settings.pipelines.pulse.minSlots], [
    10,
    1,
  ]);
  const crossed = resolveSettings([{ min_workers: 10 }, { pulse: { max_workers: 4 } }], { cores: 2 });
  assert.deepEqual(crossed.faults, ["pulse: min_workers 10 is more than max_workers 4"]);
});

test("the settings of a manifest come out of its load", async () => {
  const { settings } = await loadText(
    `
settings: {sizing_slo: 250ms, pulse: {min_workers: "\${N}"}}
monitors:
  - {name: a, pulse_check: {type: tcp, interval: 1s, config: {host: h, port: 1}}}
`,
    { env: { N: "3" } },
  );
  assert.deepEqual(settings, { sizing_slo: 250, pulse: { min_workers: 3 } });
});

test("the file of --config is YAML or JSON, with or without settings: above, and its token may come from a file", async () => {
  using folder = manifestFolder({
    "a.yaml": "queue_capacity: 131072\nbatch_size: 2000\nsizing_service_time: 20ms\ntoken_file: token\n",
    "b.json": '{"settings": {"min_workers": 10, "max_workers": 500}}',
    "empty.yaml": "# nothing\n",
    "bad.yaml": "queue_capacity: 1000\ntoken_file: short\nsiging_slo: 1s\n",
    "token": "0123456789abcdef\n",
    "short": "hunter2",
  });
  const load = (name: string) => loadSettingsFile(join(folder.path, name), { env: {} });
  assert.deepEqual((await load("a.yaml")).layer, {
    queue_capacity: 131_072,
    batch_size: 2000,
    sizing_service_time: 20,
    token: "0123456789abcdef",
  });
  assert.deepEqual((await load("b.json")).layer, { min_workers: 10, max_workers: 500 });
  assert.deepEqual((await load("empty.yaml")).layer, {});
  const bad = await load("bad.yaml");
  const lines = renderProblems(bad).map((line) => line.replace(`${folder.path}/`, ""));
  assert.deepEqual(bad.layer, {});
  assert.equal(
    lines[0],
    "bad.yaml:1:17: error: queue_capacity: found 1000, expected a power of two, such as 16384",
  );
  assert.ok(
    lines.some((line) =>
      line.includes("token_file: found the content of token_file, expected at least 16 characters")
    ),
  );
  assert.ok(lines.some((line) => line.includes('unknown key "siging_slo"; did you mean "sizing_slo"?')));
  assert.ok(!lines.join().includes("hunter2"));
  assert.match(
    renderProblems(await load("none.yaml")).join(),
    /none\.yaml: error: cannot read: it does not exist/,
  );
});
