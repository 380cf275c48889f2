/** Who may make cpra do something, and what a call may look like; once over real sockets against the real thread. */
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { createServerApp } from "../../src/server/app.ts";
import { ServerLink } from "../../src/server/link.ts";
import type { ActionHandlers, ActionParameters } from "../../src/model/action.ts";
import { SILENT_LOGGER } from "../../src/base/log.ts";
import { createMailCount } from "../../src/shm/mail_count.ts";
import { sampleMetrics } from "../telemetry/sample_metrics.ts";
import { fakeReaders } from "./fake_readers.ts";
import { BUILD, sampleShared, sampleWorld } from "./sample_world.ts";

const TOKEN = "a-token-of-the-test";
const BEARER = { Authorization: `Bearer ${TOKEN}` };

interface Call {
  readonly path?: string;
  readonly init?: RequestInit;
  readonly token?: string | undefined;
  readonly hostname?: string;
}

/** What one request comes to, and what reached the action. */
async function ask({ path = "/-/reload", init = {}, token = TOKEN, hostname = "localhost" }: Call) {
  const called: [string, ActionParameters][] = [];
  const app = createServerApp(fakeReaders(), {
    address: { hostname, port: 6060 },
    token,
    profiles: undefined,
    actions: {
      names: ["reload", "freeze"],
      call(name, parameters) {
        called.push([name, parameters]);
        return Promise.resolve({ status: 200, body: { done: true } });
      },
    },
    signals: { rowsOf: () => [], take: () => true },
    onError() {},
  });
  const answer = await app.request(path, { method: "POST", ...init });
  return { status: answer.status, body: await answer.json(), headers: answer.headers, called };
}

const json = (body: unknown, headers: Record<string, string> = {}) => ({
  headers: { ...BEARER, "Content-Type": "application/json", ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

test("an action with the token reaches its handler, with what the query and the body say", async () => {
  const plain = await ask({ init: { headers: BEARER } });
  assert.deepEqual([plain.status, plain.body, plain.called], [200, { done: true }, [["reload", {}]]]);
  const { called } = await ask({ path: "/-/freeze?force=1", init: json({ reason: "deploy", for: 3 }) });
  assert.deepEqual(called, [["freeze", { force: "1", reason: "deploy", for: 3 }]]);
});

test("without the token nothing is done, on a loopback address neither", async () => {
  for (const hostname of ["localhost", "127.0.0.1", "0.0.0.0"]) {
    for (
      const headers of [{}, { Authorization: "Bearer wrong" }, { Authorization: TOKEN }, { Cookie: TOKEN }]
    ) {
      const { status, body, called } = await ask({ hostname, init: { headers } });
      assert.deepEqual([status, called], [401, []]);
      assert.match(body.error, /A token is needed/);
      assert.doesNotMatch(JSON.stringify(body), new RegExp(TOKEN));
    }
  }
});

test("where no token is set there are no actions", async () => {
  const app = createServerApp(fakeReaders(), {
    address: { hostname: "localhost", port: 6060 },
    token: undefined,
    profiles: undefined,
    actions: { names: ["reload"], call: () => assert.fail("nothing may be done") },
    signals: { rowsOf: () => [], take: () => true },
    onError() {},
  });
  const answer = await app.request("/-/reload", {
    method: "POST",
    headers: { Authorization: "Bearer undefined" },
  });
  assert.equal(answer.status, 403);
  assert.match((await answer.json()).error, /set settings\.token/);
});

test("only POST acts, and what is not an action is named with those that are", async () => {
  for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
    const { status, headers, called } = await ask({ init: { method, headers: BEARER } });
    assert.deepEqual([status, headers.get("allow"), called], [405, "POST", []]);
  }
  for (const path of ["/-/nothing", "/-/", "/-/reload/more", "/-/__proto__"]) {
    const { status, body, called } = await ask({ path, init: { headers: BEARER } });
    assert.deepEqual([status, body.allowed, called], [404, ["reload", "freeze"], []]);
  }
});

test("a body that is no small JSON object is refused", async () => {
  const cases: [RequestInit, number][] = [
    [json("x".repeat(64 * 1024 + 1)), 413],
    [json("[1]"), 400],
    [json("null"), 400],
    [json("{"), 400],
    [json({ a: 1 }, { "Content-Type": "text/plain" }), 415],
  ];
  for (const [init, expected] of cases) {
    const { status, called } = await ask({ init });
    assert.deepEqual([status, called], [expected, []]);
  }
  const twice = await ask({ path: "/-/reload?force=1", init: json({ force: true }) });
  assert.deepEqual([twice.status, twice.called], [400, []]);
  const again = await ask({ path: "/-/reload?force=1&force=0", init: { headers: BEARER } });
  assert.deepEqual([again.status, again.called], [400, []]);
});

/** A server thread on port 0 that asks these handlers. */
async function startLink(actions: ActionHandlers) {
  const link = new ServerLink({
    make: () => new Worker(new URL("../../workers/server.ts", import.meta.url), { type: "module" }),
    log: SILENT_LOGGER,
    takeSignals() {},
    actions,
  });
  const [url] = await link.boot({
    build: BUILD,
    commandLine: ["cpra"],
    listen: [{ hostname: "127.0.0.1", port: 0, pprof: false, option: "--listen" }],
    sloMs: 100,
    signalKinds: [],
    token: TOKEN,
    shared: sampleShared(sampleWorld(), sampleMetrics()),
    mail: createMailCount(),
  });
  return { url: url as string, stop: () => link.stop() };
}

test("over the real thread: the handler's answer comes back, its fault is a 500 without its text", async () => {
  const seen: ActionParameters[] = [];
  const { url, stop } = await startLink({
    reload(parameters) {
      seen.push(parameters);
      return { status: 409, body: { error: "one is under way" } };
    },
    break: () => Promise.reject(new Error("a secret")),
  });
  const answer = await fetch(`${url}/-/reload?force=1`, { method: "POST", headers: BEARER });
  assert.deepEqual([answer.status, await answer.json()], [409, { error: "one is under way" }]);
  assert.deepEqual(seen, [{ force: "1" }]);
  const fault = await fetch(`${url}/-/break`, { method: "POST", headers: BEARER });
  assert.equal(fault.status, 500);
  assert.doesNotMatch(await fault.text(), /secret/);
  assert.equal((await fetch(`${url}/-/reload`, { method: "POST" })).status, 401);
  assert.equal(seen.length, 1);
  await stop();
});

test("over the real thread: a body without an announced length is cut off at the limit", async () => {
  const { url, stop } = await startLink({ reload: () => assert.fail("nothing may be done") });
  const status = await new Promise<number | undefined>((resolve) => {
    const headers = { ...BEARER, "Content-Type": "application/json" };
    const call = httpRequest(`${url}/-/reload`, { method: "POST", headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    // The other side closes while this one still writes: whichever is seen first.
    call.on("error", () => resolve(undefined));
    for (let part = 0; part < 40; part++) call.write(`"${"x".repeat(8 * 1024)}"`);
    call.end();
  });
  assert.ok(status === 413 || status === undefined, `answered ${status}`);
  await stop();
});
