import { test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { openIdleListener } from "../../src/host/idle_listener.ts";

/** "connected", an error code, or "hangs" when nothing happened within `waitMs`. */
function tryConnect(place: { host: string; port: number; waitMs: number }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(place.port, place.host);
    const settle = (what: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    const timer = setTimeout(() => settle("hangs"), place.waitMs);
    socket.once("connect", () => settle("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => settle(error.code ?? "error"));
  });
}

test("openIdleListener() leaves every client hanging in connect(), and refuses after close()", async () => {
  const listener = await openIdleListener({ host: "127.77.0.1", port: 0 });
  const place = { host: "127.77.0.1", port: listener.port, waitMs: 400 };
  const seen = await Promise.all([tryConnect(place), tryConnect(place), tryConnect(place)]);
  assert.deepEqual(seen, ["hangs", "hangs", "hangs"]);
  listener.close();
  assert.equal(await tryConnect({ ...place, waitMs: 5000 }), "ECONNREFUSED");
});

test("openIdleListener() takes a port again right after it was closed", async () => {
  const first = await openIdleListener({ host: "127.77.0.2", port: 0 });
  first.close();
  const second = await openIdleListener({ host: "127.77.0.2", port: first.port });
  assert.equal(second.port, first.port);
  second.close();
});

test("openIdleListener() says so when the port is taken", async () => {
  const first = await openIdleListener({ host: "127.77.0.3", port: 0 });
  await assert.rejects(openIdleListener({ host: "127.77.0.3", port: first.port }));
  first.close();
});
