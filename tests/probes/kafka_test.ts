import assert from "node:assert/strict";
import { test } from "node:test";
import { startKafkaService } from "../../mock-servers/service_kafka.ts";
import { KAFKA } from "../../src/probes/kafka.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const login = { username: "monitor", password: "sesame" };

test("kafka: a broker is asked for its versions", async () => {
  await using broker = await startKafkaService();
  const held = openSockets();
  const result = await check(KAFKA, { host, port: broker.port });
  assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined]);
  assert.deepEqual(broker.requests, [18]);
  const refused = await check(KAFKA, { host, port: broker.port, ...login });
  assert.deepEqual([verdict(refused), refused.text], ["fail not_serving 0", "error 34"]);
  assert.ok(await eventually(() => openSockets() <= held));
});

test("kafka: SASL PLAIN logs in, and a refusal is told without the password", async () => {
  await using broker = await startKafkaService({ login });
  const on = { host, port: broker.port };
  assert.equal(verdict(await check(KAFKA, { ...on, ...login })), "pass none 0");
  assert.deepEqual(broker.requests, [17, 36, 18]);
  const wrong = await check(KAFKA, { ...on, ...login, password: "wrong" });
  assert.equal(verdict(wrong), "fail login_refused 0");
  assert.equal(wrong.text, "error 58 Authentication failed: Invalid username or password");
});

test("kafka: a broker without PLAIN, and one that fails, are told apart", async () => {
  await using scram = await startKafkaService({ login, mechanisms: ["SCRAM-SHA-512"] });
  const result = await check(KAFKA, { host, port: scram.port, ...login });
  assert.deepEqual([verdict(result), result.text], [
    "fail login_refused 0",
    "the broker does not take PLAIN",
  ]);
  await using broken = await startKafkaService({ apiVersionsError: 35 });
  assert.equal(verdict(await check(KAFKA, { host, port: broken.port })), "fail not_serving 0");
});
