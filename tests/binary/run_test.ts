import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, RunningBinary, tempFolder } from "../support/binary.ts";
import { startWebhookSink } from "../../mock-servers/sink_webhook.ts";
import { startTargets } from "../../mock-servers/targets.ts";

const ADDRESS = ["--pprof.addr", "localhost:0"];

interface AlertLine {
  readonly color: string;
  readonly monitor: string;
  readonly incident: string;
  readonly key: string;
}

function alertLines(file: string): AlertLine[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map((line) =>
    JSON.parse(line) as AlertLine
  );
}

function colorsOf(file: string, monitor: string): string[] {
  return alertLines(file).filter((line) => line.monitor === monitor).map((line) => line.color);
}

test("from the manifest to the alert: a target dies and comes back, the log tells red and green once each", async () => {
  using folder = tempFolder();
  await using targets = await startTargets({
    ports: [0],
    count: 20,
    own: 2,
    ownPort: 0,
    control: 0,
    seed: 1,
  });
  const alerts = join(folder.path, "alerts.log");
  const code = { dispatch: true, notify: "log", config: { file: alerts } };
  const monitors = Array.from({ length: 22 }, (_, index) => ({
    name: `web-${index}`,
    pulse_check: {
      type: "http",
      interval: "500ms",
      timeout: "400ms",
      max_failures: 2,
      config: { url: targets.addressOf(index).url },
    },
    codes: { red: code, yellow: code, green: code },
  }));
  const manifest = join(folder.path, "monitors.json");
  writeFileSync(manifest, JSON.stringify({ monitors }));
  await using cpra = new RunningBinary(["--yaml", manifest, ...ADDRESS]);
  await cpra.logged(/Controller started successfully/);
  await eventually(
    async () => (await cpra.text("/metrics")).includes('cpra_monitors{state="up"} 22') || undefined,
    "all up",
  );
  await targets.set(21, { kind: "refused" });
  await eventually(() => colorsOf(alerts, "web-21").includes("red") || undefined, "red");
  const detail = await cpra.json<{ state: string; error: string }>("/api/v1/monitors/web-21");
  assert.equal(detail.state, "down");
  assert.match(detail.error, /refused/);
  await targets.set(21, { kind: "up" });
  await eventually(() => colorsOf(alerts, "web-21").includes("green") || undefined, "green");
  assert.deepEqual(colorsOf(alerts, "web-21"), ["yellow", "red", "green"]);
  assert.equal(new Set(alertLines(alerts).map((line) => line.monitor)).size, 1, "nobody else was told of");
  const end = await cpra.stop();
  assert.equal(end.code, 0, end.err);
  assert.match(end.err, /nothing was left undone/);
});

test("a repair by script: cyan after it, green after verification, one incident for all", async () => {
  using folder = tempFolder();
  const flag = join(folder.path, "healthy");
  const check = join(folder.path, "check.sh");
  const fix = join(folder.path, "fix.sh");
  const alerts = join(folder.path, "alerts.log");
  writeFileSync(
    check,
    `#!/bin/sh\n[ -f "$1" ] && echo "OK - there | age=1s" && exit 0\necho "CRITICAL - gone"\nexit 2\n`,
    { mode: 0o755 },
  );
  writeFileSync(fix, `#!/bin/sh\necho "fixing $CPRA_MONITOR"\ntouch "$1"\n`, { mode: 0o755 });
  const code = `{dispatch: true, notify: log, config: {file: ${alerts}}}`;
  writeFileSync(flag, "");
  writeFileSync(
    join(folder.path, "m.yaml"),
    `settings: {remediation: {hold: 0, cooldown: 0}}
monitors:
  - name: flag
    pulse_check: {type: script, interval: 300ms, max_failures: 2, verification: {checks: 2}, script: {path: ${check}, args: [${flag}]}}
    intervention: {action: script, config: {path: ${fix}, args: [${flag}]}}
    codes: {red: ${code}, yellow: ${code}, cyan: ${code}, green: ${code}}
`,
  );
  await using cpra = new RunningBinary(["--yaml", join(folder.path, "m.yaml"), ...ADDRESS]);
  await eventually(
    async () => (await cpra.text("/metrics")).includes('cpra_monitors{state="up"} 1') || undefined,
    "up",
  );
  renameSync(flag, `${flag}.away`);
  await eventually(() => colorsOf(alerts, "flag").includes("green") || undefined, "green");
  assert.deepEqual(colorsOf(alerts, "flag"), ["yellow", "cyan", "green"]);
  assert.equal(new Set(alertLines(alerts).map((line) => line.incident)).size, 1);
  assert.match(readFileSync(alerts, "utf8"), /CRITICAL - gone/);
  assert.match(readFileSync(alerts, "utf8"), /fixing flag/);
});

test("SIGTERM under load: exit code 0, checks and a slow alert finish, nothing is cut in half", async () => {
  using folder = tempFolder();
  await using targets = await startTargets({
    ports: [0],
    count: 500,
    own: 1,
    ownPort: 0,
    control: 0,
    seed: 1,
  });
  await using sink = await startWebhookSink();
  sink.setFault({ kind: "slow", delayMs: 1500 });
  const monitors = Array.from({ length: 501 }, (_, index) => ({
    name: `web-${index}`,
    pulse_check: {
      type: "http",
      interval: "1s",
      timeout: "500ms",
      config: { url: targets.addressOf(index).url },
    },
    codes: { red: { dispatch: true, notify: "webhook", config: { url: sink.url } } },
  }));
  writeFileSync(join(folder.path, "m.json"), JSON.stringify(monitors));
  await using cpra = new RunningBinary(["--yaml", join(folder.path, "m.json"), ...ADDRESS]);
  await eventually(
    async () => (await cpra.text("/metrics")).includes('cpra_monitors{state="up"} 501') || undefined,
    "all up",
  );
  await targets.set(500, { kind: "refused" });
  await eventually(() => sink.requests.length > 0 || undefined, "the alert is under way");
  const end = await cpra.stop();
  assert.equal(end.code, 0, end.err);
  assert.match(end.err, /nothing was left undone/);
  assert.match(end.err, /alerts_sent=1/);
  assert.ok(end.ms < 30_000);
});

test("a second signal ends it at once", async () => {
  using folder = tempFolder();
  const manifest =
    "- name: sleeper\n  pulse: {type: script, interval: 60s, timeout: 60s, script: {command: [sleep, '60']}}\n";
  writeFileSync(join(folder.path, "m.yaml"), manifest.replace("60s, timeout", "1s, timeout"));
  await using cpra = new RunningBinary(["--yaml", join(folder.path, "m.yaml"), ...ADDRESS]);
  await eventually(
    async () => /cpra_busy\{pipeline="hosted"\} 1/.test(await cpra.text("/metrics")) || undefined,
    "busy",
  );
  cpra.kill("SIGTERM");
  await cpra.logged(/Stopping/);
  const end = await cpra.stop("SIGINT");
  assert.equal(end.code, 130);
});

test("an address in use is a clear error and exit code 1", async () => {
  using folder = tempFolder();
  writeFileSync(
    join(folder.path, "m.yaml"),
    "- name: a\n  pulse: {type: tcp, interval: 1s, tcp: {host: localhost, port: 80}}\n",
  );
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await using cpra = new RunningBinary([
      "--yaml",
      join(folder.path, "m.yaml"),
      "--pprof.addr",
      `127.0.0.1:${port}`,
    ]);
    const end = await cpra.ended;
    assert.equal(end.code, 1);
    assert.match(end.err, new RegExp(`127\\.0\\.0\\.1:${port}`));
    assert.match(end.err, /--pprof\.addr/);
  } finally {
    server.close();
  }
});

test("a public address without a token is refused", async () => {
  using folder = tempFolder();
  writeFileSync(
    join(folder.path, "m.yaml"),
    "- name: a\n  pulse: {type: tcp, interval: 1s, tcp: {host: localhost, port: 80}}\n",
  );
  await using cpra = new RunningBinary(["--yaml", join(folder.path, "m.yaml"), "--pprof.addr", "0.0.0.0:0"]);
  const end = await cpra.ended;
  assert.equal(end.code, 1);
  assert.match(end.err, /token/);
});

test("SIGUSR1 reopens the alert log after it was moved away", async () => {
  using folder = tempFolder();
  await using targets = await startTargets({ ports: [0], count: 1, own: 1, ownPort: 0, control: 0, seed: 1 });
  const alerts = join(folder.path, "alerts.log");
  const code = { dispatch: true, notify: "log", config: { file: alerts } };
  const monitor = {
    name: "web",
    "pulse_check": {
      type: "http",
      interval: "200ms",
      healthy_threshold: 1,
      config: { url: targets.addressOf(1).url },
    },
    codes: { red: code, green: code },
  };
  writeFileSync(join(folder.path, "m.json"), JSON.stringify([monitor]));
  await using cpra = new RunningBinary(["--yaml", join(folder.path, "m.json"), ...ADDRESS]);
  await cpra.logged(/Controller started successfully/);
  await targets.set(1, { kind: "refused" });
  await eventually(() => colorsOf(alerts, "web").includes("red") || undefined, "red");
  renameSync(alerts, `${alerts}.1`);
  cpra.kill("SIGUSR1");
  await cpra.logged(/Reopening log files/);
  await targets.set(1, { kind: "up" });
  await eventually(() => colorsOf(alerts, "web").includes("green") || undefined, "green in the new file");
  assert.deepEqual(colorsOf(`${alerts}.1`, "web"), ["red"]);
});

test("the demo runs, fails and repairs, and ends by itself", async () => {
  await using cpra = new RunningBinary([
    "demo",
    "--monitors",
    "300",
    "--duration",
    "20s",
    "--listen",
    "localhost:0",
  ]);
  const end = await cpra.ended;
  assert.equal(end.code, 0, end.err);
  assert.match(end.out, /up 29\d|up 300/);
  assert.match(end.out, /checks\/s/);
  assert.match(end.out, /nothing was left undone/);
});
