/** The Slack notifier against a sink that checks the structure and limits of Block Kit. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startSlackSink } from "../../mock-servers/sink_slack.ts";
import { COLORS } from "../../src/model/color.ts";
import { SLACK } from "../../src/notifiers/slack.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;

function open(config: unknown) {
  return SLACK.open(JSON.parse(JSON.stringify(SLACK.schema.parse(config))));
}

test("slack sends blocks that Slack takes, for every colour and under each name of the hook", async () => {
  await using sink = await startSlackSink();
  const names = ["hook", "url", "webhook_url"];
  for (const [index, color] of COLORS.entries()) {
    const channel = open({ [names[index % 3] as string]: sink.hookUrl });
    assert.deepEqual(await channel.send(alertMessage({ color }), NEVER), { result: "sent" }, color);
  }
  assert.equal(sink.messages.length, COLORS.length);
  const message = JSON.stringify(sink.messages[0]);
  for (
    const fact of [
      "CRITICAL ALERT: shop",
      "http://shop.example.com/health",
      "connection refused",
      "1m31s",
      "i1",
      "restart it",
    ]
  ) {
    assert.ok(message.includes(fact), fact);
  }
});

test("slack escapes and cuts texts of any length and kind", async () => {
  await using sink = await startSlackSink();
  const channel = open({ hook: sink.hookUrl });
  for (
    const hostile of [
      "<!channel> & <@U1>",
      "&".repeat(9000),
      "\u{1f600}".repeat(5000),
      "a".repeat(149) + "&",
      "",
    ]
  ) {
    const message = alertMessage({
      title: hostile === "" ? "x" : hostile,
      summary: hostile,
      error: hostile,
      output: hostile,
      recommendedAction: hostile,
      tried: [hostile, hostile],
      nextSteps: hostile === "" ? [] : [hostile],
      groups: [hostile],
    });
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" }, hostile.slice(0, 20));
  }
  assert.ok(JSON.stringify(sink.messages[0]).includes("&lt;!channel&gt; &amp; &lt;@U1&gt;"));
});

test("slack turns every fault of the service into the right result, and none tells the hook", async () => {
  await using sink = await startSlackSink({ hookPath: "/services/T0KEN" });
  const at = `slack ${sink.url}: `;
  const send = (url = sink.hookUrl, signal = NEVER) => open({ hook: url }).send(alertMessage(), signal);
  sink.setFault({ kind: "rate_limit", retryAfter: 30 }, 1);
  assert.deepEqual(await send(), { result: "retry", error: `${at}answered 429`, retryAfterMs: 30_000 });
  sink.setFault({ kind: "status", status: 503 }, 1);
  assert.deepEqual(await send(), { result: "retry", error: `${at}answered 503` });
  sink.setFault({ kind: "cut_off" }, 1);
  assert.deepEqual(await send(), {
    result: "retry",
    error: `${at}connection closed before the answer was complete`,
  });
  sink.setFault({ kind: "no_answer" }, 1);
  assert.deepEqual(await send(sink.hookUrl, AbortSignal.timeout(100)), {
    result: "retry",
    error: `${at}no complete answer in time`,
  });
  assert.deepEqual(await send(`${sink.url}/services/T0KEN2`), {
    result: "refused",
    error: `${at}answered 404: no_service`,
  });
  assert.deepEqual(await send(), { result: "sent" });
  assert.equal(SLACK.describe({ url: sink.hookUrl }), `slack ${sink.url}`);
});

test("slack wants exactly one address", () => {
  const fault = (config: unknown) => SLACK.schema.safeParse(config).error?.issues[0]?.message;
  assert.equal(fault({}), "expected exactly one of hook, url, webhook_url");
  assert.equal(
    fault({ hook: "https://a/", url: "https://b/" }),
    "expected exactly one of hook, url, webhook_url",
  );
  assert.match(fault({ hook: "xoxb-T0KEN" }) ?? "", /^expected a URL such as/);
});
