/** What the service manager hears, and when the watchdog starves. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { ServiceManager, takeServiceVariables } from "../../src/cli/service_manager.ts";

function start({ watchdogMs }: { readonly watchdogMs: number | undefined } = { watchdogMs: 4000 }) {
  const sent: string[] = [];
  const state = { nowMs: 0, problems: [] as string[] };
  const socket = {
    send: (text: string) => sent.push(text) > 0,
    monotonicUs: () => 12_345n,
    close() {},
  };
  const manager = new ServiceManager({ socket, watchdogMs, monoMs: () => state.nowMs });
  const vitals = { problems: () => state.problems, status: () => "20 monitors\nfine" };
  /** Turns of the engine, 10 ms each. */
  const run = (ms: number) => {
    for (const endMs = state.nowMs + ms; state.nowMs < endMs; state.nowMs += 10) manager.turned(vitals);
  };
  return { manager, sent, state, run, fed: () => sent.filter((text) => text === "WATCHDOG=1").length };
}

test("the life of a run is told as sd_notify(3) has it", () => {
  const { manager, sent } = start();
  manager.starting("loading: 5 monitors");
  manager.ready("5 monitors");
  manager.reloading();
  manager.ready("6 monitors");
  manager.stopping();
  assert.deepEqual(sent, [
    "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=loading: 5 monitors",
    "READY=1\nSTATUS=5 monitors",
    "RELOADING=1\nMONOTONIC_USEC=12345",
    "READY=1\nSTATUS=6 monitors",
    "STOPPING=1\nSTATUS=draining",
  ]);
});

test("the watchdog is fed four times within its time, by turns of the engine alone", () => {
  const { run, fed, state } = start();
  run(8000);
  assert.equal(fed(), 8);
  state.nowMs += 60_000;
  assert.equal(fed(), 8, "no turn, no feed");
});

test("the watchdog starves while something is wrong, the status says why, and lives when it is over", () => {
  const { run, fed, sent, state } = start();
  run(1000);
  state.problems = ["the journal is silent"];
  const before = fed();
  run(8000);
  assert.equal(fed(), before);
  const told = sent.filter((text) => text.includes("the watchdog is not fed: the journal is silent"));
  assert.ok(told.length > 0 && told.length <= 8, `${told.length} times`);
  state.problems = [];
  run(1000);
  assert.ok(fed() > before);
});

test("without a watchdog there is only the status, on one line, every five seconds", () => {
  const { run, sent } = start({ watchdogMs: undefined });
  run(10_010);
  assert.equal(sent.length, 3);
  assert.ok(sent.every((text) => text.startsWith("STATUS=20 monitors") && !text.includes("\n")));
});

test("the manager's variables are taken out of the environment; a watchdog for another process is none", () => {
  const env = { NOTIFY_SOCKET: "/run/notify", WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid) };
  Object.assign(process.env, env);
  assert.deepEqual(takeServiceVariables(env), { socket: "/run/notify", watchdogMs: 30_000 });
  assert.equal(process.env["NOTIFY_SOCKET"], undefined);
  assert.equal(takeServiceVariables({ ...env, WATCHDOG_PID: "1" }).watchdogMs, undefined);
  assert.deepEqual(takeServiceVariables({}), { socket: undefined, watchdogMs: undefined });
});
