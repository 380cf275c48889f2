import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createServerApp, type ServerAppOptions } from "../../src/server/app.ts";
import { Profiler } from "../../src/server/profiler.ts";
import type { ServerReaders } from "../../src/server/readers.ts";
import { createMailCount } from "../../src/shm/mail_count.ts";
import { fakeReaders, HEALTHY } from "./fake_readers.ts";

const LOCAL: ServerAppOptions = {
  address: { hostname: "localhost", port: 6060 },
  token: undefined,
  profiles: {
    profiler: new Profiler(createMailCount(), () => 0),
    commandLine: ["cpra", "--yaml", "a b.yaml"],
    wallMs: () => 0,
  },
  actions: { names: [], call: () => Promise.resolve({ status: 200, body: {} }) },
  signals: { rowsOf: () => [], take: () => true },
  onError() {},
};
const OUTSIDE = { ...LOCAL, address: { hostname: "0.0.0.0", port: 6060 }, token: "a-long-enough-token" };

function request(
  path: string,
  init: RequestInit = {},
  readers: ServerReaders = fakeReaders(),
  options = LOCAL,
) {
  return createServerApp(readers, options).request(path, init);
}

test("/metrics is Prometheus text of version 0.0.4", async () => {
  const answer = await request("/metrics");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.match(await answer.text(), /^# HELP x X\.$/m);
});

test("/healthz and /readyz answer 200, or 503 with the reasons", async () => {
  for (const path of ["/healthz", "/readyz"]) {
    const good = await request(path);
    assert.equal(good.status, 200);
    assert.deepEqual(await good.json(), HEALTHY);
    const bad = { ...HEALTHY, ok: false, why: ["the engine has not ticked for 6000 ms"] };
    const answer = await request(path, {}, fakeReaders({ health: () => bad, readiness: () => bad }));
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), bad);
  }
});

test("the API answers JSON on its routes", async () => {
  const status = await (await request("/api/v1/status")).json();
  assert.deepEqual(status.monitors, { total: 2, byState: { up: 1, down: 1 } });
  assert.deepEqual(await (await request("/api/v1/pipelines")).json(), { pipelines: [] });
  assert.deepEqual(await (await request("/api/v1/incidents")).json(), { openTotal: 0, open: [], recent: [] });
  assert.deepEqual(await (await request("/api/v1/monitors")).json(), { monitors: [], nextCursor: null });
});

test("queries for monitors reach the reader as they were meant", async () => {
  const readers = fakeReaders();
  await request("/api/v1/monitors", {}, readers);
  await request("/api/v1/monitors?state=down&name=web%2F1&cursor=200&limit=1000", {}, readers);
  await request("/api/v1/incidents?limit=7", {}, readers);
  assert.deepEqual(readers.asked, [{ limit: 100 }, {
    state: "down",
    name: "web/1",
    cursor: 200,
    limit: 1000,
  }]);
  assert.deepEqual(readers.askedLimits, [7]);
});

test("a wrong query is refused with 400, what was found and what is allowed", async () => {
  const limit = "a whole number from 1 to 1000";
  const cases = [
    ["monitors?limit=0", "limit", "0", limit],
    ["monitors?limit=1001", "limit", "1001", limit],
    ["monitors?limit=ten", "limit", "ten", limit],
    ["monitors?limit=", "limit", "", limit],
    ["monitors?limit=1e2", "limit", "1e2", limit],
    ["monitors?state=broken", "state", "broken", ["pending", "up", "down"]],
    ["monitors?cursor=-1", "cursor", "-1", "nextCursor of the page before"],
    ["monitors?limit=1&limit=2", "limit", "1, 2", "one value"],
    ["monitors?sate=up", "sate", "up", ["state", "name", "cursor", "limit"]],
    ["monitors?name=" + "x".repeat(513), "name", "513 characters", "at most 512 characters"],
    ["incidents?limit=5000", "limit", "5000", limit],
    ["incidents?state=up", "state", "up", ["limit"]],
  ] as const;
  for (const [path, parameter, found, allowed] of cases) {
    const answer = await request(`/api/v1/${path}`);
    assert.equal(answer.status, 400, path);
    const body = await answer.json();
    assert.deepEqual([body.parameter, body.found, body.allowed], [parameter, found, allowed]);
    assert.match(body.error, new RegExp(parameter));
  }
});

test("a monitor is found by its name, whatever characters it has", async () => {
  for (const name of ["web", "a/b", "100%25", "50 %", "größe/ü", 'quo"te', "?&#=", "..x", "+"]) {
    const answer = await request(`/api/v1/monitors/${encodeURIComponent(name)}`);
    assert.equal((await answer.json()).name, name);
  }
  assert.equal((await (await request("/api/v1/monitors/plain/slash")).json()).name, "plain/slash");
});

test("an unknown monitor is 404 and a broken encoding 400, as JSON", async () => {
  const none = fakeReaders({ monitor: () => undefined });
  const missing = await request("/api/v1/monitors/no%22one", {}, none);
  assert.equal(missing.status, 404);
  assert.deepEqual(await missing.json(), { error: 'No monitor is named "no"one"' });
  const broken = await request("/api/v1/monitors/%E0%A4%A", {}, none);
  assert.equal(broken.status, 400);
  assert.match((await broken.json()).error, /percent-encoding/);
});

test("what does not exist is 404: JSON under /api, text elsewhere", async () => {
  const api = await request("/api/v1/nothing");
  assert.equal(api.status, 404);
  assert.deepEqual(await api.json(), { error: "Nothing is at /api/v1/nothing" });
  const other = await request("/nothing");
  assert.equal(other.status, 404);
  assert.match(other.headers.get("content-type") ?? "", /^text\/plain/);
});

test("methods that could change something are refused everywhere", async () => {
  for (const path of ["/", "/metrics", "/api/v1/monitors", "/debug/pprof/", "/nothing"]) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const answer = await request(path, { method });
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.equal(answer.headers.get("allow"), "GET, HEAD");
      const json = path.startsWith("/api/");
      assert.match(answer.headers.get("content-type") ?? "", json ? /^application\/json/ : /^text\/plain/);
    }
  }
});

test("HEAD answers like GET, without the body", async () => {
  const answer = await request("/metrics", { method: "HEAD" });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "");
});

test("every answer carries the security headers and none allows another origin", async () => {
  const failing = fakeReaders({ status: () => assert.fail("a fault of ours") });
  const all = [["/", 200], ["/metrics", 200], ["/nothing", 404], ["/api/v1/status", 500]] as const;
  for (const [path, status] of all) {
    const answer = await request(path, { headers: { Origin: "https://evil.example" } }, failing);
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.equal(answer.headers.get("x-frame-options"), "DENY");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.match(answer.headers.get("content-security-policy") ?? "", /^default-src 'none'/);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
  }
});

test("a fault of ours is 500 without its details, which go to the log", async () => {
  const logged: string[] = [];
  const readers = fakeReaders({ status: () => assert.fail("secret detail") });
  const onError = (error: Error, path: string) => void logged.push(`${path}: ${error.message}`);
  const answer = await request("/api/v1/status", {}, readers, { ...LOCAL, onError });
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /secret/);
  assert.deepEqual(logged, ["/api/v1/status: secret detail"]);
});

test("an address that is not loopback asks for the token on every path", async () => {
  for (const path of ["/", "/metrics", "/healthz", "/api/v1/status", "/debug/pprof/cmdline", "/nothing"]) {
    const none = await request(path, {}, fakeReaders(), OUTSIDE);
    assert.equal(none.status, 401, path);
    assert.equal(none.headers.get("www-authenticate"), 'Bearer realm="cpra"');
  }
  const wrong = await request(
    "/metrics",
    { headers: { Authorization: "Bearer another-token" } },
    fakeReaders(),
    OUTSIDE,
  );
  assert.equal(wrong.status, 401);
  const headers = { Authorization: "Bearer a-long-enough-token" };
  assert.equal((await request("/metrics", { headers }, fakeReaders(), OUTSIDE)).status, 200);
});

test("a page of another name cannot read a loopback address through DNS", async () => {
  const answer = await request("/api/v1/status", { headers: { Host: "rebound.example:6060" } });
  assert.equal(answer.status, 421);
  for (const host of ["localhost:6060", "127.0.0.1:6060", "[::1]:6060", "127.1.2.3"]) {
    assert.equal((await request("/api/v1/status", { headers: { Host: host } })).status, 200, host);
  }
});

test("/debug/pprof/ lists what there is, and what is missing is 404 with a word", async () => {
  const index = await request("/debug/pprof/");
  assert.equal(index.status, 200);
  const text = await index.text();
  for (const name of ["cmdline", "heap", "profile", "threads", "trace"]) {
    assert.match(text, new RegExp(`<li><a href="${name}">${name}</a>: `));
  }
  const bare = await request("/debug/pprof");
  assert.deepEqual([bare.status, bare.headers.get("location")], [301, "/debug/pprof/"]);
  assert.equal(await (await request("/debug/pprof/cmdline")).text(), "cpra\0--yaml\0a b.yaml");
  const mutex = await request("/debug/pprof/mutex");
  assert.equal(mutex.status, 404);
  assert.equal(
    await mutex.text(),
    "Not available here: mutex. Available: cmdline, heap, profile, threads, trace.\n",
  );
  const odd = await request("/debug/pprof/%3Cb%3E");
  assert.equal(odd.status, 404);
  assert.match(odd.headers.get("content-type") ?? "", /^text\/plain/);
});

test("without profiles nothing is under /debug/pprof/", async () => {
  const answer = await request("/debug/pprof/", {}, fakeReaders(), { ...LOCAL, profiles: undefined });
  assert.equal(answer.status, 404);
});

test("the page allows exactly its own script and style, and loads nothing from elsewhere", async () => {
  const answer = await request("/");
  const page = await answer.text();
  const policy = answer.headers.get("content-security-policy") ?? "";
  for (const element of ["script", "style"]) {
    const bodies = [...page.matchAll(new RegExp(`<${element}[^>]*>(.*?)</${element}>`, "gs"))];
    assert.equal(bodies.length, 1, element);
    const digest = createHash("sha256").update(bodies[0]?.[1] as string).digest("base64");
    assert.ok(policy.includes(`${element}-src 'sha256-${digest}'`), element);
  }
  assert.doesNotMatch(page, /https?:\/\/|src=|@import|innerHTML|\son[a-z]+=| style=/);
});
