import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, runBinary, RunningBinary, tempFolder } from "../support/binary.ts";

const ADDRESS = ["--pprof.addr", "localhost:0"];

function manifest(folder: string): string {
  const code = { notify: "log", config: { file: join(folder, "alerts.log") } };
  const pulse = { type: "tcp", interval: "200ms", config: { host: "127.0.0.1", port: 1 } };
  const file = join(folder, "m.json");
  writeFileSync(
    file,
    JSON.stringify([{ name: "dead", pulse_check: pulse, codes: { red: code, green: code } }]),
  );
  return file;
}

/** Checks that failed so far. */
function checksOf(metrics: string): number {
  return Number(/^cpra_checks_total\{.*tcp.*outcome="fail".*\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

test("two processes do not share a state directory: the second says who has it and exits 1", async () => {
  using folder = tempFolder();
  const state = ["--state", join(folder.path, "state")];
  await using first = new RunningBinary(["--yaml", manifest(folder.path), ...state, ...ADDRESS]);
  await first.logged(/Controller started successfully/);
  const second = runBinary(["--yaml", manifest(folder.path), ...state, ...ADDRESS]);
  assert.equal(second.code, 1, second.err);
  assert.match(second.err, new RegExp(`Cannot use the state directory .*process ${first.pid}.*--state DIR`));
});

test("a restart knows who is down: the incident goes on under its id, and nobody is told again", async () => {
  using folder = tempFolder();
  const args = ["--yaml", manifest(folder.path), "--state", join(folder.path, "state"), ...ADDRESS];
  const incident = async (cpra: RunningBinary) => {
    const { open } = await cpra.json<{ open: readonly { id: string }[] }>("/api/v1/incidents");
    return open[0]?.id;
  };
  await using first = new RunningBinary(args);
  const id = await eventually(() => incident(first), "an incident");
  // Trouble is told after 0.3 s, in which others may follow; until then there is nothing to go on with.
  const alertSent = await eventually(async () => {
    const text = await first.text("/metrics");
    return /^cpra_alerts_total\{.*outcome="sent".*\} 1$/m.test(text) ? checksOf(text) : undefined;
  }, "the alert is sent");
  // Killed in the same moment, before the journal has heard of it, it would be sent again.
  await eventually(
    async () => checksOf(await first.text("/metrics")) >= alertSent + 2 || undefined,
    "the journal has had its time",
  );
  await first.stop("SIGKILL");
  await using second = new RunningBinary(args);
  await second.logged(/Going on where the last run ended monitors=1 incidents=1/);
  assert.equal(await eventually(() => incident(second), "the same incident"), id);
  const metrics = await eventually(async () => {
    const text = await second.text("/metrics");
    return /^cpra_checks_total\{.*\} [3-9]$/m.test(text) ? text : undefined;
  }, "three checks");
  assert.match(metrics, /^cpra_incidents_open 1$/m);
  assert.match(metrics, /^cpra_incidents_total 0$/m);
  assert.match(metrics, /^cpra_alerts_unaccounted 0$/m);
  assert.match(metrics, /^cpra_journal_healthy 1$/m);
  assert.doesNotMatch(metrics, /^cpra_alerts_total\{.*\} [1-9]/m);
});

test("--state memory leaves nothing behind", async () => {
  using folder = tempFolder();
  await using cpra = new RunningBinary(
    ["--yaml", manifest(folder.path), "--state", "memory", ...ADDRESS],
    { cwd: folder.path, env: { STATE_DIRECTORY: join(folder.path, "state") } },
  );
  await cpra.logged(/a restart forgets/);
  await eventually(() => existsSync(join(folder.path, "alerts.log")) || undefined, "the alert");
  await cpra.stop();
  assert.deepEqual(readdirSync(folder.path).sort(), ["alerts.log", "m.json"]);
});
