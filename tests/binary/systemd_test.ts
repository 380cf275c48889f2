/** The executable as a unit of a real systemd: start, status, reload, watchdog, stop; and the shipped unit's own limits. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { buildBinary, eventually } from "../support/binary.ts";
import { startSystemd, systemdMissing } from "../support/systemd_instance.ts";

const missing = systemdMissing();
const SHIPPED = new URL("../../packaging/cpra.service", import.meta.url).pathname;
const TOKEN = "the-token-of-the-tests";

const manifest = (names: readonly string[]) =>
  JSON.stringify({
    settings: { token: TOKEN },
    monitors: names.map((name) => ({
      name,
      pulse_check: { type: "tcp", interval: "1s", timeout: "500ms", config: { host: "127.0.0.1", port: 9 } },
    })),
  });

/** Asks the instance without holding up this thread. */
function systemctl(
  folder: string,
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string }> {
  const env = { PATH: "/usr/bin:/bin", XDG_RUNTIME_DIR: folder, HOME: folder };
  return new Promise((resolve) => {
    execFile("systemctl", ["--user", ...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, out: stdout + stderr });
    });
  });
}

async function show(folder: string, unit: string): Promise<Record<string, string>> {
  const names = "ActiveState,SubState,StatusText,MainPID,NRestarts,Result,ExecMainStatus,ExecMainCode";
  const { out } = await systemctl(folder, "show", unit, "-p", names);
  return Object.fromEntries(
    out.split("\n").filter((line) => line.includes("=")).map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

const unitOf = (extra: string) =>
  `[Service]
Type=notify
NotifyAccess=main
ExecStart=${buildBinary()} --yaml {folder}/monitors.json --state {folder}/state --pprof.addr localhost:0
ExecReload=kill -HUP $MAINPID
Restart=always
RestartSec=100ms
TimeoutStopSec=45
${extra}`;

/** The shipped unit, but for what only the system's own manager can do, and for its places. */
function shippedUnit(): string {
  const notHere =
    /^(DynamicUser|StateDirectory|StateDirectoryMode|AmbientCapabilities|CapabilityBoundingSet|WantedBy|After|Wants|IPAddressAllow|Protect\w+|Private\w+|ProcSubset|RemoveIPC|KeyringMode)=/;
  return readFileSync(SHIPPED, "utf8").split("\n").filter((line) => !notHere.test(line)).join("\n")
    .replace(
      /^ExecStart=.*$/m,
      `ExecStart=${buildBinary()} --yaml {folder}/monitors.json --state {folder}/state2 --pprof.addr localhost:0`,
    );
}

test("under systemd: start and reload are told, a process that stands still is replaced, a stop drains", {
  skip: missing ?? false,
}, async () => {
  const unit = "cpra-test.service";
  await using systemd = await startSystemd({
    [unit]: unitOf("WatchdogSec=2\n"),
    "cpra-shipped.service": shippedUnit(),
  });
  const { folder } = systemd;
  const file = join(folder, "monitors.json");
  writeFileSync(file, manifest(["a", "b"]));
  const started = await systemctl(folder, "start", unit);
  assert.equal(started.code, 0, `${started.out}\n${readFileSync(join(folder, "log"), "utf8").slice(-3000)}`);
  const first = await show(folder, unit);
  assert.deepEqual([first["ActiveState"], first["SubState"]], ["active", "running"]);
  assert.match(first["StatusText"] ?? "", /2 monitors/);

  writeFileSync(file, manifest(["a", "b", "c"]));
  assert.equal((await systemctl(folder, "reload", unit)).code, 0);
  await eventually(
    async () => /3 monitors/.test((await show(folder, unit))["StatusText"] ?? "") || undefined,
    "c is there",
  );

  // Fed for longer than the watchdog's time, by the engine alone.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const fed = await show(folder, unit);
  assert.deepEqual([fed["MainPID"], fed["NRestarts"]], [first["MainPID"], "0"]);
  process.kill(Number(fed["MainPID"]), "SIGSTOP");
  const replaced = await eventually(
    async () => {
      const now = await show(folder, unit);
      return now["NRestarts"] === "1" && now["SubState"] === "running" ? now : undefined;
    },
    "the watchdog replaces it",
    30_000,
  );
  assert.notEqual(replaced["MainPID"], first["MainPID"]);

  assert.equal((await systemctl(folder, "stop", unit)).code, 0);
  const ended = await show(folder, unit);
  assert.deepEqual([ended["ActiveState"], ended["Result"], ended["ExecMainStatus"]], [
    "inactive",
    "success",
    "0",
  ]);

  // The shipped unit's system calls, address families and limits are enough to start, check and stop.
  const shipped = await systemctl(folder, "start", "cpra-shipped.service");
  const said = () => readFileSync(join(folder, "log"), "utf8").slice(-3000);
  assert.equal(shipped.code, 0, `${shipped.out}\n${said()}`);
  await eventually(async () => {
    return /3 monitors, 3 incidents/.test((await show(folder, "cpra-shipped.service"))["StatusText"] ?? "") ||
      undefined;
  }, "it checks");
  assert.equal((await systemctl(folder, "stop", "cpra-shipped.service")).code, 0);
  const last = await show(folder, "cpra-shipped.service");
  assert.deepEqual([last["Result"], last["ExecMainStatus"]], ["success", "0"], said());
});

test("the shipped unit is valid and well locked up: systemd-analyze security gives at most 2.0", {
  skip: missing ?? false,
}, () => {
  const { stdout } = spawnSync("systemd-analyze", ["security", "--offline=true", SHIPPED], {
    encoding: "utf8",
  });
  const level = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
  assert.ok(level <= 2.0, `exposure ${level}\n${stdout}`);
  assert.doesNotMatch(readFileSync(SHIPPED, "utf8"), /^MemoryDenyWriteExecute=yes/m);
  const verified = spawnSync("systemd-analyze", ["verify", SHIPPED], { encoding: "utf8" });
  const complaints = verified.stderr.split("\n").filter((line) =>
    line.includes("cpra.service") && !/is not executable|not found|No such file/.test(line)
  );
  assert.deepEqual(complaints, []);
});
