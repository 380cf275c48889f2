import { test } from "node:test";
import assert from "node:assert/strict";
import { startTargets } from "../../mock-servers/targets.ts";
import type { FaultInput } from "../../mock-servers/target_faults.ts";
import type { Clock } from "../../src/base/clock.ts";
import { GET, talk } from "./raw_client.ts";

const KEEP = "GET /a?b HTTP/1.1\r\nHost: mock\r\n\r\n";

test("a healthy target answers 200 ok, and closes when asked to", async () => {
  await using targets = await startTargets({ count: 100 });
  const seen = await talk(targets.addressOf(7));
  assert.match(seen.text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok\n$/);
  assert.equal(seen.end, "fin");
});

test("a healthy target keeps the connection and answers pipelined requests in order", async () => {
  await using targets = await startTargets({ count: 1 });
  await targets.set(0, { kind: "slow", delayMs: 20 }, { path: "/slow" });
  const send = `${KEEP}GET /slow HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n${GET}`;
  const seen = await talk(targets.addressOf(0), { send });
  assert.equal(seen.text.split("HTTP/1.1 200 OK").length - 1, 4);
  assert.equal(seen.text.split("ok\n").length - 1, 3, "HEAD has no body");
  assert.equal(seen.end, "fin");
  assert.equal(targets.stats().requests, 4);
});

test("a healthy target echoes what is no HTTP", async () => {
  await using targets = await startTargets({ count: 1 });
  assert.equal((await talk(targets.addressOf(0), { send: "PING\r\n", enoughBytes: 6 })).text, "PING\r\n");
  assert.equal((await talk(targets.addressOf(0), { send: "", silenceMs: 100 })).connected, true);
});

test("a request that can never be one is answered with 400", async () => {
  await using targets = await startTargets({ count: 1 });
  const seen = await talk(targets.addressOf(0), { send: "GET / x HTTP/1.1\r\n\r\n" });
  assert.match(seen.text, /^HTTP\/1\.1 400 /);
  assert.equal(seen.end, "fin");
});

test("a fault is seen by its own target only, and up clears it", async () => {
  await using targets = await startTargets({ count: 600, ports: [0, 0] });
  await targets.set(301, { kind: "status", code: 503 });
  assert.match((await talk(targets.addressOf(301))).text, /^HTTP\/1\.1 503 /);
  for (const index of [299, 300, 302]) {
    assert.match((await talk(targets.addressOf(index))).text, /^HTTP\/1\.1 200 /);
  }
  await targets.set(301, { kind: "up" });
  assert.match((await talk(targets.addressOf(301))).text, /^HTTP\/1\.1 200 /);
  const stats = targets.stats();
  assert.deepEqual([stats.accepted, stats.requests, stats.faulty], [5, 5, 0]);
  assert.deepEqual([stats.requestsBy[301], stats.acceptedBy[301], stats.requestsBy[300]], [2, 2, 1]);
});

test("refused: connect() gets ECONNREFUSED, and the target comes back on the same port", async () => {
  await using targets = await startTargets({ count: 1, own: 2 });
  const place = targets.addressOf(1);
  await targets.set(1, { kind: "refused" });
  assert.deepEqual(await talk(place), { connected: false, text: "", end: "ECONNREFUSED" });
  assert.equal((await talk(targets.addressOf(2))).end, "fin", "its neighbour is not touched");
  await targets.set(1, { kind: "up" });
  assert.deepEqual(targets.addressOf(1), place);
  assert.match((await talk(place)).text, /^HTTP\/1\.1 200 /);
});

test("refused: what is connected gets a reset, as when a process dies", async () => {
  await using targets = await startTargets({ count: 0, own: 1 });
  await targets.set(0, { kind: "hang" });
  const waiting = talk(targets.addressOf(0), { silenceMs: 10_000 });
  while (targets.stats().requests === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await targets.set(0, { kind: "refused" });
  assert.equal((await waiting).end, "ECONNRESET");
});

test("unaccepted: connect() hangs, and works again afterwards", async () => {
  await using targets = await startTargets({ count: 0, own: 1 });
  await targets.set(0, { kind: "unaccepted" });
  assert.deepEqual(await talk(targets.addressOf(0)), { connected: false, text: "", end: "silence" });
  await targets.set(0, { kind: "refused" });
  assert.equal((await talk(targets.addressOf(0))).end, "ECONNREFUSED");
  await targets.set(0, { kind: "up" });
  assert.match((await talk(targets.addressOf(0))).text, /^HTTP\/1\.1 200 /);
});

test("refused is refused for one of several targets on a port, and done for the whole port", async () => {
  await using targets = await startTargets({ count: 5, ports: [0, 0] });
  const { port } = targets.addressOf(0);
  await assert.rejects(
    targets.set(2, { kind: "refused" }),
    new RegExp(`Cannot set "refused" for 1 of the 3 targets on port ${port}`),
  );
  await targets.set({ port }, { kind: "refused" });
  assert.equal((await talk(targets.addressOf(4))).end, "ECONNREFUSED");
  assert.equal((await talk(targets.addressOf(1))).end, "fin", "the other port");
  await assert.rejects(targets.set(2, { kind: "up" }), /match the whole port/);
  await targets.set({ all: true }, { kind: "up" });
  assert.equal((await talk(targets.addressOf(4))).end, "fin");
});

test("hang: accepts, reads, says nothing", async () => {
  await using targets = await startTargets({ count: 1 });
  await targets.set(0, { kind: "hang" });
  assert.deepEqual(await talk(targets.addressOf(0)), { connected: true, text: "", end: "silence" });
  assert.equal(targets.stats().requests, 1);
});

test("slow: answers after the delay, then drips byte by byte", async () => {
  await using targets = await startTargets({ count: 1 });
  await targets.set(0, { kind: "slow", delayMs: 150, dripMs: 2 });
  const startedMs = performance.now();
  const seen = await talk(targets.addressOf(0), { silenceMs: 3000 });
  const tookMs = performance.now() - startedMs;
  assert.match(seen.text, /^HTTP\/1\.1 200 OK\r\n[^]*ok\n$/);
  assert.equal(seen.end, "fin");
  assert.ok(tookMs >= 140 + seen.text.length, `${seen.text.length} bytes took ${tookMs} ms`);
});

test("status, body and redirect change the answer and nothing else", async () => {
  await using targets = await startTargets({ count: 3 });
  await targets.set(0, { kind: "status" });
  await targets.set(1, { kind: "body", text: "gone ✗" });
  await targets.set(2, { kind: "redirect" });
  assert.match((await talk(targets.addressOf(0))).text, /^HTTP\/1\.1 500 /);
  assert.match((await talk(targets.addressOf(1))).text, /^HTTP\/1\.1 200 [^]*Content-Length: 8\r\n/);
  const looped = await talk(targets.addressOf(2), { send: "GET /x/y?z HTTP/1.0\r\n\r\n" });
  assert.match(looped.text, /^HTTP\/1\.1 302 [^]*\r\nLocation: \/x\/y\r\n/);
  await targets.set(2, { kind: "redirect", to: "https://elsewhere.test/" });
  assert.match((await talk(targets.addressOf(2))).text, /\r\nLocation: https:\/\/elsewhere\.test\/\r\n/);
});

test("reset: RST after accept, instead of the answer, or with half of it sent", async () => {
  await using targets = await startTargets({ count: 1 });
  for (const at of ["accept", "request"] as const) {
    await targets.set(0, { kind: "reset", at });
    const seen = await talk(targets.addressOf(0), { send: at === "accept" ? "" : GET });
    assert.deepEqual([seen.text, seen.end], ["", "ECONNRESET"], at);
  }
  await targets.set(0, { kind: "reset", at: "answer" });
  const cut = await talk(targets.addressOf(0));
  assert.equal(cut.end, "ECONNRESET");
  assert.doesNotMatch(cut.text, /ok\n$/);
});

test("half_close: FIN instead of the answer or after half of it", async () => {
  await using targets = await startTargets({ count: 1 });
  await targets.set(0, { kind: "half_close", at: "request" });
  assert.deepEqual(await talk(targets.addressOf(0)), { connected: true, text: "", end: "fin" });
  await targets.set(0, { kind: "half_close" });
  const half = await talk(targets.addressOf(0));
  assert.equal(half.end, "fin");
  assert.match(half.text, /^HTTP\/1\.1 200 OK/);
  assert.doesNotMatch(half.text, /ok\n$/);
});

test("garbage: as many random bytes as asked for, the same for the same seed", async () => {
  const texts: string[] = [];
  for (const seed of [5, 5, 6]) {
    await using targets = await startTargets({ count: 1, seed });
    await targets.set(0, { kind: "garbage", bytes: 999 });
    const seen = await talk(targets.addressOf(0));
    assert.deepEqual([seen.end, seen.text.length], ["fin", 999]);
    texts.push(seen.text);
  }
  assert.equal(texts[0], texts[1]);
  assert.notEqual(texts[0], texts[2]);
});

test("endless_body and endless_headers go on until the client has had enough", async () => {
  await using targets = await startTargets({ count: 1 });
  const enoughBytes = 3 << 20;
  const faults: readonly (readonly [FaultInput, RegExp])[] = [
    [{ kind: "endless_body" }, /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain\r\n\r\nall work/],
    [{ kind: "endless_body", chunked: true }, /\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\nall work/],
    [{ kind: "endless_headers" }, /^HTTP\/1\.1 200 OK\r\nX-Filler: f+\r\nX-Filler: /],
  ];
  for (const [fault, start] of faults) {
    await targets.set(0, fault);
    const seen = await talk(targets.addressOf(0), { enoughBytes });
    assert.equal(seen.end, "enough");
    assert.match(seen.text, start);
  }
  await targets.set(0, { kind: "up" });
  assert.match((await talk(targets.addressOf(0))).text, /^HTTP\/1\.1 200 /, "the fleet still answers");
});

test("flapping follows its schedule and phase", async () => {
  let nowMs = 1000;
  const clock: Clock = { monoMs: () => nowMs, wallMs: () => 0 };
  await using targets = await startTargets({ count: 1, clock });
  await targets.set(0, { kind: "flapping", upSeconds: 10, downSeconds: 5, phaseSeconds: 3 });
  const seen: string[] = [];
  for (const elapsedMs of [0, 6999, 7001, 11_999, 12_001, 21_999, 22_001]) {
    nowMs = 1000 + elapsedMs;
    seen.push((await talk(targets.addressOf(0))).text.slice(9, 12));
  }
  assert.deepEqual(seen, ["200", "200", "500", "500", "200", "200", "500"]);
});

test("flapping can close the listening socket itself", async () => {
  await using targets = await startTargets({ count: 0, own: 1 });
  await targets.set(0, { kind: "flapping", upSeconds: 0.2, downSeconds: 0.2, as: { kind: "refused" } });
  const ends = new Set<string>();
  const deadlineMs = performance.now() + 10_000;
  // At the edge itself a connection may be reset.
  while (!(ends.has("fin") && ends.has("ECONNREFUSED"))) {
    ends.add((await talk(targets.addressOf(0))).end);
    assert.ok(performance.now() < deadlineMs, `seen in 10 s: ${[...ends].join(", ")}`);
  }
  await targets.set(0, { kind: "up" });
  assert.equal((await talk(targets.addressOf(0))).end, "fin");
});

test("a fault for a time goes by itself, unless another one was set meanwhile", async () => {
  await using targets = await startTargets({ count: 2, own: 1 });
  await targets.set(0, { kind: "hang" }, { forMs: 30 });
  await targets.set(1, { kind: "hang" }, { forMs: 30 });
  await targets.set(2, { kind: "refused" }, { forMs: 30 });
  await targets.set(1, { kind: "garbage" });
  const deadlineMs = performance.now() + 10_000;
  while (targets.stats().faulty > 1 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual([0, 1, 2].map((index) => targets.faultOf(index).kind), ["up", "garbage", "up"]);
  while ((await talk(targets.addressOf(2))).end !== "fin") assert.ok(performance.now() < deadlineMs);
});

test("repair() clears the fault, unless it resists", async () => {
  await using targets = await startTargets({ count: 0, own: 1 });
  await targets.set(0, { kind: "refused" }, { resistRepairs: 1, repairMs: 10 });
  assert.equal(await targets.repair(0), false);
  assert.equal((await talk(targets.addressOf(0))).end, "ECONNREFUSED");
  assert.equal(await targets.repair(0), true);
  assert.equal((await talk(targets.addressOf(0))).end, "fin");
  const { repaired, repairsFailed } = targets.stats();
  assert.deepEqual([repaired, repairsFailed], [1, 1]);
});

test("a fraction is a seeded choice, and a smaller one is part of a larger", async () => {
  await using targets = await startTargets({ count: 10_000, seed: 9 });
  await targets.set({ fraction: 0.1 }, { kind: "hang" });
  const tenth = new Set(targets.faulty());
  assert.ok(tenth.size > 850 && tenth.size < 1150, `seed 9 chose ${tenth.size}`);
  await targets.set({ all: true }, { kind: "up" });
  await targets.set({ fraction: 0.02, range: [0, 4999] }, { kind: "hang" });
  const few = [...targets.faulty()];
  assert.ok(few.length > 60 && few.length < 140, `seed 9 chose ${few.length}`);
  assert.ok(few.every((index) => index < 5000 && tenth.has(index)));
});

test("an empty or unknown match is an error, never everything", async () => {
  await using targets = await startTargets({ count: 10 });
  await assert.rejects(targets.set({}, { kind: "hang" }), /at least one of/);
  await assert.rejects(targets.set(10, { kind: "hang" }), /no target matches/);
  await assert.rejects(targets.set(1, { kind: "refused" }, { path: "/x" }), /whole socket/);
  assert.equal(targets.stats().faulty, 0);
});

test("startTargets() says which port is taken", async () => {
  await using targets = await startTargets({ count: 1 });
  const { port } = targets.addressOf(0);
  await assert.rejects(
    startTargets({ count: 1, ports: [port] }),
    new RegExp(`Cannot listen on 0\\.0\\.0\\.0:${port}`),
  );
});
