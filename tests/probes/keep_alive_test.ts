/** Connections that serve one http check after another on the raw engine, and the addresses that checks are sent from. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { HTTP } from "../../src/probes/http.ts";
import { TCP } from "../../src/probes/tcp.ts";
import { eventually, openSockets, serveRaw } from "../net/sockets.ts";
import { check, verdict } from "./check.ts";
import { createRawChecker, type RawChecker } from "./raw_check.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async function withRaw(
  context: { skip(message: string): void },
  run: (raw: RawChecker) => Promise<void>,
): Promise<void> {
  using raw = await createRawChecker();
  if (raw === undefined) return context.skip("no FFI here");
  await run(raw);
}

/** `answer` gets the connection and how many requests came over it. */
function serve(answer: (socket: Socket, request: number) => void) {
  return serveRaw((socket) => {
    let requests = 0;
    socket.on("data", () => answer(socket, ++requests));
  });
}

test("checks in turn share one connection, whatever they come to", (context) =>
  withRaw(context, async (raw) => {
    const answers = [
      [OK, "pass none 0"],
      ["HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "fail status 503"],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "pass none 0"],
      ["HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n", "pass none 0"],
    ] as const;
    let served = 0;
    await using server = await serve((socket) => socket.write(answers[served++ % 4]?.[0] as string));
    const url = `http://127.0.0.1:${server.port}/`;
    for (let i = 0; i < 40; i++) {
      const result = await raw.check(HTTP, { url, "keep_alive": true });
      assert.equal(verdict(result), answers[i % 4]?.[1]);
      assert.equal(result.connectUs === undefined, i > 0, "only the first connects");
    }
    // Through the reader, too.
    served = 0;
    await raw.check(HTTP, { url, "keep_alive": true, "body_contains": "ok" });
    assert.equal(server.accepted(), 1);
    await raw.check(HTTP, { url });
    assert.equal(server.accepted(), 2, "others connect anew");
  }));

test("a connection that could not be read to its end, or that the peer ends, is not used again", (context) =>
  withRaw(context, async (raw) => {
    const answers = [
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
      `${OK}HTTP/1.1 500 Not yours\r\n\r\n`,
      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ];
    for (const answer of answers) {
      await using server = await serve((socket) => socket.write(answer));
      const url = `http://127.0.0.1:${server.port}/`;
      for (const more of [{}, { "body_not_contains": "x" }]) {
        const config = { url, "keep_alive": true, "expected_status": "100-299", ...more };
        const before = server.accepted();
        for (let i = 0; i < 3; i++) {
          assert.equal(verdict(await raw.check(HTTP, config)), "pass none 0", answer);
        }
        assert.equal(server.accepted() - before, 3, answer);
      }
    }
    await using server = await serve((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nok"));
    const url = `http://127.0.0.1:${server.port}/`;
    for (let i = 0; i < 3; i++) {
      assert.equal(verdict(await raw.check(HTTP, { url, "keep_alive": true })), "pass none 0");
    }
    assert.equal(server.accepted(), 3);
  }));

test("a kept connection that turns out dead is replaced once, within the attempt", (context) =>
  withRaw(context, async (raw) => {
    const deaths: readonly (readonly [string, (socket: Socket) => void])[] = [
      ["resets", (socket) => socket.resetAndDestroy()],
      ["closes", (socket) => socket.end()],
    ];
    for (const [name, die] of deaths) {
      await using server = await serve((socket, request) => request === 1 ? socket.write(OK) : die(socket));
      const config = { url: `http://127.0.0.1:${server.port}/`, "keep_alive": true };
      for (let i = 0; i < 5; i++) {
        const result = await raw.check(HTTP, config);
        assert.equal(`${verdict(result)} ${result.attempts}`, "pass none 0 1", name);
      }
      assert.equal(server.accepted(), 5, name);
    }
  }));

test("a target that is dead over a new connection too has failed", (context) =>
  withRaw(context, async (raw) => {
    let alive = true;
    await using server = await serve((socket) => alive ? socket.write(OK) : socket.end());
    const config = { url: `http://127.0.0.1:${server.port}/`, "keep_alive": true };
    assert.equal(verdict(await raw.check(HTTP, config)), "pass none 0");
    alive = false;
    const dead = await raw.check(HTTP, config);
    assert.equal(`${verdict(dead)} ${dead.attempts}`, "fail closed_early 0 1");
    assert.equal(server.accepted(), 2);
  }));

test("an answer that breaks off over a kept connection is the target's failure", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serve((socket, request) =>
      request === 1 ? socket.write(OK) : socket.end("HTTP/1.1 2")
    );
    const config = { url: `http://127.0.0.1:${server.port}/`, "keep_alive": true };
    await raw.check(HTTP, config);
    assert.equal(verdict(await raw.check(HTTP, config)), "fail closed_early 0");
    assert.equal(server.accepted(), 1);
  }));

test("silence over a kept connection ends at the deadline, once", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serve((socket, request) => request === 1 && socket.write(OK));
    const config = { url: `http://127.0.0.1:${server.port}/`, "keep_alive": true };
    await raw.check(HTTP, config);
    const silent = await raw.check(HTTP, config, { timeoutMs: 150 });
    assert.equal(verdict(silent), "fail response_timeout 150");
    assert.ok(silent.tookMs < 300, `${silent.tookMs} ms`);
    assert.equal(server.accepted(), 1);
  }));

test("a peer that ends an idle connection, or speaks out of turn, is noticed and the descriptor freed", (context) =>
  withRaw(context, async (raw) => {
    const before = openSockets();
    const kept: Socket[] = [];
    const server = await serve((socket) => {
      kept.push(socket);
      socket.write(OK);
    });
    const config = { url: `http://127.0.0.1:${server.port}/`, "keep_alive": true };
    await raw.check(HTTP, config);
    kept.pop()?.end("surprise");
    // The other end's: it takes a look at the sockets to see it, which a check of another target brings.
    await using other = await serveRaw(() => {});
    await eventually(() => {
      void raw.check(TCP, { host: "127.0.0.1", port: other.port });
      return false;
    }, 60);
    assert.equal(verdict(await raw.check(HTTP, config)), "pass none 0");
    assert.equal(server.accepted(), 2);
    await server[Symbol.asyncDispose]();
    await raw.check(TCP, { host: "127.0.0.1", port: other.port });
    assert.ok(
      await eventually(() => openSockets() <= before + 3),
      `${openSockets()} sockets, ${before} before`,
    );
  }));

test("requests that change things take a new connection each", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serve((socket) => socket.write(OK));
    const config = { url: `http://127.0.0.1:${server.port}/`, "keep_alive": true, method: "POST", body: "x" };
    for (let i = 0; i < 3; i++) assert.equal(verdict(await raw.check(HTTP, config)), "pass none 0");
    assert.equal(server.accepted(), 3);
  }));

test("many at once keep no more than eight connections to one peer", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serve((socket) => setTimeout(() => socket.write(OK), 20));
    const config = { url: `http://127.0.0.1:${server.port}/`, "keep_alive": true };
    const many = () => Promise.all(Array.from({ length: 30 }, () => raw.check(HTTP, config)));
    for (const result of await many()) assert.equal(verdict(result), "pass none 0");
    assert.equal(server.accepted(), 30);
    for (const result of await many()) assert.equal(verdict(result), "pass none 0");
    assert.equal(server.accepted(), 52);
  }));

test("checks are sent from the address that is asked for, by both engines", (context) =>
  withRaw(context, async (raw) => {
    const seen: (string | undefined)[] = [];
    await using server = await serveRaw((socket) => {
      seen.push(socket.remoteAddress);
      socket.on("data", () => socket.write(OK));
    });
    const { port } = server;
    const url = `http://127.0.0.1:${port}/`;
    for (const run of [raw.check, check]) {
      assert.equal(verdict(await run(HTTP, { url, source: "127.0.0.9" })), "pass none 0");
      const talk = { host: "127.0.0.1", port, source: "127.0.0.8", send: "?", expect: "200" };
      assert.equal(verdict(await run(TCP, talk)), "pass none 0");
      await eventually(() => seen.length === 2);
      assert.deepEqual(seen.splice(0), ["127.0.0.9", "127.0.0.8"]);
    }
    // Kept connections are told apart by it.
    for (const source of ["127.0.0.7", "127.0.0.6", "127.0.0.7", "127.0.0.6"]) {
      await raw.check(HTTP, { url, source, "keep_alive": true });
    }
    assert.deepEqual(seen, ["127.0.0.7", "127.0.0.6"]);
  }));

test("a source address that this machine does not have is our own fault", (context) =>
  withRaw(context, async (raw) => {
    await using server = await serveRaw(() => {});
    const { port } = server;
    for (const run of [raw.check, check]) {
      for (const source of ["192.0.2.77", "2001:db8::77"]) {
        const http = await run(HTTP, { url: `http://127.0.0.1:${port}/`, source });
        assert.equal(http.outcome, "local", verdict(http));
        assert.equal(http.text, `cannot send from ${source}`);
        const tcp = await run(TCP, { host: "127.0.0.1", port, source });
        assert.equal(`${tcp.outcome} ${tcp.text}`, `local cannot send from ${source}`);
      }
    }
    assert.equal(server.accepted(), 0);
  }));
