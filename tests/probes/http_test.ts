import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { test } from "node:test";
import { VERSION } from "../../src/base/version.ts";
import { openIdleListener } from "../../src/host/idle_listener.ts";
import { HTTP } from "../../src/probes/http.ts";
import { eventually, listen, openSockets, serveRaw, type TestServer } from "../net/sockets.ts";
import { check, refusal, verdict } from "./check.ts";
import { HOSTILE, serveHostile } from "./hostile_http.ts";

function serveHttp(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TestServer> {
  return listen(createServer(handle), "127.0.0.1");
}

/** Answers every request with these bytes, then ends. */
function serveBytes(answer: string): Promise<TestServer> {
  return serveRaw((socket) => socket.once("data", () => socket.end(answer, "latin1")));
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let body = "";
    request.on("data", (chunk) => body += String(chunk));
    request.on("end", () => resolve(body));
  });
}

test("a healthy answer passes and its phases are in order", async () => {
  await using server = await serveHttp((_request, response) => response.end("fine"));
  const result = await check(HTTP, { url: `http://localhost:${server.port}/health` });
  assert.equal(verdict(result), "pass none 0");
  const { dnsUs = 0, connectUs = 0, firstByteUs = 0 } = result;
  assert.ok(
    0 < dnsUs && dnsUs <= connectUs && connectUs <= firstByteUs && firstByteUs <= result.tookMs * 1000 + 1,
  );
});

test("the request carries what was configured, and what every request needs", async () => {
  let seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string } | undefined;
  await using server = await serveHttp(async (request, response) => {
    const body = await bodyOf(request);
    seen = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
    response.end();
  });
  const result = await check(HTTP, {
    url: `http://127.0.0.1:${server.port}/a%20b?c=d#fragment`,
    method: "post",
    headers: ["X-One: 1", "User-Agent: own"],
    body: "größe",
    auth: { bearer: { token: "t0ken" } },
  });
  assert.equal(verdict(result), "pass none 0");
  assert.ok(seen !== undefined);
  assert.deepEqual([seen.method, seen.url, seen.body], ["POST", "/a%20b?c=d", "größe"]);
  assert.equal(seen.headers.host, `127.0.0.1:${server.port}`);
  assert.equal(seen.headers["x-one"], "1");
  assert.equal(seen.headers["user-agent"], "own");
  assert.equal(seen.headers.authorization, "Bearer t0ken");
  assert.equal(seen.headers.connection, "close");
  assert.equal(seen.headers["content-length"], "7");

  await check(HTTP, { url: `http://user:p%40ss@127.0.0.1:${server.port}/` });
  assert.equal(seen.headers.authorization, `Basic ${Buffer.from("user:p@ss").toString("base64")}`);
  assert.equal(seen.headers["user-agent"], `cpra/${VERSION}`);
});

test("user and password of a URL are not in the target, which is shown to people", () => {
  const { target } = HTTP.split(HTTP.schema.parse({ url: "https://user:secret@h.example:8443/x?y=z" }));
  assert.equal(target, "https://h.example:8443/x?y=z");
});

test("IPv6 literals work in URLs", async (context) => {
  const server = await serveRaw(
    (socket) => socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\n")),
    { host: "::1" },
  )
    .catch(() => undefined);
  if (server === undefined) return context.skip("no IPv6 loopback here");
  await using _server = server;
  assert.equal(verdict(await check(HTTP, { url: `http://[::1]:${server.port}/` })), "pass none 0");
});

test("a status passes when expected, and is told when not", async () => {
  await using server = await serveHttp((request, response) => {
    response.statusCode = Number((request.url ?? "").slice(1));
    response.end();
  });
  const cases: readonly [status: number, expected: unknown, verdict: string][] = [
    [204, undefined, "pass none 0"],
    [404, undefined, "fail status 404"],
    [404, 404, "pass none 0"],
    [200, 404, "fail status 200"],
    [503, "5xx", "pass none 0"],
    [304, "200-299", "fail status 304"],
    [301, ["2xx", 301], "pass none 0"],
    [418, "200, 418", "pass none 0"],
  ];
  for (const [status, expected, wanted] of cases) {
    const config = {
      url: `http://127.0.0.1:${server.port}/${status}`,
      ...(expected === undefined ? {} : { expected_status: expected }),
    };
    assert.equal(
      verdict(await check(HTTP, config)),
      wanted,
      `${status} expecting ${JSON.stringify(expected)}`,
    );
  }
});

test("assertions on headers, body and JSON hold or say what is wrong", async () => {
  await using server = await serveHttp((_request, response) => {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ status: { db: [{ ok: true, lag: 3 }] }, version: "1.2.3", none: null }));
  });
  const cases: readonly [assertions: Record<string, unknown>, reason: string, text?: string][] = [
    [{ body_contains: "1.2.3" }, "none"],
    [{ body_contains: ["1.2.3", "absent"] }, "body_mismatch", 'does not contain "absent"'],
    [{ body_not_contains: "error" }, "none"],
    [{ body_not_contains: ["db"] }, "body_mismatch", 'contains "db"'],
    [{ body_matches: '"version":"\\d+\\.\\d+' }, "none"],
    [{ body_matches: ["^x"] }, "body_mismatch", 'does not match "^x"'],
    [{ header: [{ name: "Content-Type", contains: "json" }] }, "none"],
    [
      { header: [{ name: "content-type", equals: "text/html" }] },
      "header_mismatch",
      'content-type is not "text/html"',
    ],
    [{ header: [{ name: "content-type", matches: "^app" }, { name: "x", exists: false }] }, "none"],
    [{ header: [{ name: "x" }] }, "header_mismatch", "x is missing"],
    [{ json: [{ path: "status.db[0].ok", equals: true }, { path: "none", equals: null }] }, "none"],
    [
      { json: [{ path: "$.status.db[0].lag", equals: 4 }] },
      "json_mismatch",
      "$.status.db[0].lag is 3, not 4",
    ],
    [{ json: [{ path: "status.db[1]" }] }, "json_mismatch", "status.db[1] is missing"],
    [{ json: [{ path: "constructor" }] }, "json_mismatch", "constructor is missing"],
    [{ json: [{ path: "status", exists: false }] }, "json_mismatch", "status is present"],
    [{ max_latency: "10s" }, "none"],
  ];
  for (const [assertions, reason, text] of cases) {
    const result = await check(HTTP, { url: `http://127.0.0.1:${server.port}/`, ...assertions });
    assert.deepEqual([result.reason, result.text], [reason, text], JSON.stringify(assertions));
  }
});

test("an answer over max_latency is too slow, although complete", async () => {
  await using server = await serveHttp((_request, response) => void setTimeout(() => response.end(), 60));
  const result = await check(HTTP, { url: `http://127.0.0.1:${server.port}/`, max_latency: "20ms" });
  assert.equal(result.reason, "too_slow");
  assert.ok(result.value >= 50, `${result.value} ms`);
});

test("a coded body is not searched as if it were text", async () => {
  await using server = await serveHttp((_request, response) => {
    response.setHeader("Content-Encoding", "gzip");
    response.end("whatever");
  });
  const url = `http://127.0.0.1:${server.port}/`;
  assert.equal((await check(HTTP, { url })).reason, "none");
  assert.equal((await check(HTTP, { url, body_not_contains: "x" })).reason, "body_mismatch");
});

test("a body over 64 KiB passes unless an assertion needs the rest", async () => {
  let written = 0;
  await using server = await serveRaw((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\nneedle");
      const flood = () => {
        while (!socket.destroyed && socket.write("x".repeat(16_384))) written += 16_384;
      };
      socket.on("drain", flood);
      flood();
    });
  });
  const url = `http://127.0.0.1:${server.port}/`;
  assert.equal(verdict(await check(HTTP, { url })), "pass none 0");
  assert.equal(verdict(await check(HTTP, { url, body_contains: "needle" })), "pass none 0");
  assert.equal(verdict(await check(HTTP, { url, body_contains: "absent" })), "fail body_too_large 65536");
  assert.equal(verdict(await check(HTTP, { url, body_not_contains: "absent" })), "fail body_too_large 65536");
  assert.equal(verdict(await check(HTTP, { url, json: [{ path: "a" }] })), "fail body_too_large 65536");
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes taken`);
});

test("redirects are followed with the right method, and the final answer is judged", async () => {
  const seen: string[] = [];
  await using server = await serveHttp(async (request, response) => {
    const body = await bodyOf(request);
    seen.push(`${request.method} ${request.url} ${body}`);
    const status = Number((request.url ?? "").slice(1));
    if (status > 0) response.writeHead(status, { location: "/done" });
    response.end("done");
  });
  const cases: readonly [status: number, method: string, second: string][] = [
    [301, "POST", "GET /done "],
    [302, "POST", "GET /done "],
    [302, "PUT", "PUT /done b"],
    [303, "PUT", "GET /done "],
    [303, "HEAD", "HEAD /done "],
    [307, "POST", "POST /done b"],
    [308, "POST", "POST /done b"],
  ];
  for (const [status, method, second] of cases) {
    seen.length = 0;
    const config = {
      url: `http://127.0.0.1:${server.port}/${status}`,
      method,
      ...(method === "HEAD" ? {} : { body: "b" }),
    };
    assert.equal(verdict(await check(HTTP, config)), "pass none 0", `${status} ${method}`);
    assert.equal(seen[1], second, `${status} ${method}`);
  }
  const url = `http://127.0.0.1:${server.port}/302`;
  assert.equal(verdict(await check(HTTP, { url, follow_redirects: false })), "fail status 302");
  seen.length = 0;
  assert.equal(verdict(await check(HTTP, { url, expected_status: 302 })), "pass none 0");
  assert.equal(seen.length, 1, "an expected redirect is the answer");
});

test("redirects end: at the limit, in a loop, at a location that is no web address", async () => {
  await using server = await serveHttp((request, response) => {
    const [, kind = "", rest = ""] = (request.url ?? "").split("/");
    const locations: Readonly<Record<string, string>> = {
      count: `/count/${Number(rest) + 1}`,
      loop: "/loop",
      ping: "/pong",
      pong: "/ping",
      file: "file:///etc/passwd",
      data: "data:text/plain,x",
      bad: "http://[",
      zero: "http://127.0.0.1:0/",
    };
    response.writeHead(302, { location: locations[kind] ?? "" });
    response.end();
  });
  const at = (path: string) => `http://127.0.0.1:${server.port}/${path}`;
  assert.equal(verdict(await check(HTTP, { url: at("count/0") })), "fail redirect_limit 10");
  assert.equal(server.accepted(), 11);
  assert.equal(
    verdict(await check(HTTP, { url: at("count/0"), follow_redirects: 2 })),
    "fail redirect_limit 2",
  );
  for (const path of ["loop", "ping", "file", "data", "bad", "zero"]) {
    assert.equal((await check(HTTP, { url: at(path) })).reason, "redirect_invalid", path);
  }
});

test("credentials stay with the origin they were given for", async () => {
  const seen: string[] = [];
  const note = (request: IncomingMessage) => {
    seen.push([request.headers.authorization, request.headers.cookie, request.headers["x-kept"]].join(" "));
  };
  await using other = await serveHttp((request, response) => {
    note(request);
    response.end();
  });
  await using server = await serveHttp((request, response) => {
    note(request);
    const location = request.url === "/same"
      ? "/end"
      : request.url === "/other"
      ? `http://127.0.0.1:${other.port}/`
      : undefined;
    if (location !== undefined) response.writeHead(302, { location });
    response.end();
  });
  const config = {
    headers: { Cookie: "c=1", "X-Kept": "k" },
    auth: { basic: { username: "u", password: "p" } },
  };
  await check(HTTP, { url: `http://127.0.0.1:${server.port}/same`, ...config });
  assert.deepEqual(seen, ["Basic dTpw c=1 k", "Basic dTpw c=1 k"]);
  seen.length = 0;
  await check(HTTP, { url: `http://127.0.0.1:${server.port}/other`, ...config });
  assert.deepEqual(seen, ["Basic dTpw c=1 k", "  k"]);
});

test("hostile targets: each has its reason, ends by the deadline and leaves no socket", async () => {
  await using server = await serveHostile();
  const held = openSockets();
  const results = await Promise.all(
    Object.entries(HOSTILE).map(async ([name, [, wanted]]) => {
      const result = await check(HTTP, { url: `http://127.0.0.1:${server.port}/${name}` }, {
        timeoutMs: 300,
      });
      return { name, wanted, result };
    }),
  );
  for (const { name, wanted, result } of results) {
    assert.equal(verdict(result), wanted, name);
    assert.ok(result.tookMs < 300 + 700, `${name} took ${result.tookMs} ms`);
  }
  // While the servers still hold their ends: what a probe does not free stays.
  assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
});

test("a target that never accepts fails at the deadline with its limit", async () => {
  const deaf = await openIdleListener({ host: "127.0.0.1", port: 0 });
  try {
    const result = await check(HTTP, { url: `http://127.0.0.1:${deaf.port}/` }, { timeoutMs: 150 });
    assert.equal(verdict(result), "fail connect_timeout 150");
  } finally {
    deaf.close();
  }
});

test("a thousand checks leave no socket behind", async () => {
  await using server = await serveBytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const held = openSockets();
  const { target, shared } = HTTP.split(HTTP.schema.parse({ url: `http://127.0.0.1:${server.port}/` }));
  for (let round = 0; round < 20; round++) {
    const checks = Array.from(
      { length: 50 },
      () =>
        HTTP.run({ monitor: "m", target, config: shared, timeoutMs: 10_000 }, AbortSignal.timeout(10_000)),
    );
    for (const result of await Promise.all(checks)) assert.equal(verdict(result), "pass none 0");
  }
  assert.equal(server.accepted(), 1000);
  // While the servers still hold their ends: what a probe does not free stays.
  assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
});

test("what cannot be meant is refused with what is allowed", () => {
  const url = "http://h.example/";
  const cases: readonly [config: unknown, message: RegExp][] = [
    [{}, /url/],
    [{ url: "h.example/health" }, /expected an absolute URL/],
    [{ url: "ftp://h.example/" }, /expected an absolute URL/],
    [{ url: "http://h.example:0/" }, /expected an absolute URL/],
    [{ url, method: "FETCH" }, /method/],
    [
      { url, expected_status: 99 },
      /expected a status such as 200, "2xx", "200-299", or a list of them, found 99|found "99"/,
    ],
    [{ url, expected_status: [] }, /expected_status/],
    [{ url, expected_status: "299-200" }, /expected a status/],
    [{ url, body_matches: "(" }, /expected a regular expression: missing "\)"/],
    [{ url, body_matches: ["ok", "(a)\\1"] }, /backreferences are not supported/],
    [{ url, json: [{ path: "a..b" }] }, /expected a path such as/],
    [{ url, headers: { "Content-Length": "5" } }, /the check sets them itself/],
    [{ url, headers: ["A: b\r\nC: d"] }, /expected headers/],
    [{ url, auth: {} }, /expected either basic or bearer/],
    [{ url, auth: { bearer: { token: "a\r\nb" } } }, /visible characters/],
    [{ url, max_latency: 0 }, /more than 0/],
    [{ url, follow_redirects: 21 }, /follow_redirects/],
    [{ url, ca: "not PEM" }, /expected certificates in PEM/],
    [{ url, colour: "red" }, /colour/],
  ];
  for (const [config, message] of cases) assert.match(refusal(HTTP, config), message, JSON.stringify(config));
  assert.doesNotMatch(refusal(HTTP, { url: "htp://u:secret@h/" }), /secret/);
});
