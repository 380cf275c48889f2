import { test } from "node:test";
import assert from "node:assert/strict";
import { startTargets } from "../../mock-servers/targets.ts";
import { talk } from "./raw_client.ts";

async function call(url: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const init = body === undefined
    ? {}
    : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await fetch(url, init);
  return { status: response.status, body: await response.json() as Record<string, unknown> };
}

test("POST /faults sets a fault, and clears it again", async () => {
  await using targets = await startTargets({ count: 10, control: 0 });
  const order = { match: { range: [2, 4] }, fault: { kind: "status", code: 502 } };
  assert.deepEqual(await call(`${targets.control}/faults`, order), { status: 200, body: { faulty: 3 } });
  assert.match((await talk(targets.addressOf(3))).text, /^HTTP\/1\.1 502 /);
  await call(`${targets.control}/faults`, { match: { all: true }, fault: { kind: "up" } });
  assert.match((await talk(targets.addressOf(3))).text, /^HTTP\/1\.1 200 /);
});

test("POST /faults takes a time, a path and how repairs go", async () => {
  await using targets = await startTargets({ count: 2, control: 0 });
  const terms = { forSeconds: 3600, path: "/x", resistRepairs: 1, repairSeconds: 0.01 };
  const { status } = await call(`${targets.control}/faults`, {
    match: { index: 1 },
    fault: { kind: "status" },
    ...terms,
  });
  assert.equal(status, 200);
  assert.match((await talk(targets.addressOf(1))).text, /^HTTP\/1\.1 200 /);
  assert.match(
    (await talk(targets.addressOf(1), { send: "GET /x HTTP/1.0\r\n\r\n" })).text,
    /^HTTP\/1\.1 500 /,
  );
  assert.deepEqual(await call(`${targets.control}/repair/1`, ""), {
    status: 503,
    body: { index: 1, repaired: false },
  });
  assert.deepEqual(await call(`${targets.control}/repair/1`, { any: "body" }), {
    status: 200,
    body: { index: 1, repaired: true },
  });
  assert.equal(targets.faultOf(1).kind, "up");
});

const REFUSED: readonly (readonly [what: string, body: unknown, problem: RegExp])[] = [
  ["no JSON", "{", /no JSON/],
  ["no object", "[]", /malformed order.*expected object/],
  ["no match", { fault: { kind: "hang" } }, /"path":"match"/],
  [
    "an empty match",
    { match: {}, fault: { kind: "hang" } },
    /at least one of index, range, port, fraction, all/,
  ],
  ["an unknown key", { match: { index: 1 }, fault: { kind: "hang" }, secs: 3 }, /secs/],
  ["an unknown match", { match: { name: "x" }, fault: { kind: "hang" } }, /name/],
  ["an unknown fault", { match: { index: 1 }, fault: { kind: "hung" } }, /fault\.kind/],
  ["an unknown field of a fault", { match: { index: 1 }, fault: { kind: "slow", delay: 3 } }, /delay/],
  ["a fraction above 1", { match: { fraction: 2 }, fault: { kind: "hang" } }, /match\.fraction/],
  ["a backward range", { match: { range: [4, 2] }, fault: { kind: "hang" } }, /match\.range/],
  ["a negative time", { match: { index: 1 }, fault: { kind: "hang" }, forSeconds: -1 }, /forSeconds/],
  [
    "a header in a redirect",
    { match: { index: 1 }, fault: { kind: "redirect", to: "/\r\nX: y" } },
    /fault\.to/,
  ],
  ["flapping within flapping", {
    match: { index: 1 },
    fault: {
      kind: "flapping",
      upSeconds: 1,
      downSeconds: 1,
      as: { kind: "flapping", upSeconds: 1, downSeconds: 1 },
    },
  }, /fault\.as/],
  ["a target there is not", { match: { index: 99 }, fault: { kind: "hang" } }, /no target matches/],
  [
    "refusal of a shared port",
    { match: { index: 1 }, fault: { kind: "refused" } },
    /share its listening socket/,
  ],
  ["a body beyond the limit", " ".repeat(70_000), /larger than 65536 bytes/],
];

test("POST /faults refuses what is malformed, says why, and changes nothing", async () => {
  await using targets = await startTargets({ count: 10, control: 0 });
  for (const [what, body, problem] of REFUSED) {
    const answer = await call(`${targets.control}/faults`, body);
    assert.ok(answer.status === 400 || answer.status === 413, `${what}: ${answer.status}`);
    assert.match(JSON.stringify(answer.body), problem, what);
  }
  assert.equal(targets.stats().faulty, 0);
});

test("GET /targets/N and GET /stats say where a target lives and what it has served", async () => {
  await using targets = await startTargets({ count: 3, own: 1, control: 0 });
  await talk(targets.addressOf(2));
  await targets.set(2, { kind: "hang" });
  const { body } = await call(`${targets.control}/targets/2`);
  const place = targets.addressOf(2);
  assert.deepEqual(body, { ...place, fault: { kind: "hang" }, accepted: 1, requests: 1 });
  const stats = await call(`${targets.control}/stats`);
  assert.equal(stats.body["targets"], 4);
  assert.equal(stats.body["requests"], 1);
  assert.ok(stats.body["cpuUsPerRequest"] as number > 0);
  assert.deepEqual(stats.body["faults"], [body]);
});

test("the control endpoint names its routes, and targets that do not exist", async () => {
  await using targets = await startTargets({ count: 3, control: 0 });
  assert.deepEqual(await call(`${targets.control}/targets/3`), {
    status: 404,
    body: { error: "no target 3: there are 3" },
  });
  const lost = await call(`${targets.control}/fault`, {});
  assert.equal(lost.status, 404);
  assert.match(lost.body["error"] as string, /no POST \/fault: POST \/faults/);
});
