import assert from "node:assert/strict";
import { test } from "node:test";
import { startMongodbService } from "../../mock-servers/service_mongodb.ts";
import { decodeBson, encodeBson } from "../../src/probes/bson.ts";
import { MONGODB } from "../../src/probes/mongodb.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const login = { username: "moni=tor,x", password: "sesame" };

test("mongodb: hello and ping, and a primary on request", async () => {
  await using server = await startMongodbService();
  await using secondary = await startMongodbService({ isWritablePrimary: false });
  const held = openSockets();
  const result = await check(MONGODB, { host, port: server.port });
  assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined]);
  assert.deepEqual(server.commands, ["hello", "ping"]);
  assert.equal(verdict(await check(MONGODB, { host, port: server.port, primary: true })), "pass none 0");
  assert.equal(verdict(await check(MONGODB, { host, port: secondary.port })), "pass none 0");
  const other = await check(MONGODB, { host, port: secondary.port, primary: true });
  assert.deepEqual([verdict(other), other.text], ["fail not_serving 0", "not the primary"]);
  assert.ok(await eventually(() => openSockets() <= held));
});

test("mongodb: SCRAM-SHA-256 logs in with old and new servers", async () => {
  for (const isOld of [false, true]) {
    await using server = await startMongodbService({ login, isOld });
    const on = { host, port: server.port, ...login };
    const result = await check(MONGODB, on);
    assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined], `old: ${isOld}`);
    const steps = isOld ? ["saslContinue", "saslContinue"] : ["saslContinue"];
    assert.deepEqual(server.commands, ["hello", "saslStart", ...steps, "ping"]);
    for (const wrong of [{ password: "wrong" }, { username: "other" }]) {
      const refused = await check(MONGODB, { ...on, ...wrong });
      assert.equal(verdict(refused), "fail login_refused 0");
      assert.equal(refused.text, "AuthenticationFailed: Authentication failed.");
    }
  }
});

test("mongodb: a server that answers with an error does not serve", async () => {
  await using server = await startMongodbService({ pingError: [91, "ShutdownInProgress", "going down"] });
  const result = await check(MONGODB, { host, port: server.port });
  assert.deepEqual([verdict(result), result.text], ["fail not_serving 0", "ShutdownInProgress: going down"]);
});

test("BSON goes there and back, and what is cut off or of an unknown type is refused", () => {
  const document = { hello: 1, name: "zoë", isTrue: true, data: Buffer.of(0, 1, 255), last: -5 };
  const bytes = encodeBson(document);
  assert.deepEqual(Object.fromEntries(decodeBson(bytes) ?? []), document);
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(decodeBson(bytes.subarray(0, length)), undefined, `${length} bytes`);
    const cut = Buffer.from(bytes.subarray(0, length));
    if (length < 5) continue;
    // A length that is right and content that is not.
    cut.writeInt32LE(length, 0);
    decodeBson(cut);
  }
  // The specification's first example, {"hello": "world"}, and a nested array, a regular expression and an int64.
  const world = Buffer.from("160000000268656c6c6f0006000000776f726c640000", "hex");
  assert.deepEqual(Object.fromEntries(decodeBson(world) ?? []), { hello: "world" });
  const nested = Buffer.from(
    `${"21000000"}${"046100"}${"0500000000"}${"0b7200"}${
      "610069 00".replace(" ", "")
    }${"126e00"}${"0700000000000000"}${"00"}`,
    "hex",
  );
  const whole = Buffer.from(nested);
  whole.writeInt32LE(whole.length, 0);
  assert.deepEqual(Object.fromEntries(decodeBson(whole) ?? []), { n: 7 });
  const unknown = Buffer.from(world);
  unknown[4] = 0x20;
  assert.equal(decodeBson(unknown), undefined);
});
