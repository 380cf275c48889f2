import assert from "node:assert/strict";
import { test } from "node:test";
import { type ReceivedSignal, signalTarget } from "../../src/model/signal.ts";
import { createServerApp, type ServerAppOptions } from "../../src/server/app.ts";
import { SignalBatches } from "../../src/server/signals.ts";
import { fakeReaders } from "./fake_readers.ts";

const TOKEN = "tOKEN-0123456789_abc";

function app(more: Partial<ServerAppOptions> = {}) {
  const taken: ReceivedSignal[] = [];
  const options: ServerAppOptions = {
    address: { hostname: "0.0.0.0", port: 80 },
    token: "a-long-enough-token",
    profiles: undefined,
    actions: { names: [], call: () => Promise.resolve({ status: 200, body: {} }) },
    signals: {
      rowsOf: (target) => target === signalTarget(TOKEN) ? [7] : [],
      take: (signals) => taken.push(...signals) > 0,
    },
    onError() {},
    ...more,
  };
  const server = createServerApp(fakeReaders(), options);
  return {
    taken,
    ask: async (path: string, init: RequestInit = {}) => {
      const answer = await server.request(path, init);
      const text = await answer.text();
      assert.ok(!text.includes(TOKEN));
      return `${answer.status} ${text}`.trim();
    },
  };
}

test("a job signals by GET, HEAD or POST, without another token, on any address", async () => {
  const { ask, taken } = app();
  assert.equal(await ask(`/ping/${TOKEN}`), "200 OK");
  assert.equal(await ask(`/ping/${TOKEN}`, { method: "HEAD" }), "200");
  assert.equal(await ask(`/ping/${TOKEN}/start`), "200 OK");
  assert.equal(await ask(`/ping/${TOKEN}/fail`, { method: "POST", body: "disk full\nmore" }), "200 OK");
  assert.equal(await ask(`/ping/${TOKEN}/0`), "200 OK");
  assert.equal(await ask(`/ping/${TOKEN}/137`), "200 OK");
  assert.deepEqual(taken.map(({ row, signal: { kind, code, text } }) => `${row} ${kind} ${code} ${text}`), [
    "7 ok 0 ",
    "7 ok 0 ",
    "7 start 0 ",
    "7 fail 1 disk full",
    "7 ok 0 ",
    "7 fail 137 ",
  ]);
  assert.ok(taken.every(({ signal }) => signal.target === signalTarget(TOKEN)));
});

test("what is no signal is refused, and tells nothing of tokens", async () => {
  const { ask, taken } = app();
  assert.equal(await ask("/ping/another-token-0123456789"), "404 No monitor waits for this");
  assert.equal(await ask("/ping/short"), "404 No monitor waits for this");
  assert.equal(await ask("/ping/"), "404 No monitor waits for this");
  assert.equal(await ask(`/ping/${TOKEN}/stop`), "404 No monitor waits for this");
  assert.equal(await ask(`/ping/${TOKEN}/start/x`), "404 No monitor waits for this");
  assert.equal(await ask(`/ping/${TOKEN}/999`), "400 An exit code is at most 255");
  assert.equal(await ask(`/ping/${TOKEN}`, { method: "DELETE" }), "405 Signals come by GET, HEAD or POST");
  assert.equal((await ask("/api/v1/status")).startsWith("401"), true, "everything else asks for the token");
  assert.deepEqual(taken, []);
});

test("a long body is read to its limit, and control characters do not pass", async () => {
  const { ask, taken } = app();
  assert.equal(
    await ask(`/ping/${TOKEN}/2`, { method: "POST", body: `a\u001b[31m${"x".repeat(60_000)}` }),
    "200 OK",
  );
  const text = taken[0]?.signal.text ?? "";
  assert.ok(text.length <= 200 && text.startsWith("a") && !text.includes("\u001b"));
});

test("signals wait for the engine in bounded batches, and go before the thread ends", () => {
  const posted: number[] = [];
  const batches = new SignalBatches((signals) => posted.push(signals.length));
  const signal = { row: 0, signal: { target: "t", kind: "ok", code: 0, text: "" } } as const;
  let taken = 0;
  while (batches.take([signal])) taken++;
  assert.equal(taken, 10_000);
  batches.flush();
  assert.deepEqual(posted, [10_000]);
  assert.ok(batches.take([signal]));
  batches.flush();
  assert.deepEqual(posted, [10_000, 1]);
});
