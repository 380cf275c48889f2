import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, runBinary, RunningBinary, tempFolder } from "../support/binary.ts";

const ADDRESS = ["--pprof.addr", "localhost:0"];

/** A monitor that is down until its repair has run; the repair leaves a mark. */
function manifestIn(folder: string, settings: string): { readonly file: string; readonly flag: string } {
  const flag = join(folder, "healthy");
  const [check, fix] = [join(folder, "check.sh"), join(folder, "fix.sh")];
  writeFileSync(check, `#!/bin/sh\n[ -f "$1" ]\n`, { mode: 0o755 });
  writeFileSync(fix, `#!/bin/sh\ntouch "$1"\n`, { mode: 0o755 });
  const file = join(folder, "m.yaml");
  const red = `{dispatch: true, notify: log, config: {file: ${join(folder, "alerts.log")}}}`;
  writeFileSync(
    file,
    `settings: {remediation: {hold: 0${settings}}}
monitors:
  - name: flag
    pulse_check: {type: script, interval: 300ms, verification: {checks: 1}, script: {path: ${check}, args: [${flag}]}}
    intervention: {action: script, config: {path: ${fix}, args: [${flag}]}}
    codes: {red: ${red}}
`,
  );
  return { file, flag };
}

test("a dry run says what it would do and leaves everything as it is", async () => {
  using folder = tempFolder();
  const { file, flag } = manifestIn(folder.path, "");
  await using cpra = new RunningBinary(["--yaml", file, "--dry-run", ...ADDRESS]);
  await cpra.logged(/Dry run: a repair would run now monitor=flag repair="run .*fix\.sh"/);
  await cpra.logged(/Audit event=dry_run monitor=flag/);
  assert.match(
    await cpra.text("/metrics"),
    /cpra_interventions_total\{action="script",outcome="dry_run"\} 1/,
  );
  await eventually(() => existsSync(join(folder.path, "alerts.log")) || undefined, "red");
  assert.match(readFileSync(join(folder.path, "alerts.log"), "utf8"), /dry run/);
  await cpra.stop();
  assert.equal(existsSync(flag), false);
});

test("cpra freeze holds repairs back over a restart, cpra unfreeze lets them go on within a second", async () => {
  using folder = tempFolder();
  const { file, flag } = manifestIn(folder.path, "");
  const freeze = ["--freeze-file", join(folder.path, "state", "freeze")];
  assert.equal(runBinary(["freeze", ...freeze, "--reason", "move"]).code, 0);
  for (const start of ["first", "second"]) {
    await using cpra = new RunningBinary(["--yaml", file, ...freeze, ...ADDRESS]);
    await cpra.logged(/Repair held back monitor=flag reason=frozen/);
    assert.match(await cpra.text("/metrics"), /cpra_remediation_frozen 1/, start);
    const status = await cpra.json<{ protection: { frozen: boolean } }>("/api/v1/status");
    assert.equal(status.protection.frozen, true);
    if (start === "first") continue;
    assert.equal(existsSync(flag), false);
    assert.equal(runBinary(["unfreeze", ...freeze]).code, 0);
    const releasedMs = performance.now();
    await eventually(() => existsSync(flag) || undefined, "repaired");
    assert.ok(performance.now() - releasedMs < 3000, "acts within a second, and a check");
    await cpra.logged(/Audit .*event=ended .*result=.*done/);
  }
});

test("the canary of loopback passes, and is no monitor", async () => {
  using folder = tempFolder();
  const { file } = manifestIn(folder.path, "");
  await using cpra = new RunningBinary(["--yaml", file, ...ADDRESS]);
  await eventually(
    async () => (await cpra.text("/metrics")).includes('cpra_canary{canary="loopback"} 1') || undefined,
    "loopback",
  );
  const status = await cpra.json<{ monitors: { total: number } }>("/api/v1/status");
  assert.equal(status.monitors.total, 1);
});
