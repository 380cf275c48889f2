import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { renderKinds } from "../../src/cli/kinds.ts";
import { runValidate, type ValidateRequest } from "../../src/cli/validate.ts";
import { FAKE_REGISTRIES } from "./fake_registries.ts";
import { type ManifestFolder, manifestFolder } from "./manifest_folder.ts";

async function validate(folder: ManifestFolder, request: Partial<ValidateRequest> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await runValidate({
    files: [join(folder.path, "a.yaml")],
    strict: false,
    lenient: false,
    output: "text",
    registries: FAKE_REGISTRIES,
    env: {},
    ...request,
  }, { out: (line) => out.push(line), err: (line) => err.push(line) });
  return { exitCode, out: out.join("\n").replaceAll(`${folder.path}/`, ""), err: err.join("\n") };
}

const GOOD = "- {name: a, pulse_check: {type: tcp, interval: 5s, config: {host: h, port: 1}}}\n";
const BAD = "- {name: b, pulse_check: {type: tcp, interval: 5s, config: {host: h, port: 0}}}\n";

test("validate: exit 0 when all is well, 1 with errors, 2 when the command line is wrong", async () => {
  using good = manifestFolder({ "a.yaml": GOOD });
  assert.deepEqual(await validate(good), {
    exitCode: 0,
    out: "1 file, 1 monitor, 0 errors, 0 warnings",
    err: "",
  });
  using bad = manifestFolder({ "a.yaml": GOOD + BAD });
  assert.equal((await validate(bad)).exitCode, 1);
  assert.equal((await validate(bad, { lenient: true })).exitCode, 0);
  const noFile = await validate(good, { files: [] });
  assert.deepEqual([noFile.exitCode, noFile.out], [2, ""]);
  const both = await validate(good, { strict: true, lenient: true });
  assert.deepEqual([both.exitCode, both.err], [2, "error: --strict and --lenient exclude each other"]);
});

test("validate --output json says the same as the text, for programs", async () => {
  using folder = manifestFolder({ "a.yaml": GOOD + BAD });
  const { exitCode, out } = await validate(folder, { output: "json" });
  assert.equal(exitCode, 1);
  assert.deepEqual(JSON.parse(out), {
    ok: false,
    files: ["a.yaml"],
    monitors: 1,
    errors: 1,
    warnings: 0,
    leftOut: { count: 0, monitors: [] },
    problems: [{
      file: "a.yaml",
      line: 2,
      column: 76,
      severity: "error",
      monitor: "b",
      path: "pulse_check.config.port",
      message: "found 0, expected at least 1",
    }],
    settingsFaults: [],
  });
});

test("long lists of monitors left out are shortened, their number is not", async () => {
  const bad = Array.from({ length: 5000 }, (_, index) => BAD.replace("name: b", `name: m${index}`));
  using folder = manifestFolder({ "a.yaml": GOOD + bad.join("") });
  const { out } = await validate(folder, { lenient: true });
  const lines = out.split("\n");
  assert.equal(lines.length, 103);
  assert.equal(lines[100], "… and 4900 more");
  assert.match(lines[101] ?? "", /^left out: 5000 monitors: m0, m1, .*m19, …$/);
  assert.equal(lines[102], "1 file, 1 monitor, 0 errors, 5000 warnings");
});

test("kinds lists every plug-in; with a name it shows fields, defaults and an example", () => {
  const all = renderKinds(FAKE_REGISTRIES);
  assert.equal(all.found, true);
  assert.equal(
    all.text,
    [
      "Checks (pulse_check.type)",
      "  http, https            a fake http",
      "  tcp                    a fake tcp",
      "  script, command, exec  a fake script",
      "",
      "Remedies (intervention.action)",
      "  docker  a fake docker",
      "",
      "Notifiers (codes.<color>.notify)",
      "  log, file  a fake log",
      "  console    a fake console",
      "  pagerduty  a fake pagerduty",
    ].join("\n"),
  );
  assert.equal(
    renderKinds(FAKE_REGISTRIES, "TCP").text,
    [
      "tcp: a fake tcp",
      "",
      "Configuration (pulse_check.type: tcp)",
      "  host  string (required)",
      "  port  integer 1 … 65535 (required)",
      "",
      "Example",
      "  monitors:",
      "    - name: db",
      "      pulse_check:",
      "        type: tcp",
      "        interval: 5s",
      "        tcp:",
      "          host: 127.0.0.1",
      "          port: 5432",
    ].join("\n"),
  );
  const http = renderKinds(FAKE_REGISTRIES, "https").text;
  assert.match(http, /method +"GET" \| "HEAD" .*\(default "GET"\)/);
  const unknown = renderKinds(FAKE_REGISTRIES, "dokcer");
  assert.equal(unknown.found, false);
  assert.match(unknown.text, /^unknown kind "dokcer"; did you mean "docker"\? Known: http, /);
});
