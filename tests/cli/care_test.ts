/** The dead-man switch against a real server, and the limits of memory. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createLogger, SILENT_LOGGER } from "../../src/base/log.ts";
import { Heartbeat } from "../../src/cli/heartbeat.ts";
import { MemoryWatch } from "../../src/cli/memory_watch.ts";
import { eventually } from "../support/binary.ts";

async function startListener(status = 200) {
  let heard = 0;
  const paths: string[] = [];
  const server = createServer((request, answer) => {
    heard++;
    paths.push(request.url ?? "");
    answer.writeHead(status).end("ok");
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/ping/a-secret`,
    heard: () => heard,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

test("the heartbeat beats while the engine turns, and is silent while it stands or something is wrong", async () => {
  const listener = await startListener();
  const lines: string[] = [];
  const log = createLogger({
    level: "info",
    format: "text",
    sink: (line) => lines.push(line),
    wallMs: () => 0,
  });
  let ticks = 1;
  const problems: string[] = [];
  const heartbeat = new Heartbeat({
    url: listener.url,
    intervalMs: 3_600_000,
    log,
    ticks: () => ticks,
    problems: () => problems,
  });
  await eventually(() => listener.heard() === 1 || undefined, "the first beat");
  await heartbeat.beat();
  assert.equal(listener.heard(), 1, "the engine did not turn since");
  ticks++;
  problems.push("the journal is failing");
  await heartbeat.beat();
  assert.equal(listener.heard(), 1);
  problems.pop();
  ticks++;
  await heartbeat.beat();
  assert.equal(listener.heard(), 2);
  heartbeat.stop();
  await listener.stop();
  const log3 = lines.join("\n");
  assert.match(log3, /the engine stands still/);
  assert.match(log3, /the journal is failing/);
  assert.match(log3, /heard again/);
  assert.doesNotMatch(log3, /a-secret/);
});

test("an address that refuses, errs or is not there is named without its secret", async () => {
  const listener = await startListener(500);
  const lines: string[] = [];
  const log = createLogger({
    level: "info",
    format: "text",
    sink: (line) => lines.push(line),
    wallMs: () => 0,
  });
  let ticks = 0;
  const options = { url: listener.url, intervalMs: 3_600_000, log, ticks: () => ++ticks, problems: () => [] };
  const heartbeat = new Heartbeat(options);
  await eventually(() => lines.length > 0 || undefined, "a line");
  await listener.stop();
  await heartbeat.beat();
  heartbeat.stop();
  assert.match(lines[0] ?? "", /http:\/\/127\.0\.0\.1:\d+ answered 500/);
  assert.match(lines[1] ?? "", /could not be reached/);
  assert.doesNotMatch(lines.join(), /a-secret/);
});

const MEGABYTE = 1024 ** 2;

function watch(limits: { readonly soft?: number; readonly hard?: number }) {
  const done: string[] = [];
  const state = { resident: 50 * MEGABYTE, freed: 0 };
  const memory = new MemoryWatch({
    softBytes: limits.soft === undefined ? null : limits.soft * MEGABYTE,
    hardBytes: limits.hard === undefined ? null : limits.hard * MEGABYTE,
    residentBytes: () => state.resident,
    collect: () => {
      done.push("collect");
      state.resident -= state.freed;
    },
    renewWorkers: () => void done.push("renew"),
    giveUp: () => void done.push("give up"),
    log: SILENT_LOGGER,
  });
  const look = (resident: number, times = 1) => {
    for (let time = 0; time < times; time++) {
      state.resident = resident * MEGABYTE;
      memory.look();
    }
    return done.splice(0);
  };
  return { look };
}

test("past the soft limit is collected, now and then while it stays so", () => {
  const { look } = watch({ soft: 100 });
  assert.deepEqual(look(99), []);
  assert.deepEqual(look(101), ["collect"]);
  assert.deepEqual(look(101, 11), []);
  assert.deepEqual(look(101), ["collect"]);
  assert.deepEqual(look(95), []);
  assert.deepEqual(look(101), []);
  assert.deepEqual(look(80), []);
  assert.deepEqual(look(101), ["collect"]);
});

test("past the hard limit the workers are replaced; if that does not help the process ends, once", () => {
  const { look } = watch({ hard: 200 });
  assert.deepEqual(look(201), ["renew"]);
  assert.deepEqual(look(150, 20), []);
  assert.deepEqual(look(201), ["renew"]);
  assert.deepEqual(look(210, 5), []);
  assert.deepEqual(look(210, 5), ["give up"]);
});
