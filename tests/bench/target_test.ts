import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { test } from "node:test";
import { startMockTarget, startTarget, type Target } from "../../bench/target.ts";
import { buildBinary } from "../support/binary.ts";

/** What comes back for one request: text, "reset", "refused", or "nothing" within the limit. */
function ask(port: number, { host = "127.1.0.1", limitMs = 20_000 } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    let text = "";
    const timer = setTimeout(() => end("nothing"), limitMs);
    const end = (answer: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => socket.write("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    socket.on("data", (chunk) => text += String(chunk));
    socket.on("end", () => end(text === "" ? "reset" : text));
    socket.on(
      "error",
      (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED" ? "refused" : "reset"),
    );
  });
}

test("each port of the target does what it is named for, on every loopback address, and is counted", async () => {
  await using target = await startTarget({ core: undefined });
  await checkTarget(target);
});

test("the mock fleet stands in for it where there is no C compiler", async () => {
  buildBinary();
  await using target = await startMockTarget({ core: undefined });
  await checkTarget(target);
});

async function checkTarget(target: Target): Promise<void> {
  const { ports } = target;
  assert.match(await ask(ports.ok, { host: "127.3.2.1" }), /^HTTP\/1\.1 200 OK[^]*ok\n$/);
  assert.equal(await ask(ports.hung, { limitMs: 300 }), "nothing");
  assert.equal(await ask(ports.reset), "reset");
  assert.match(await ask(ports.mortal), /200 OK/);
  await target.die();
  await target.die();
  assert.equal(await ask(ports.mortal), "refused");
  await target.live();
  assert.match(await ask(ports.mortal), /200 OK/);
  await target.delay(100);
  const startedMs = performance.now();
  assert.match(await ask(ports.slow), /200 OK/);
  assert.ok(performance.now() - startedMs >= 99);
  assert.deepEqual(await target.hits(), { ok: 1, hung: 1, reset: 1, mortal: 2, slow: 1 });
}
