import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import Ajv2020 from "ajv/dist/2020.js";
import { load } from "js-yaml";
import { manifestJsonSchema } from "../../src/cli/schema.ts";
import { loadManifests } from "../../src/manifest/load.ts";
import { renderProblems } from "../../src/manifest/problem.ts";
import type { Registries } from "../../src/model/plugin.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import type { AnyProbe } from "../../src/model/plugin.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";
import { loadText } from "./manifest_folder.ts";

const REGISTRIES: Registries = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
const SAMPLES = fileURLToPath(new URL("../../mock-servers/manifests/", import.meta.url));
const BAD = fileURLToPath(new URL("../testdata/manifests/bad/", import.meta.url));

const validate = validator(REGISTRIES);
const validateFake = validator(FAKE_REGISTRIES);

function validator(registries: Registries) {
  const ajv = new Ajv2020.default({ strict: false, allErrors: true, validateFormats: false });
  return ajv.compile(manifestJsonSchema(registries));
}

/** Documents as an editor sees them. */
function documentsOf(path: string): unknown[] {
  const text = readFileSync(path, "utf8");
  if (path.endsWith(".jsonl")) return text.trim().split("\n").map((line) => [JSON.parse(line)]);
  if (path.endsWith(".json")) return [JSON.parse(text)];
  return text.split(/^---$/m).map((part) => load(part));
}

for (const name of readdirSync(SAMPLES)) {
  test(`the sample manifest ${name} loads with the real plug-ins, and its JSON Schema agrees`, async () => {
    const loaded = await loadManifests([`${SAMPLES}${name}`], { registries: REGISTRIES, env: {} });
    assert.equal(loaded.errorCount, 0, renderProblems(loaded).join("\n"));
    assert.ok(loaded.monitorCount > 0);
    // The documented form has no routing key: it loads, and says that nothing can be sent.
    assert.equal(
      loaded.warningCount,
      name === "original_example.yaml" ? 1 : 0,
      renderProblems(loaded).join("\n"),
    );
    for (const document of documentsOf(`${SAMPLES}${name}`)) {
      assert.ok(validate(document), JSON.stringify(validate.errors, null, 1));
    }
  });
}

/** The monitors that an example looks at, which have to be there too. */
function watchedBy(plugin: AnyProbe | object, document: unknown): readonly string[] {
  if (!("judge" in plugin) || plugin.judge === undefined) return [];
  const { monitors: [monitor] } = document as { monitors: [{ ["pulse_check"]: { config: unknown } }] };
  return plugin.watches(plugin.split(plugin.schema.parse(monitor.pulse_check.config)).shared);
}

for (const plugin of [...PROBES, ...REMEDIES, ...NOTIFIERS]) {
  test(`the example of ${plugin.kind} (${plugin.summary.slice(0, 30)}) loads, and its JSON Schema agrees`, async () => {
    const example = `monitors:\n  - ${plugin.example.trimEnd().replaceAll("\n", "\n    ")}\n`;
    const others = watchedBy(plugin, load(example));
    const check = "pulse_check: {type: tcp, interval: 30s, config: {host: a.example.com, port: 80}}";
    const text = example + others.map((name) => `  - {name: ${name}, ${check}}\n`).join("");
    const loaded = await loadText(text, { registries: REGISTRIES });
    assert.equal(loaded.monitorCount, 1 + others.length);
    assert.ok(validate(load(text)), JSON.stringify(validate.errors, null, 1));
  });
}

test("what the JSON Schema can know it refuses: shapes, keys, words, limits", () => {
  const refused = [
    "block_of_other_type.yaml",
    "check_missing.yaml",
    "check_not_mapping.yaml",
    "check_twice.yaml",
    "color_unknown.yaml",
    "config_missing_key.yaml",
    "config_unknown_key.yaml",
    "defaults_faults.yaml",
    "interval_missing.yaml",
    "intervention_empty_container.yaml",
    "labels.yaml",
    "monitors_mapping.yaml",
    "name_missing.yaml",
    "notify_groups.yaml",
    "root_scalar.yaml",
    "root_unknown_key.yaml",
    "settings.yaml",
    "template_faults.yaml",
    "thresholds.yaml",
    "type_missing.yaml",
    "type_unknown.yaml",
  ];
  for (const name of refused) {
    const documents = documentsOf(`${BAD}${name}`);
    assert.ok(documents.some((document) => !validateFake(document)), `${name} passes the JSON Schema`);
  }
});

test("variables, secret files, null and inherited parts pass the JSON Schema", () => {
  const passing = [
    '- {name: a, enabled: "${ON}", pulse_check: {type: tcp, interval: "${I}", config: {host: "${H}", port: "${P}"}}}',
    "- {name: a, pulse_check: {type: http, interval: 1s, config: {url_file: /run/url, retries: 2}}, codes: {Red: {notify: pagerduty, config: {routing_key_file: /run/key}}}}",
    "defaults: {pulse_check: {interval: 5s}}\nmonitors: [{name: a, pulse_check: {type: tcp, config: {host: h, port: 1}}}]",
    "templates: {t: {pulse_check: {type: tcp, interval: 5s}}}\nmonitors: [{name: a, template: t, pulse_check: {config: {port: 1}}}]",
    "monitors:\ncodes: 1\n".replace("codes: 1\n", ""),
    "x-free: {any: thing}\nmonitors: []",
  ];
  for (const text of passing) {
    assert.ok(validateFake(load(text)), `${text}\n${JSON.stringify(validateFake.errors, null, 1)}`);
  }
});
