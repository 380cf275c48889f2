import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { isPlainAddress, writeSocketAddress } from "../../../src/net/raw/socket_address.ts";

function written(text: string, port = 0x1f90): string {
  const bytes = Buffer.from(`[${text}]`);
  const into = new Uint8Array(64).fill(0xee);
  const length = writeSocketAddress(bytes, { hostFrom: 1, hostTo: bytes.length - 1, port }, into);
  return Buffer.from(into.subarray(0, length)).toString("hex");
}

test("IPv4 literals become struct sockaddr_in", () => {
  assert.equal(written("127.0.0.1"), "02001f907f0000010000000000000000");
  assert.equal(written("255.1.20.3", 80), "02000050ff0114030000000000000000");
});

test("IPv6 literals in every form become struct sockaddr_in6", () => {
  const address = (text: string) => written(text).slice(16, 48);
  const cases: readonly [string, string][] = [
    ["::", "0".repeat(32)],
    ["::1", `${"0".repeat(31)}1`],
    ["1::", `0001${"0".repeat(28)}`],
    ["2001:db8::8:800:200c:417A", "20010db80000000000080800200c417a"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
    ["fe80::ABCD", "fe80000000000000000000000000abcd"],
  ];
  for (const [text, wanted] of cases) assert.equal(address(text), wanted, text);
  assert.equal(written("::1").slice(0, 8), "0a001f90");
  assert.equal(written("::1").length, 56);
});

test("what is not a plain address is told", () => {
  for (const host of ["127.0.0.1", "::1", "2001:db8::1"]) assert.equal(isPlainAddress(host), true, host);
  for (const host of ["localhost", "127.1", "::ffff:1.2.3.4", "fe80::1%lo", "1.2.3.256", ""]) {
    assert.equal(isPlainAddress(host), false, host);
  }
});
