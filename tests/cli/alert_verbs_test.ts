/** The verbs about alerts, over real sockets, against the real routes and the real engine in a simulation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { alertActions } from "../../src/cli/alert_actions.ts";
import { runAlertAction, runSilences } from "../../src/cli/alert_verbs.ts";
import { serve } from "../../src/host/serve.ts";
import { REFUSED, SENT } from "../../src/lanes/code.ts";
import { createServerApp } from "../../src/server/app.ts";
import { fakeReaders } from "../server/fake_readers.ts";
import { FAILS, PASSES, Sim, simMonitor } from "../support/sim_engine.ts";

const TOKEN = "a-token-of-the-test";

function start(refuse = false) {
  const sim = new Sim({
    monitors: [simMonitor({ name: "db", labels: { team: "db" } }), simMonitor()],
    behave: ({ lane, monitor }) => {
      if (lane === "code") return { afterMs: 5, outcome: refuse ? REFUSED : SENT, text: "404" };
      return monitor === "db" ? FAILS : PASSES;
    },
  });
  const handlers = alertActions({
    alerts: () => sim.engine.alerts,
    channels: () => sim.world.channels.map(({ kind }) => ({ kind, description: `${kind} a` })),
  });
  const app = createServerApp(fakeReaders(), {
    address: { hostname: "127.0.0.1", port: 0 },
    token: TOKEN,
    profiles: undefined,
    actions: {
      names: Object.keys(handlers),
      call: async (name, parameters) => await handlers[name]?.(parameters) ?? { status: 404, body: {} },
    },
    signals: { rowsOf: () => [], take: () => true },
    onError() {},
  });
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => app.fetch(request),
    onError: () => new Response("", { status: 500 }),
  });
  const endpoint = `http://127.0.0.1:${server.address.port}`;
  const out: string[] = [];
  const io = { out: (text: string) => out.push(text), err: (text: string) => out.push(`error: ${text}`) };
  const env = { CPRA_TOKEN: TOKEN };
  const say = async (action: string, parameters: Record<string, unknown>) => {
    out.length = 0;
    const code = await runAlertAction({ endpoint, action, parameters }, { env, io });
    return [code, ...out];
  };
  const get = async (path: string) => await (await fetch(`${endpoint}${path}`)).json();
  const list = async () => {
    out.length = 0;
    await runSilences({ endpoint }, { env: {}, io });
    return [...out];
  };
  return { sim, say, get, list, endpoint, stop: () => server.stop() };
}

test("a silence is made, listed and ended; what is wrong with one is said", async () => {
  const { sim, say, list, get, stop } = start();
  try {
    assert.deepEqual(await list(), ["No silence is in force"]);
    const [code, text] = await say("silence", { match: ["team=db"], for: "2h", comment: "move" });
    assert.equal(code, 0);
    const id = /^Silence (\S+) is in force$/.exec(String(text))?.[1];
    sim.run(3000);
    assert.deepEqual(sim.alerts(), [], "kept back");
    assert.match((await list())[0] ?? "", new RegExp(`^${id}  until .*Z  team=db  move$`));
    assert.equal((await get("/api/v1/silences")).silences.length, 1);
    assert.deepEqual(await say("unsilence", { id }), [0, `Silence ${id} is over`]);
    assert.deepEqual(await say("unsilence", { id }), [
      1,
      `error: Cannot unsilence: No silence "${id}" is in force`,
    ]);
    for (
      const wrong of [{ match: ["team"], for: "2h" }, { match: [], for: "2h" }, {
        match: ["a=b"],
        for: "100d",
      }, { for: "1h" }]
    ) {
      const [failed, why] = await say("silence", wrong);
      assert.equal(failed, 1);
      assert.match(String(why), /is not right; allowed: /);
    }
  } finally {
    await stop();
  }
});

test("a trouble is acknowledged by the name of its monitor", async () => {
  const { sim, say, stop } = start();
  try {
    assert.deepEqual(await say("ack", { what: "db" }), [1, 'error: Cannot ack: No trouble of "db" is open']);
    sim.run(3000);
    assert.deepEqual(await say("ack", { what: "db", by: "ada" }), [0, "Acknowledged: db, incident i1"]);
    assert.deepEqual(await say("ack", { what: "i1" }), [0, "Acknowledged: db, incident i1"]);
  } finally {
    await stop();
  }
});

test("a test alert goes to a monitor's channels or to a kind of channel", async () => {
  const { sim, say, stop } = start();
  try {
    assert.deepEqual(await say("test-alert", { what: "web" }), [
      0,
      "A test alert and its resolve go to log a",
    ]);
    sim.run(500);
    assert.equal(sim.alerts().filter(({ title }) => title.startsWith("TEST")).length, 2);
    assert.deepEqual(await say("test-alert", { what: "log" }), [
      0,
      "A test alert and its resolve go to log a",
    ]);
    const [code, text] = await say("test-alert", { what: "pager" });
    assert.equal(code, 1);
    assert.equal(
      text,
      'error: Cannot test-alert: No monitor and no channel is named "pager"; allowed: log a',
    );
  } finally {
    await stop();
  }
});

test("what was refused is in the list of dead letters, readable without the token; queries are no actions", async () => {
  const { sim, get, endpoint, stop } = start(true);
  try {
    sim.run(3000);
    const { deadLetters } = await get("/api/v1/deadletters");
    assert.equal(deadLetters.length, 1);
    assert.deepEqual(
      [deadLetters[0].monitor, deadLetters[0].color, deadLetters[0].error, deadLetters[0].channel],
      ["db", "red", "404", "log a"],
    );
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const asAction = await fetch(`${endpoint}/-/get%20silences`, { method: "POST", headers });
    assert.equal(asAction.status, 404);
    await asAction.body?.cancel();
    const unauthorized = await fetch(`${endpoint}/-/silence`, { method: "POST" });
    assert.equal(unauthorized.status, 401);
    await unauthorized.body?.cancel();
  } finally {
    await stop();
  }
});
