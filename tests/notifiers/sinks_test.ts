/** The sinks themselves: that they refuse what the real services refuse, and take orders over HTTP. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startPagerdutySink } from "../../mock-servers/sink_pagerduty.ts";
import { startSlackSink } from "../../mock-servers/sink_slack.ts";
import { startWebhookSink } from "../../mock-servers/sink_webhook.ts";
import { callHttp } from "../../src/net/http_client.ts";

const NEVER = new AbortController().signal;
const KEY = "0123456789abcdef0123456789abcdef";

async function post(url: string, value: unknown) {
  const answer = await callHttp({
    method: "POST",
    url,
    body: typeof value === "string" ? value : JSON.stringify(value),
  }, NEVER);
  assert.ok(answer.kind === "answer");
  return answer;
}

test("the PagerDuty sink names what is wrong with an event", async () => {
  await using sink = await startPagerdutySink();
  const payload = { summary: "s", source: "x", severity: "error" };
  const good = { "routing_key": KEY, "event_action": "trigger", payload };
  const cases: readonly (readonly [unknown, string])[] = [
    ["{", "Invalid JSON"],
    [[], "Invalid JSON"],
    [{ ...good, routing_key: "short" }, "'routing_key' is missing or invalid"],
    [{ ...good, event_action: "open" }, "'event_action' is missing or invalid"],
    [{ ...good, event_action: "resolve" }, "'dedup_key' is required to resolve"],
    [{ ...good, dedup_key: "k".repeat(256) }, "'dedup_key' must be at most 255 characters"],
    [{ ...good, payload: undefined }, "'payload' is missing or invalid"],
    [{ ...good, payload: { ...payload, summary: "" } }, "'payload.summary' is missing or blank"],
    [
      { ...good, payload: { ...payload, summary: "s".repeat(1025) } },
      "'payload.summary' must be at most 1024 characters",
    ],
    [{ ...good, payload: { ...payload, source: undefined } }, "'payload.source' is missing or blank"],
    [
      { ...good, payload: { ...payload, severity: "fatal" } },
      "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
    ],
    [
      { ...good, payload: { ...payload, timestamp: "yesterday" } },
      "'payload.timestamp' is not an ISO 8601 time",
    ],
    [
      { ...good, payload: { ...payload, custom_details: "text" } },
      "'payload.custom_details' must be an object",
    ],
    [{ ...good, payload: { ...payload, urgency: "high" } }, "'payload.urgency' is not a field of the API"],
    [{ ...good, links: [{ href: "x" }] }, "'links[0].href' is no URL"],
  ];
  for (const [event, expected] of cases) {
    const answer = await post(`${sink.url}/v2/enqueue`, event);
    assert.equal(answer.status, 400, expected);
    assert.deepEqual(JSON.parse(answer.body), {
      status: "invalid event",
      message: "Event object is invalid",
      errors: [expected],
    });
  }
  assert.equal(sink.alerts.size, 0);
  const taken = await post(`${sink.url}/v2/enqueue`, { ...good, dedup_key: "k" });
  assert.deepEqual([taken.status, JSON.parse(taken.body)], [202, {
    status: "success",
    message: "Event processed",
    dedup_key: "k",
  }]);
  await post(`${sink.url}/v2/enqueue`, { routing_key: KEY, event_action: "resolve", dedup_key: "unknown" });
  assert.deepEqual([...sink.alerts.keys()], ["k"], "resolving what is not open opens nothing");
});

test("the Slack sink refuses what Block Kit does not allow", async () => {
  await using sink = await startSlackSink();
  const text = (characters: number) => ({ type: "mrkdwn", text: "x".repeat(characters) });
  const cases: readonly (readonly [unknown, string])[] = [
    ["{", "invalid_payload"],
    [{}, "no_text"],
    [{ text: "" }, "no_text"],
    [{ text: "<!channel>" }, "invalid_payload"],
    [{ blocks: [] }, "invalid_blocks"],
    [{ blocks: [{ type: "section" }] }, "invalid_blocks"],
    [{ blocks: [{ type: "section", text: text(3001) }] }, "invalid_blocks"],
    [{ blocks: [{ type: "section", fields: Array(11).fill(text(1)) }] }, "invalid_blocks"],
    [{ blocks: [{ type: "section", fields: [text(2001)] }] }, "invalid_blocks"],
    [{ blocks: [{ type: "header", text: text(1) }] }, "invalid_blocks"],
    [{ blocks: [{ type: "header", text: { type: "plain_text", text: "x".repeat(151) } }] }, "invalid_blocks"],
    [{ blocks: [{ type: "section", text: text(0) }] }, "invalid_blocks"],
    [{ attachments: [{ color: "reddish", blocks: [{ type: "divider" }] }] }, "invalid_attachments"],
  ];
  for (const [message, expected] of cases) {
    const answer = await post(sink.hookUrl, message);
    assert.deepEqual([answer.status, answer.body], [400, expected], JSON.stringify(message));
  }
  assert.deepEqual([(await post(`${sink.url}/services/other`, { text: "x" })).body, sink.messages.length], [
    "no_service",
    0,
  ]);
  assert.equal((await post(sink.hookUrl, { text: "x" })).body, "ok");
});

test("a sink takes orders to misbehave over HTTP, for a number of requests or until told", async () => {
  await using sink = await startWebhookSink();
  const control = `${sink.url}/__control`;
  assert.equal((await post(control, { fault: { kind: "rate_limit", retryAfter: 3 }, times: 2 })).status, 200);
  const first = await post(sink.url, "x");
  assert.deepEqual([first.status, first.headers["retry-after"]], [429, "3"]);
  assert.equal((await post(sink.url, "x")).status, 429);
  assert.equal((await post(sink.url, "x")).status, 200);
  await post(control, { fault: { kind: "status", status: 500 } });
  for (let i = 0; i < 3; i++) assert.equal((await post(sink.url, "x")).status, 500);
  await post(control, { fault: null });
  assert.equal((await post(sink.url, "x")).status, 200);

  for (
    const order of ["{", {}, { fault: { kind: "explode" } }, { fault: { kind: "slow" } }, {
      fault: null,
      times: 0,
    }]
  ) {
    const answer = await post(control, order);
    assert.equal(answer.status, 400, JSON.stringify(order));
    assert.match(JSON.parse(answer.body).error, /expected/);
  }
  const state = await callHttp({ method: "GET", url: control }, NEVER);
  assert.equal(state.kind === "answer" && JSON.parse(state.body).requests.length, 7);
});
