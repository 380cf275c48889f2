/** Debian's monitoring plugins, unmodified, against real targets: exit codes, first lines and performance data as they are. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SCRIPT } from "../../src/probes/script.ts";
import { makeCertificates } from "../net/certificates.ts";
import { listen } from "../net/sockets.ts";
import { EXIM, startExim } from "../support/exim.ts";
import { freePort, missing, serviceFolder, startService } from "../support/service.ts";
import { startSshd } from "../support/sshd.ts";
import { check, verdict } from "./check.ts";

const PLUGINS = "/usr/lib/nagios/plugins";
const host = "127.0.0.1";
const skip = missing({
  [`${PLUGINS}/check_http`]: "monitoring-plugins-basic",
  "/usr/sbin/sshd": "openssh-server",
  "/usr/bin/redis-server": "redis-server",
  ...EXIM,
}) ?? false;

interface Run {
  readonly argv: readonly [plugin: string, ...args: readonly string[]];
  /** Default: it passes. */
  readonly wanted?: string;
  /** What people read. */
  readonly text: RegExp;
  /** Labels and units of its performance data, in order. */
  readonly perfdata: readonly string[];
}

async function runPlugins(runs: readonly Run[]): Promise<void> {
  for (const { argv: [plugin, ...args], wanted, text, perfdata } of runs) {
    const result = await check(SCRIPT, { path: join(PLUGINS, plugin), args }, { timeoutMs: 20_000 });
    const shown = `${plugin} ${args.join(" ")}: ${JSON.stringify(result)}`;
    assert.equal(verdict(result), wanted ?? "pass none 0", shown);
    assert.match(result.text ?? "", text, shown);
    assert.deepEqual(
      (result.perfdata ?? []).map(({ label, unit }) => `${label} ${unit}`.trim()),
      perfdata,
      shown,
    );
    for (const { value } of result.perfdata ?? []) assert.ok(Number.isFinite(value), shown);
  }
}

test("plugins that look at services: HTTP, TCP, UDP, SSH, SMTP, ping", { skip }, async () => {
  using certificates = makeCertificates();
  await using web = await listen(createServer((_request, response) => response.end("all is well\n")), host);
  const [redisPort, closed] = [await freePort(), await freePort()];
  const redisFolder = serviceFolder("redis");
  await using _redis = await startService({
    argv: [
      "/usr/bin/redis-server",
      "--port",
      `${redisPort}`,
      "--bind",
      host,
      "--save",
      "",
      "--dir",
      redisFolder,
    ],
    folder: redisFolder,
    port: redisPort,
  });
  const echo = createSocket("udp4");
  echo.on("message", (message, from) => echo.send(message, from.port, from.address));
  await new Promise<void>((resolve) => echo.bind(0, host, resolve));
  using _echo = { [Symbol.dispose]: () => void echo.close() };
  await using sshd = await startSshd();
  const { service: mail } = await startExim(certificates.good);
  await using _mail = mail;
  const http = ["-I", host, "-p", `${web.port}`];
  await runPlugins([
    { argv: ["check_http", ...http, "-s", "all is well"], text: /^HTTP OK/, perfdata: ["time s", "size B"] },
    {
      argv: ["check_http", ...http, "-s", "nothing"],
      wanted: "fail exit_code 2",
      text: /^HTTP CRITICAL.* string 'nothing' not found/,
      perfdata: ["time s", "size B"],
    },
    {
      argv: ["check_http", "-I", host, "-p", `${closed}`],
      wanted: "fail exit_code 2",
      text: /Connection refused/,
      perfdata: [],
    },
    {
      argv: ["check_tcp", "-H", host, "-p", `${redisPort}`, "-E", "-s", "PING\\r\\n", "-e", "+PONG"],
      text: /^TCP OK.*\+PONG/,
      perfdata: ["time s"],
    },
    {
      argv: ["check_udp", "-H", host, "-p", `${echo.address().port}`, "-s", "ping", "-e", "ping"],
      text: /^UDP OK/,
      perfdata: ["time s"],
    },
    { argv: ["check_ssh", "-p", `${sshd.port}`, host], text: /^SSH OK - OpenSSH_/, perfdata: ["time s"] },
    { argv: ["check_smtp", "-H", host, "-p", `${mail.port}`], text: /^SMTP OK/, perfdata: ["time s"] },
    {
      argv: ["check_ping", "-H", host, "-w", "500,50%", "-c", "900,90%", "-p", "1"],
      text: /^PING OK - Packet loss = 0%/,
      perfdata: ["rta ms", "pl %"],
    },
    {
      argv: ["check_icmp", "-H", host, "-n", "1"],
      text: /rta \d/,
      perfdata: ["rta ms", "pl %", "rtmax ms", "rtmin ms"],
    },
    {
      argv: ["check_ntp_time", "-H", host, "-t", "1"],
      wanted: "fail exit_code 2",
      text: /NTP server|NTP CRITICAL|timed out/,
      perfdata: [],
    },
  ]);
});

test("plugins that look at this machine: load, disks, processes, files, and those that judge others", {
  skip,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "cpra-plugins-"));
  try {
    const file = join(folder, "backup.tar");
    writeFileSync(file, "all is well\n");
    const load = ["load1", "load5", "load15"];
    await runPlugins([
      { argv: ["check_load", "-w", "900,900,900", "-c", "999,999,999"], text: /^LOAD OK/, perfdata: load },
      { argv: ["check_disk", "-w", "1", "-c", "1", "-p", "/"], text: /^DISK OK/, perfdata: ["/ B"] },
      { argv: ["check_procs", "-w", "1:", "-c", "1:"], text: /^PROCS OK/, perfdata: ["procs"] },
      {
        argv: ["check_procs", "-C", "no-such-program", "-c", "1:"],
        wanted: "fail exit_code 2",
        text: /^PROCS CRITICAL: 0 processes/,
        perfdata: ["procs"],
      },
      { argv: ["check_users", "-w", "900", "-c", "999"], text: /^USERS OK/, perfdata: ["users"] },
      {
        argv: ["check_file_age", "-f", file, "-w", "600", "-c", "900"],
        text: /^FILE_AGE OK: .*backup\.tar/,
        perfdata: ["age s", "size B"],
      },
      {
        argv: ["check_file_age", "-f", join(folder, "none")],
        wanted: "fail exit_code 2",
        text: /^FILE_AGE CRITICAL: File not found/,
        perfdata: [],
      },
      {
        argv: ["check_log", "-F", file, "-O", join(folder, "seen"), "-q", "fault"],
        text: /initialized/,
        perfdata: [],
      },
      {
        argv: ["check_log", "-F", file, "-O", join(folder, "seen"), "-q", "fault"],
        text: /^Log check ok/,
        perfdata: [],
      },
      { argv: ["check_dummy", "0", "fine"], text: /^OK: fine$/, perfdata: [] },
      { argv: ["check_dummy", "1", "hm"], wanted: "fail exit_code 1", text: /^WARNING: hm$/, perfdata: [] },
      { argv: ["check_dummy", "3"], wanted: "fail exit_code 3", text: /^UNKNOWN/, perfdata: [] },
      {
        argv: ["check_cluster", "-s", "-d", "0,0,1", "-w", "2", "-c", "3"],
        text: /^CLUSTER OK/,
        perfdata: [],
      },
      { argv: ["negate", join(PLUGINS, "check_dummy"), "2", "gone"], text: /^CRITICAL: gone$/, perfdata: [] },
      {
        argv: ["urlize", "http://wiki.example.com/", join(PLUGINS, "check_dummy"), "0"],
        text: /^<A href="http:\/\/wiki\.example\.com\/"/,
        perfdata: [],
      },
      {
        argv: ["check_nagios", "-F", join(folder, "none"), "-C", "nagios", "-e", "5"],
        wanted: "fail exit_code 2",
        text: /^NAGIOS CRITICAL/,
        perfdata: [],
      },
    ]);
    const mild = { path: join(PLUGINS, "check_dummy"), args: ["1"], "warning_is": "pass" };
    assert.equal(verdict(await check(SCRIPT, mild)), "pass none 1");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
