/** The web hook notifier against a receiver that checks and misbehaves. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startWebhookSink } from "../../mock-servers/sink_webhook.ts";
import { WEBHOOK } from "../../src/notifiers/webhook.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;

function open(config: unknown) {
  return WEBHOOK.open(JSON.parse(JSON.stringify(WEBHOOK.schema.parse(config))));
}

test("webhook sends all facts as JSON, with the message's key, and a receiver can drop repetitions", async () => {
  await using sink = await startWebhookSink();
  const channel = open({ url: `${sink.url}/in?x=1`, headers: { "X-Team": "pay" } });
  const message = alertMessage();
  assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
  assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
  const [first] = sink.requests;
  assert.ok(first !== undefined);
  assert.deepEqual([first.method, first.path], ["POST", "/in?x=1"]);
  assert.equal(first.headers["x-team"], "pay");
  assert.equal(first.headers["content-type"], "application/json");
  assert.equal(first.headers["idempotency-key"], message.key);
  assert.equal(sink.accepted.length, 1, "the repetition has the same key");
  const facts = JSON.parse(first.body);
  assert.equal(facts.monitor, "shop");
  assert.equal(facts.recommended_action, message.recommendedAction);
  assert.equal(facts.failing_for_seconds, 90.5);
  assert.deepEqual(facts.next_steps, message.nextSteps);
  assert.deepEqual(facts.labels, message.labels);
});

test("webhook signs what it sends when it has a secret", async () => {
  await using sink = await startWebhookSink({ secret: "s3cret" });
  const message = alertMessage({ summary: "grüße" });
  assert.deepEqual(await open({ url: sink.url, secret: "s3cret" }).send(message, NEVER), { result: "sent" });
  const wrong = await open({ url: sink.url, secret: "other" }).send(alertMessage(), NEVER);
  assert.deepEqual(wrong, { result: "refused", error: `webhook ${sink.url}: answered 401` });
  const none = await open({ url: sink.url }).send(alertMessage(), NEVER);
  assert.equal(none.result, "refused");
});

test("webhook fills a payload of the user's, escaped for its form", async () => {
  await using sink = await startWebhookSink();
  const message = alertMessage({ monitor: 'sh"op\n', key: "cpra:größe \r\nX: y:1" });
  const send = (config: Record<string, unknown>) => open({ url: sink.url, ...config }).send(message, NEVER);
  await send({ payload: '{"text": "{{monitor}} is {{status}}"}', method: "PUT" });
  await send({
    payload: { n: "{{failures}}", groups: "{{groups}}" },
    headers: ["Content-Type: application/vnd.x+json"],
  });
  await send({ payload: "m={{monitor}}", headers: { "content-type": "application/x-www-form-urlencoded" } });
  await send({ method: "GET" });
  const [text, tree, form, get] = sink.requests;
  assert.equal(text?.method, "PUT");
  assert.deepEqual(JSON.parse(text?.body ?? ""), { text: 'sh"op\n is FAILED' });
  assert.deepEqual(JSON.parse(tree?.body ?? ""), { n: 3, groups: ["web", "eu"] });
  assert.equal(tree?.headers["content-type"], "application/vnd.x+json");
  assert.equal(form?.body, "m=sh%22op%0A");
  assert.deepEqual([get?.method, get?.body], ["GET", ""]);
  assert.equal(text?.headers["idempotency-key"], "cpra:gr%C3%B6%C3%9Fe%20%0D%0AX:%20y:1");
});

test("webhook turns every fault of the receiver into the right result, and none tells a secret", async () => {
  await using sink = await startWebhookSink();
  const secretPath = "/T0KEN/p4th";
  const address = `${sink.url.replace("//", "//us3r:p4ss@")}${secretPath}?k=T0KEN`;
  const channel = open({ url: address, headers: { Authorization: "Bearer T0KEN" }, secret: "T0KEN" });
  const at = `webhook ${sink.url}: `;
  const results: unknown[] = [];
  const send = async (signal: AbortSignal = NEVER) => {
    const result = await channel.send(alertMessage(), signal);
    results.push(result);
    return result;
  };

  sink.setFault({ kind: "rate_limit", retryAfter: 7 }, 1);
  assert.deepEqual(await send(), { result: "retry", error: `${at}answered 429`, retryAfterMs: 7000 });
  sink.setFault({ kind: "rate_limit" }, 1);
  assert.deepEqual(await send(), { result: "retry", error: `${at}answered 429` });
  for (const status of [500, 503, 408, 425]) {
    sink.setFault({ kind: "status", status }, 1);
    assert.deepEqual(await send(), { result: "retry", error: `${at}answered ${status}` });
  }
  for (const status of [400, 401, 404, 410, 301, 307]) {
    sink.setFault({ kind: "status", status }, 1);
    assert.deepEqual(await send(), { result: "refused", error: `${at}answered ${status}` });
  }
  sink.setFault({ kind: "cut_off" }, 1);
  assert.deepEqual(await send(), {
    result: "retry",
    error: `${at}connection closed before the answer was complete`,
  });
  sink.setFault({ kind: "no_answer" }, 1);
  assert.deepEqual(await send(AbortSignal.timeout(100)), {
    result: "retry",
    error: `${at}no complete answer in time`,
  });
  sink.setFault({ kind: "slow", delayMs: 50 }, 1);
  assert.deepEqual(await send(), { result: "sent" });
  assert.deepEqual(await send(), { result: "sent" }, "it behaves again");
  await sink[Symbol.asyncDispose]();
  assert.deepEqual(await send(), { result: "retry", error: `${at}connection refused` });

  const told = JSON.stringify([
    results,
    WEBHOOK.describe(WEBHOOK.schema.parse({ url: address, secret: "T0KEN" })),
  ]);
  assert.doesNotMatch(told, /T0KEN|p4th|us3r|p4ss/);
});

test("webhook refuses configurations that cannot work, in words that repeat no secret", () => {
  const fault = (config: unknown) => {
    const parsed = WEBHOOK.schema.safeParse(config);
    return parsed.success
      ? ""
      : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("\n");
  };
  assert.match(fault({}), /^url: /);
  assert.equal(
    fault({ url: "hooks.example.com/T0KEN" }),
    'url: expected a URL such as "https://hooks.example.com/path"',
  );
  assert.match(fault({ url: "ftp://x/" }), /^url: expected a URL/);
  assert.match(
    fault({ url: "http://x/", payload: "{{nope}}" }),
    /^payload: unknown placeholder "\{\{nope\}\}"; allowed: at, color, /,
  );
  assert.match(
    fault({ url: "http://x/", headers: { "Content-Length": "1" } }),
    /^headers: header Content-Length is set by cpra/,
  );
  assert.match(fault({ url: "http://x/", headers: "X-A: 1\n: 2" }), /^headers: expected headers/);
  assert.match(fault({ url: "http://x/", method: "BREW" }), /^method: /);
  assert.match(fault({ url: "http://x/", secret: "" }), /^secret: /);
  assert.match(fault({ url: "http://x/", secrets: "x" }), /secrets/);
  assert.match(fault({ url: "http://x/", format: "alertmanager", payload: "x" }), /^format: expected either/);
});
