/** Echo packets in bytes, held against packets written out from the RFCs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../src/base/prng.ts";
import { checksum, ECHO_BYTES, emptyFound, readAnswer, writeEcho } from "../../../src/net/raw/icmp_packet.ts";

const ECHO = {
  identifier: 0x1234,
  sequence: 0xfffe,
  nonce: 0xdeadbeef,
  slot: 16383,
  check: 0xffffffff,
  index: 99,
};

function packet(family: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(ECHO_BYTES).fill(7);
  writeEcho(bytes, ECHO, family);
  return bytes;
}

/** RFC 791 §3.1, without options unless asked for. */
function ipv4(payload: Uint8Array, { protocol = 1, optionBytes = 0 } = {}): Uint8Array {
  const bytes = new Uint8Array(20 + optionBytes + payload.length);
  bytes[0] = 0x40 | ((20 + optionBytes) / 4);
  bytes[9] = protocol;
  bytes.set([192, 0, 2, 1], 12);
  bytes.set([192, 0, 2, 2], 16);
  bytes.set(payload, 20 + optionBytes);
  return bytes;
}

/** RFC 8200 §3. */
function ipv6(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(40 + payload.length);
  bytes[0] = 0x60;
  bytes[6] = 58;
  bytes[39] = 9;
  bytes.set(payload, 40);
  return bytes;
}

function icmp(type: number, code: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + rest.length);
  bytes[0] = type;
  bytes[1] = code;
  bytes.set(rest, 8);
  const sum = checksum(bytes, 0, bytes.length);
  bytes[2] = sum >>> 8;
  bytes[3] = sum & 255;
  return bytes;
}

function replyTo(request: Uint8Array, family: 4 | 6): Uint8Array {
  const bytes = request.slice();
  bytes[0] = family === 4 ? 0 : 129;
  bytes[2] = bytes[3] = 0;
  const sum = checksum(bytes, 0, bytes.length);
  bytes[2] = sum >>> 8;
  bytes[3] = sum & 255;
  return bytes;
}

function read(bytes: Uint8Array, family: 4 | 6, hasIpHeader: boolean) {
  const found = emptyFound();
  // Not at the beginning, as in a batch.
  const padded = new Uint8Array(bytes.length + 64);
  padded.set(bytes, 32);
  const range = { from: 32, to: 32 + bytes.length, family, hasIpHeader };
  return { answer: readAnswer(padded, range, found), found };
}

test("the checksum is RFC 1071's", () => {
  // Its own example (§3): 0001 f203 f4f5 f6f7 sums to ddf2.
  const example = Uint8Array.from([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
  assert.equal(checksum(example, 0, 8), 0xddf2 ^ 0xffff);
  assert.equal(checksum(Uint8Array.from([1, 2, 3]), 0, 3), (0x0102 + 0x0300) ^ 0xffff);
  assert.equal(checksum(packet(4), 0, ECHO_BYTES), 0);
});

test("a request's answer is read back whole, with and without IP header", () => {
  for (const optionBytes of [0, 8, 40]) {
    const { answer, found } = read(ipv4(replyTo(packet(4), 4), { optionBytes }), 4, true);
    assert.equal(answer, "reply");
    assert.deepEqual(found.echo, ECHO);
  }
  assert.equal(read(replyTo(packet(4), 4), 4, false).answer, "reply");
  const v6 = read(replyTo(packet(6), 6), 6, false);
  assert.equal(v6.answer, "reply");
  assert.deepEqual(v6.found.echo, ECHO);
});

test("a broken checksum, another type, another length or protocol is foreign", () => {
  const reply = replyTo(packet(4), 4);
  const broken = reply.slice();
  broken[30] = (broken[30] as number) ^ 1;
  assert.equal(read(ipv4(broken), 4, true).answer, "foreign");
  assert.equal(read(ipv4(packet(4)), 4, true).answer, "foreign", "a request, as raw sockets see on loopback");
  assert.equal(read(ipv4(icmp(0, 0, new Uint8Array(24))), 4, true).answer, "foreign", "ping of 32 bytes");
  assert.equal(read(ipv4(reply, { protocol: 17 }), 4, true).answer, "foreign");
  assert.equal(read(ipv4(icmp(5, 0, ipv4(packet(4)))), 4, true).answer, "foreign", "a redirect");
});

test("errors quote our packet: whole, or no more than eight bytes of it (RFC 792)", () => {
  const whole = read(ipv4(icmp(3, 13, ipv4(packet(4)))), 4, true);
  assert.equal(whole.answer, "error");
  assert.deepEqual([whole.found.type, whole.found.code, whole.found.hasToken], [3, 13, true]);
  assert.deepEqual(whole.found.echo, ECHO);
  const short = read(ipv4(icmp(11, 0, ipv4(packet(4).subarray(0, 8)))), 4, true);
  assert.equal(short.answer, "error");
  assert.deepEqual([short.found.type, short.found.hasToken, short.found.echo.sequence], [11, false, 0xfffe]);
  const v6 = read(icmp(1, 3, ipv6(packet(6))), 6, false);
  assert.equal(v6.answer, "error");
  assert.deepEqual([v6.found.type, v6.found.code, v6.found.hasToken], [1, 3, true]);
  assert.equal(read(ipv4(icmp(3, 1, ipv4(packet(4), { protocol: 6 }))), 4, true).answer, "foreign");
  assert.equal(read(ipv4(icmp(3, 1, ipv4(packet(4)).subarray(0, 27))), 4, true).answer, "foreign");
});

test("no bytes at all, cut or mutated, are more than foreign by accident", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = seededRandom(seed);
  const seeds = [
    ipv4(replyTo(packet(4), 4)),
    ipv4(icmp(3, 1, ipv4(packet(4)))),
    replyTo(packet(6), 6),
    icmp(1, 0, ipv6(packet(6))),
  ];
  for (let run = 0; run < 20_000; run++) {
    const family = run % 4 < 2 ? 4 : 6;
    const bytes = (seeds[run % 4] as Uint8Array).slice();
    for (let more = 1 + Math.floor(random() * 3); more > 0; more--) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const cut = bytes.subarray(0, random() < 0.5 ? bytes.length : Math.floor(random() * bytes.length));
    const { answer, found } = read(cut, family, family === 4);
    if (family === 4 && answer !== "foreign") {
      assert.ok(checksum(cut, ((cut[0] as number) & 15) * 4, cut.length) === 0, `seed ${seed}`);
    }
    if (answer === "reply") assert.ok(found.hasToken);
  }
});
