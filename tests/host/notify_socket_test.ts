import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openNotifySocket } from "../../src/host/notify_socket.ts";
import { tempFolder } from "../support/binary.ts";
import { openNotifyReceiver } from "../support/notify_receiver.ts";

test("datagrams reach a socket by its path and by its abstract name", async () => {
  using folder = tempFolder();
  for (const address of [join(folder.path, "notify"), `@cpra-test-${process.pid}-${performance.now()}`]) {
    using receiver = await openNotifyReceiver(address);
    const socket = await openNotifySocket(address);
    assert.ok(socket);
    assert.equal(socket.send("READY=1\nSTATUS=grün"), true);
    assert.equal(receiver.next(), "READY=1\nSTATUS=grün");
    assert.equal(receiver.next(), undefined);
    socket.close();
  }
});

test("nobody there, or a queue that is full: it says so and waits for nothing", async () => {
  using folder = tempFolder();
  const address = join(folder.path, "notify");
  const nobody = await openNotifySocket(address);
  assert.equal(nobody?.send("READY=1"), false);
  nobody?.close();
  using receiver = await openNotifyReceiver(address);
  const socket = await openNotifySocket(address);
  let taken = 0;
  while (taken < 100_000 && socket?.send("WATCHDOG=1")) taken++;
  assert.ok(taken > 0 && taken < 100_000);
  assert.equal(receiver.next(), "WATCHDOG=1");
  assert.equal(socket?.send("WATCHDOG=1"), true);
  socket?.close();
});

test("what is no address of a socket is none", async () => {
  for (const address of ["", "relative", "vsock:2:1", "@", "/", `/${"x".repeat(200)}`]) {
    assert.equal(await openNotifySocket(address), undefined, address);
  }
});

test("the monotonic clock is the kernel's, in µs, and goes on", async () => {
  const socket = await openNotifySocket("/nowhere");
  const [before, after] = [socket?.monotonicUs() ?? 0n, socket?.monotonicUs() ?? 0n];
  assert.ok(before > 1_000_000n && after >= before && after - before < 10_000_000n);
  socket?.close();
});
