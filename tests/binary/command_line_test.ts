import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runBinary, tempFolder } from "../support/binary.ts";

const VERSION = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  .version as string;

test("--version and --help answer on standard output with exit code 0", () => {
  assert.deepEqual([runBinary(["--version"]).out.trim(), runBinary(["--version"]).code], [VERSION, 0]);
  const help = runBinary(["--help"]);
  assert.equal(help.code, 0);
  for (const verb of ["run", "validate", "plan", "schema", "kinds", "generate", "mock", "demo"]) {
    assert.match(help.out, new RegExp(`^  ${verb} `, "m"));
  }
});

test("a wrong flag is exit code 2 with a suggestion", () => {
  const { code, err } = runBinary(["--yml", "x.yaml"]);
  assert.equal(code, 2);
  assert.match(err, /unknown option '--yml'/);
  assert.match(err, /--yaml/);
});

test("a wrong command is exit code 2 with a suggestion", () => {
  const { code, err } = runBinary(["validat", "x.yaml"]);
  assert.equal(code, 2);
  assert.match(err, /unknown command 'validat' \(did you mean 'validate'\?\)/);
});

test("a wrong value names the flag, the value and what is allowed", () => {
  for (
    const args of [["--pprof=maybe"], ["--duration", "soon"], ["--log-format", "xml"], [
      "--pprof.addr",
      "6060",
    ]]
  ) {
    const { code, err } = runBinary(["--yaml", "x.yaml", ...args]);
    assert.equal(code, 2, `${args}: ${err}`);
    assert.match(err, new RegExp(String(args[0]).split("=")[0] as string));
  }
});

test("no manifest is exit code 2, a missing one exit code 1, and --allow-missing starts without monitors", () => {
  assert.equal(runBinary([]).code, 2);
  const missing = runBinary(["--yaml", "/nowhere/monitors.yaml", "--pprof.addr", "localhost:0"]);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /\/nowhere\/monitors\.yaml/);
  const allowed = runBinary([
    "--yaml",
    "/nowhere/monitors.yaml",
    "--allow-missing",
    "--pprof.addr",
    "localhost:0",
    "--duration",
    "500ms",
  ]);
  assert.equal(allowed.code, 0, allowed.err);
  assert.match(
    allowed.err,
    /YAML file \/nowhere\/monitors\.yaml not found, starting without loading monitors/,
  );
});

test("a bad manifest is exit code 1 and names file, line, column, monitor and path", () => {
  using folder = tempFolder();
  const file = join(folder.path, "bad.yaml");
  writeFileSync(file, "monitors:\n  - name: web\n    pulse_check:\n      type: htp\n      interval: 5s\n");
  for (const args of [["validate", file], ["--yaml", file, "--pprof.addr", "localhost:0"]]) {
    const { code, err, out } = runBinary(args);
    assert.equal(code, 1);
    assert.match(`${out}${err}`, /bad\.yaml:4:\d+: error: monitor "web": pulse_check\.type: .*"htp".*http/);
  }
});

test("validate reads standard input and answers in JSON when asked", () => {
  const manifest = "- name: web\n  pulse: {type: tcp, interval: 1s, tcp: {host: localhost, port: 80}}\n";
  const { code, out } = runBinary(["validate", "-", "--output", "json"], { input: manifest });
  assert.equal(code, 0, out);
  assert.equal(JSON.parse(out).ok, true);
});

test("generate, validate and plan agree on a generated manifest", () => {
  using folder = tempFolder();
  const file = join(folder.path, "fleet.yaml");
  assert.equal(runBinary(["generate", "--count", "500", "--interval", "5s", "--out", file]).code, 0);
  assert.equal(runBinary(["validate", file]).code, 0);
  const plan = runBinary(["plan", file]);
  assert.equal(plan.code, 0, plan.err);
  assert.match(plan.out, /^pulse +90 /m);
  assert.match(plan.out, /^hosted +10 /m);
});

test("plan refuses what cannot be met and says which limit", () => {
  using folder = tempFolder();
  const file = join(folder.path, "heavy.yaml");
  const settings = "settings:\n  max_slots: 1\n  sizing_service_time: 1s\n";
  writeFileSync(file, `${settings}monitors:\n${monitors(50)}`);
  const { code, out, err } = runBinary(["plan", file]);
  assert.equal(code, 1);
  assert.match(`${out}${err}`, /max_slots/);
});

function monitors(count: number): string {
  return Array.from(
    { length: count },
    (_, index) =>
      `  - name: web-${index}\n    pulse: {type: tcp, interval: 1s, tcp: {host: localhost, port: 80}}\n`,
  ).join("");
}

test("schema prints JSON, kinds lists every kind and explains one", () => {
  assert.equal(typeof JSON.parse(runBinary(["schema"]).out).$schema, "string");
  const { out } = runBinary(["kinds"]);
  for (const kind of ["http", "tcp", "script", "docker", "webhook", "log", "console", "pagerduty", "slack"]) {
    assert.match(out, new RegExp(`\\b${kind}\\b`));
  }
  assert.match(runBinary(["kinds", "http"]).out, /expected_status/);
  assert.notEqual(runBinary(["kinds", "htp"]).code, 0);
});

test("no secret of the environment shows in an error", () => {
  const manifest =
    '- name: web\n  pulse: {type: http, interval: 1s, http: {url: "${SECRET_URL}", colour: 1}}\n';
  const secret = "http://u:hunter2hunter2@nowhere:99999/";
  const { code, out, err } = runBinary(["validate", "-"], { input: manifest, env: { SECRET_URL: secret } });
  assert.equal(code, 1);
  assert.doesNotMatch(`${out}${err}`, /hunter2/);
});
