import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openIdleListener } from "../../src/host/idle_listener.ts";
import { connect, type Connected, freeSocket } from "../../src/net/connect.ts";
import { failureOfCode } from "../../src/net/failure.ts";
import { eventually, openSockets, serveRaw } from "./sockets.ts";

function dial(host: string, port: number, timeoutMs = 2000): Promise<Connected> {
  return connect({ host, port, startedMs: performance.now(), timeoutMs }, AbortSignal.timeout(timeoutMs));
}

function describe(end: Connected): string {
  return end.kind === "connected" ? "connected" : `${end.failure.outcome} ${end.failure.reason}`;
}

test("connect() gives a socket and the time it took, and freeSocket() closes both ends", async () => {
  const before = openSockets();
  {
    await using server = await serveRaw(() => {});
    const end = await dial("127.0.0.1", server.port);
    assert.ok(end.kind === "connected", describe(end));
    assert.ok(end.phases.connectUs !== undefined && end.phases.connectUs > 0);
    assert.equal(end.phases.dnsUs, undefined, "an address needs no lookup");
    freeSocket(end.socket);
    freeSocket(end.socket);
  }
  assert.ok(await eventually(() => openSockets() <= before), `${openSockets()} sockets, ${before} before`);
});

test("a name is resolved, its lookup timed, and its addresses tried in turn", async () => {
  await using server = await serveRaw(() => {});
  const end = await dial("localhost", server.port);
  assert.ok(end.kind === "connected", describe(end));
  assert.ok((end.phases.dnsUs ?? 0) > 0 && (end.phases.connectUs ?? 0) >= (end.phases.dnsUs ?? 0));
  freeSocket(end.socket);
});

test("what the target causes is a fail, what this box causes is local", async () => {
  const server = await serveRaw(() => {});
  const { port } = server;
  await server[Symbol.asyncDispose]();
  assert.equal(describe(await dial("127.0.0.1", port)), "fail refused");
  // Linux has no route for TCP to the limited broadcast address (tcp_v4_connect): a route error anywhere, without root.
  assert.match(describe(await dial("255.255.255.255", 80)), /^local local_(route|permission)$/);
});

test("a name that does not exist is the target's fault, a resolver that fails is ours", async () => {
  // Either is right: whether "invalid." (RFC 6761) is answered depends on the machine's resolver.
  const end = await dial("no-such-host.invalid", 80, 5000);
  assert.match(describe(end), /^(fail name_not_found|local local_resolver)$/);
});

test("a target that never accepts ends at the deadline as connect_timeout, and holds no descriptor", async () => {
  const before = openSockets();
  const deaf = await openIdleListener({ host: "127.0.0.1", port: 0 });
  const held = openSockets();
  try {
    const startedMs = performance.now();
    const ends = await Promise.all(Array.from({ length: 20 }, () => dial("127.0.0.1", deaf.port, 150)));
    const tookMs = performance.now() - startedMs;
    for (const end of ends) {
      assert.equal(describe(end), "fail connect_timeout");
      assert.equal(end.kind === "failed" && end.failure.value, 150);
    }
    assert.ok(tookMs >= 140 && tookMs < 1500, `took ${tookMs} ms`);
    assert.ok(await eventually(() => openSockets() <= held), `${openSockets()} sockets, ${held} before`);
  } finally {
    deaf.close();
  }
  assert.ok(await eventually(() => openSockets() <= before), `${openSockets()} sockets, ${before} before`);
});

test("a signal that has fired already opens nothing", async () => {
  await using server = await serveRaw(() => {});
  const request = { host: "127.0.0.1", port: server.port, startedMs: performance.now(), timeoutMs: 1000 };
  assert.equal(describe(await connect(request, AbortSignal.abort())), "fail connect_timeout");
  assert.equal(
    describe(await connect({ ...request, host: "localhost" }, AbortSignal.abort())),
    "local local_resolver",
  );
  assert.equal(server.accepted(), 0);
});

test("running out of descriptors is told as our own fault", () => {
  const script = fileURLToPath(new URL("./out_of_descriptors.ts", import.meta.url));
  const args = process.versions.bun === undefined ? ["run", "-A", script] : [script];
  const run = spawnSync("/bin/sh", ["-c", 'ulimit -n 200; exec "$@"', "sh", process.execPath, ...args], {
    encoding: "utf8",
  });
  assert.equal(run.stdout.trim(), "local local_descriptors", run.stderr);
});

test("every error code has the outcome that behaviour asks for, and an unknown one is ours", () => {
  const table: Readonly<Record<string, string>> = {
    ECONNREFUSED: "fail refused",
    ECONNRESET: "fail reset",
    EPIPE: "fail reset",
    EHOSTUNREACH: "fail unreachable",
    ENOTFOUND: "fail name_not_found",
    EMFILE: "local local_descriptors",
    ENFILE: "local local_descriptors",
    ENOBUFS: "local local_buffers",
    ENOMEM: "local local_buffers",
    EADDRNOTAVAIL: "local local_buffers",
    ENETUNREACH: "local local_route",
    EPERM: "local local_permission",
    EACCES: "local local_permission",
    EAI_AGAIN: "local local_resolver",
    ESERVFAIL: "local local_resolver",
    EWHATEVER: "local local_fault",
    "": "local local_fault",
  };
  for (const [code, expected] of Object.entries(table)) {
    const failure = failureOfCode(code);
    assert.equal(`${failure.outcome} ${failure.reason}`, expected, code);
  }
  assert.equal(failureOfCode("EMFILE").value, 24, "local reasons carry the errno");
});
