/** The web hook remedy against a receiver that misbehaves. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startWebhookSink } from "../../mock-servers/sink_webhook.ts";
import { WEBHOOK } from "../../src/remedies/webhook.ts";

const NEVER = new AbortController().signal;

function remedy(config: Record<string, unknown>, more: { signal?: AbortSignal; attempt?: number } = {}) {
  const { target, shared } = WEBHOOK.split(WEBHOOK.schema.parse(config));
  return WEBHOOK.run({
    monitor: "shop",
    incident: "i1",
    attempt: more.attempt ?? 1,
    error: 'connection "refused"',
    timeoutMs: 20_000,
    target,
    config: JSON.parse(JSON.stringify(shared)),
  }, more.signal ?? NEVER);
}

test("webhook sends the facts, or a payload of the user's, with one key per attempt", async () => {
  await using sink = await startWebhookSink();
  const ok = { ok: true, retryable: false, text: `webhook ${sink.url} answered 200` };
  assert.deepEqual(await remedy({ url: `${sink.url}/r` }), ok);
  assert.deepEqual(await remedy({ url: `${sink.url}/r` }), ok);
  assert.deepEqual(
    await remedy({ url: sink.url, payload: { why: "{{error}}", n: "{{attempt}}" } }, { attempt: 2 }),
    ok,
  );
  assert.deepEqual(sink.accepted.map((body) => JSON.parse(body)), [
    { monitor: "shop", incident: "i1", attempt: 1, error: 'connection "refused"' },
    { why: 'connection "refused"', n: 2 },
  ]);
  assert.equal(sink.requests[2]?.headers["idempotency-key"], "cpra:shop:i1:2");
});

test("webhook says whether again would help, and tells no secret", async () => {
  await using sink = await startWebhookSink();
  const url = `${sink.url}/T0KEN?k=T0KEN`;
  const texts: string[] = [];
  const run = async (signal: AbortSignal = NEVER) => {
    const { ok, retryable, text } = await remedy({ url, headers: { Authorization: "Bearer T0KEN" } }, {
      signal,
    });
    texts.push(text);
    return ok ? "ok" : retryable ? "retry" : "give up";
  };
  for (
    const [status, expected] of [[429, "retry"], [500, "retry"], [408, "retry"], [404, "give up"], [
      302,
      "give up",
    ]] as const
  ) {
    sink.setFault({ kind: "status", status }, 1);
    assert.equal(await run(), expected, String(status));
  }
  sink.setFault({ kind: "cut_off" }, 1);
  assert.equal(await run(), "retry");
  sink.setFault({ kind: "no_answer" }, 1);
  assert.equal(await run(AbortSignal.timeout(50)), "retry");
  assert.equal(await run(), "ok");
  await sink[Symbol.asyncDispose]();
  assert.equal(await run(), "retry");
  texts.push(WEBHOOK.describe(url, {}));
  assert.doesNotMatch(texts.join("\n"), /T0KEN/);
  assert.equal(WEBHOOK.describe(url, {}), `call webhook ${sink.url}`);
});

test("webhook refuses placeholders that it does not know", () => {
  const parsed = WEBHOOK.schema.safeParse({ url: "http://x/", payload: "{{summary}}" });
  assert.equal(
    parsed.error?.issues[0]?.message,
    'unknown placeholder "{{summary}}"; allowed: monitor, incident, attempt, error',
  );
});
