import { Buffer } from "node:buffer";
import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { hostOfSlot, sharedPlace, SLOT_COUNT, slotOfHost } from "../../mock-servers/target_addresses.ts";
import { readRequest } from "../../mock-servers/target_request.ts";

const read = (text: string) => readRequest(Buffer.from(text, "latin1"));

test("readRequest() finds path, body length and what becomes of the connection", () => {
  const request = { protocol: "http", headOnly: false, close: false };
  const get = "GET /a/b?c=d HTTP/1.1\r\nHost: x\r\n\r\n";
  assert.deepEqual(read(get), { ...request, bytes: get.length, path: "/a/b" });
  assert.deepEqual(read(`${get}GET`), { ...request, bytes: get.length, path: "/a/b" });
  const post = "POST / HTTP/1.1\r\ncontent-LENGTH:  3\r\nConnection: Close\r\n\r\nabc";
  assert.deepEqual(read(post), { ...request, bytes: post.length, path: "/", close: true });
  assert.deepEqual(read("HEAD / HTTP/1.0\r\n\r\n"), {
    ...request,
    bytes: 19,
    path: "/",
    headOnly: true,
    close: true,
  });
});

test("readRequest() refuses what it does not take", () => {
  assert.equal(read("GET /\r\n\r\n"), "bad");
  assert.equal(read("GET /\u0001 HTTP/1.1\r\n\r\n"), "bad");
  assert.equal(read("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), "bad");
  assert.equal(read("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), "bad");
  assert.equal(read(`GET / HTTP/1.1\r\nX: ${"x".repeat(40_000)}`), "bad");
});

test("readRequest() asks for more until the last byte is there, however the request is cut", () => {
  const whole = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345";
  for (let cut = 0; cut < whole.length; cut++) {
    assert.equal(read(whole.slice(0, cut)), "more", `cut at ${cut}`);
  }
});

test("readRequest() takes anything that does not begin as a request for an echo", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
    const request = readRequest(Buffer.from(bytes));
    const text = Buffer.from(bytes).toString("latin1");
    if (/^[A-Z]{0,7}$/.test(text) || /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /.test(text)) return;
    assert.deepEqual(request, {
      protocol: "echo",
      bytes: bytes.length,
      path: "",
      headOnly: false,
      close: false,
    });
  }));
});

test("every slot has an address of its own, and the address leads back to it", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: SLOT_COUNT - 1 }), (slot) => {
    const host = hostOfSlot(slot);
    assert.equal(slotOfHost(host), slot);
    assert.match(
      host,
      /^127\.([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])\.\d{1,3}\.([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-4])$/,
    );
  }));
  assert.deepEqual([0, 253, 254].map(hostOfSlot), ["127.1.0.1", "127.1.0.254", "127.1.1.1"]);
  assert.deepEqual(["127.0.0.1", "127.255.0.1", "127.1.0.0", "127.1.0.255", "10.0.0.1", ""].map(slotOfHost), [
    -1,
    -1,
    -1,
    -1,
    -1,
    -1,
  ]);
  assert.deepEqual(sharedPlace(5, [80, 81]), { host: "127.1.0.3", port: 81 });
});
