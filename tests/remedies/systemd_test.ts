/** The systemd check and remedy against a real systemd, started here, and against things that only look like its bus. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SYSTEMD as PROBE } from "../../src/probes/systemd.ts";
import { SYSTEMD } from "../../src/remedies/systemd.ts";
import { eventually, openSockets, serveUnix } from "../net/sockets.ts";
import { check, refusal, verdict } from "../probes/check.ts";
import { startSystemd, systemdMissing } from "../support/systemd_instance.ts";

const REAL = { skip: systemdMissing() ?? false, timeout: 120_000 };

const UNITS = {
  "web.service": `[Service]
ExecStart=/bin/sleep infinity
ExecReload=/bin/sh -c 'echo reloaded > {folder}/reloaded'
`,
  "job.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
  "broken.service": "[Service]\nExecStart=/bin/sh -c 'exit 3'\n",
  "picky.service": `[Unit]
StartLimitBurst=1
StartLimitIntervalSec=1h
[Service]
ExecStart=/bin/sh -c 'test -f {folder}/ready && exec sleep infinity'
`,
  "slow.service": "[Service]\nType=oneshot\nExecStart=/bin/sleep 60\n",
};

function repair(config: Record<string, unknown>, timeoutMs = 20_000) {
  const { target, shared } = SYSTEMD.split(SYSTEMD.schema.parse(config));
  const request = { monitor: "m", incident: "i1", attempt: 1, error: "refused", timeoutMs };
  const signal = AbortSignal.timeout(timeoutMs);
  return SYSTEMD.run({ ...request, target, config: JSON.parse(JSON.stringify(shared)) }, signal);
}

test("systemd does every verb on a real unit, and the check sees it", REAL, async () => {
  await using systemd = await startSystemd(UNITS);
  const { socket, folder } = systemd;
  const before = openSockets();
  const unit = (name: string) => check(PROBE, { unit: name, socket });
  const step = async (config: Record<string, unknown>, ok: boolean, text: RegExp) => {
    const result = await repair({ ...config, socket });
    assert.equal(result.ok, ok, result.text);
    assert.match(result.text, text);
    return result;
  };
  assert.equal((await unit("web")).text, "inactive (dead), wanted active or reloading");
  await step({ unit: "web", action: "start" }, true, /^started web\.service: it is active \(running\)$/);
  const passed = await unit("web.service");
  assert.equal(verdict(passed), "pass none 0");
  assert.deepEqual(passed.perfdata, [{ label: "restarts", value: 0, unit: "c" }]);
  assert.ok((passed.connectUs ?? 0) > 0);
  await step({ unit: "web" }, true, /^restarted web\.service/);
  await step({ unit: "web", action: "reload" }, true, /^reloaded web\.service/);
  assert.ok(existsSync(join(folder, "reloaded")));
  await step({ unit: "web", action: "stop" }, true, /^stopped web\.service: it is inactive \(dead\)$/);
  assert.equal((await check(PROBE, { unit: "web", socket, state: "inactive" })).outcome, "pass");
  await step({ unit: "job", action: "start" }, true, /^started job\.service: it is inactive \(dead\)$/);

  await repair({ unit: "broken", action: "start", socket });
  const failing = async () =>
    verdict(await unit("broken")) === "fail state 0" ? (await unit("broken")).text : "";
  let text = "";
  for (let tries = 0; tries < 200 && !text.startsWith("failed"); tries++) text = await failing() ?? "";
  assert.equal(text, "failed (exit-code 3), wanted active or reloading");

  assert.equal(verdict(await unit("nobody")), "fail missing 0");
  const missing = await step({ unit: "nobody" }, false, /nobody\.service not found/);
  assert.equal(missing.retryable, false);
  assert.equal((await check(PROBE, { unit: "basic.target", socket, sub: "active" })).outcome, "pass");
  assert.equal((await check(PROBE, { unit: "basic.target", socket, sub: "x" })).outcome, "fail");
  assert.ok(await eventually(() => openSockets() <= before), "every connection is freed");
});

test(
  "a start limit that was hit stands against a start until it is reset; a deadline ends the waiting",
  REAL,
  async () => {
    await using systemd = await startSystemd(UNITS);
    const { socket, folder } = systemd;
    await repair({ unit: "picky", action: "start", socket });
    const hit = await repair({ unit: "picky", socket });
    assert.equal(hit.ok, false);
    assert.equal(hit.retryable, true);
    writeFileSync(join(folder, "ready"), "");
    const reset = await repair({ unit: "picky", socket, reset_failed: true });
    assert.equal(reset.text, "restarted picky.service: it is active (running)");
    assert.equal(reset.ok, true);

    const startedMs = performance.now();
    const slow = await repair({ unit: "slow", action: "start", socket }, 300);
    assert.deepEqual(slow, {
      ok: false,
      retryable: false,
      text: "systemd was still at it when the time was up",
    });
    assert.ok(performance.now() - startedMs < 1000);
  },
);

test("a bus that is not there or is none fails, in time, with what was wrong", async () => {
  const gone = { unit: "web", socket: "/nonexistent/bus" };
  assert.equal(verdict(await check(PROBE, gone)), "fail no_socket 0");
  const away = await repair(gone);
  assert.deepEqual(away, {
    ok: false,
    retryable: true,
    text: "message bus at /nonexistent/bus: no such socket",
  });
  const login = "OK 1234\r\n";
  const hostile: Readonly<Record<string, { readonly says: readonly string[]; readonly wanted: RegExp }>> = {
    rejected: { says: ["REJECTED EXTERNAL\r\n"], wanted: /^local local_permission/ },
    garbage: { says: ["HTTP/1.1 400 Bad Request\r\n\r\n"], wanted: /^fail protocol/ },
    endless: { says: ["x".repeat(100_000)], wanted: /^fail protocol/ },
    order: { says: [login, "z".repeat(64)], wanted: /^fail protocol/ },
    huge: {
      says: [login, "l\x02\x01\x01\xff\xff\xff\xff\x01\0\0\0\xff\xff\xff\xff"],
      wanted: /^fail protocol/,
    },
    truncated: {
      says: [login, "l\x02\x01\x01\x04\0\0\0\x01\0\0\0\x08\0\0\0\x05\x01u\0\x01\0\0\0\xff\xff\xff\xff"],
      wanted: /^fail (protocol|response)/,
    },
  };
  for (const [name, { says, wanted }] of Object.entries(hostile)) {
    await using server = await serveUnix((socket) => {
      let said = 0;
      socket.on("data", () => {
        if (said < says.length) socket.write(says[said++] as string, "latin1");
      });
    });
    const seen = await check(PROBE, { unit: "web", socket: server.path }, { timeoutMs: 500 });
    assert.match(verdict(seen), wanted, name);
  }
  await using closing = await serveUnix((socket) => socket.end());
  assert.match(
    verdict(await check(PROBE, { unit: "web", socket: closing.path })),
    /^fail (closed_early|reset) 0$/,
  );
  await using silent = await serveUnix(() => {});
  const late = await check(PROBE, { unit: "web", socket: silent.path }, { timeoutMs: 100 });
  assert.equal(verdict(late), "fail response_timeout 100");
  assert.ok(late.tookMs < 400);
});

test("systemd refuses what names no unit, and says what it would do", () => {
  assert.match(refusal(PROBE, {}), /unit/);
  assert.match(refusal(PROBE, { unit: "a b" }), /expected the name of one unit/);
  assert.match(refusal(PROBE, { unit: "worker@" }), /expected the name of one unit/);
  assert.match(refusal(PROBE, { unit: "*" }), /expected the name of one unit/);
  assert.match(refusal(PROBE, { unit: "web", state: "running" }), /state/);
  const { target, shared } = SYSTEMD.split(SYSTEMD.schema.parse({ unit: "worker@3" }));
  assert.equal(SYSTEMD.describe(target, shared), "restart unit worker@3.service");
});
