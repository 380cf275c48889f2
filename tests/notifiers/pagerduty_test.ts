/** The PagerDuty notifier against a sink that checks every field of the published API. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { json, startSink } from "../../mock-servers/sink_faults.ts";
import { startPagerdutySink } from "../../mock-servers/sink_pagerduty.ts";
import { PAGERDUTY } from "../../src/notifiers/pagerduty.ts";
import type { Color } from "../../src/model/color.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;
const KEY = "0123456789abcdef0123456789ABCDEF";

function open(config: unknown) {
  return PAGERDUTY.open(JSON.parse(JSON.stringify(PAGERDUTY.schema.parse(config))));
}

test("pagerduty triggers, raises and resolves one alert, and pages nobody for cyan and gray", async () => {
  await using sink = await startPagerdutySink();
  const channel = open({ url: `${sink.url}/v2/enqueue`, integration_key: KEY });
  const steps: readonly (readonly [Color, "critical" | "warning" | "info", string])[] = [
    ["yellow", "warning", "triggered warning 1"],
    ["red", "critical", "triggered critical 2"],
    ["cyan", "info", "triggered critical 2"],
    ["gray", "info", "triggered critical 2"],
    ["green", "info", "resolved critical 2"],
  ];
  for (const [color, severity, expected] of steps) {
    assert.deepEqual(await channel.send(alertMessage({ color, severity }), NEVER), { result: "sent" }, color);
    const alert = sink.alerts.get("cpra:shop:i1");
    assert.equal(`${alert?.status} ${alert?.severity} ${alert?.triggers}`, expected, color);
  }
  assert.equal(sink.alerts.size, 1);
  assert.equal(sink.changes.length, 2);
  const trigger = JSON.parse(sink.requests[1]?.body ?? "");
  assert.deepEqual(trigger.payload.source, "http://shop.example.com/health");
  assert.deepEqual(
    [trigger.payload.component, trigger.payload.group, trigger.payload.class, trigger.payload.timestamp],
    ["shop", "web, eu", "http", "2026-01-02T03:05:35.500Z"],
  );
  assert.deepEqual(trigger.links, [{ href: "http://shop.example.com/health", text: "target" }]);
  assert.equal(trigger.payload.custom_details.error, "connection refused");
});

test("pagerduty shows the links and images of the configuration, and acknowledges on a repair when told to", async () => {
  await using sink = await startPagerdutySink();
  const channel = open({
    url: `${sink.url}/v2/enqueue`,
    routing_key: KEY,
    on_repair: "acknowledge",
    links: [{ href: "https://wiki.example.com/shop", text: "runbook" }],
    images: [{ src: "https://graphs.example.com/shop.png", alt: "load" }],
  });
  const send = (color: Color) => channel.send(alertMessage({ color }), NEVER);
  assert.deepEqual(await send("red"), { result: "sent" });
  const trigger = JSON.parse(sink.requests[0]?.body ?? "");
  assert.deepEqual(trigger.links[1], { href: "https://wiki.example.com/shop", text: "runbook" });
  assert.deepEqual(trigger.images, [{ src: "https://graphs.example.com/shop.png", alt: "load" }]);
  assert.deepEqual(await send("cyan"), { result: "sent" });
  assert.equal(sink.alerts.get("cpra:shop:i1")?.status, "acknowledged");
  assert.deepEqual(await send("green"), { result: "sent" });
  assert.equal(sink.alerts.get("cpra:shop:i1")?.status, "resolved");
  assert.equal(PAGERDUTY.schema.safeParse({ images: [{ src: "http://x/" }] }).success, false);
});

test("pagerduty keeps within the API's lengths, and a long resolve still finds its trigger", async () => {
  await using sink = await startPagerdutySink();
  const channel = open({ url: `${sink.url}/v2/enqueue`, routing_key: KEY });
  const long = { dedupKey: `cpra:${"é".repeat(400)}:i1`, summary: "\u{1f600}".repeat(2000), target: "" };
  assert.deepEqual(await channel.send(alertMessage(long), NEVER), { result: "sent" });
  assert.deepEqual(await channel.send(alertMessage({ ...long, dedupKey: `${long.dedupKey}2` }), NEVER), {
    result: "sent",
  });
  assert.deepEqual(await channel.send(alertMessage({ ...long, color: "green" }), NEVER), { result: "sent" });
  assert.deepEqual([...sink.alerts.values()].map((alert) => alert.status), ["resolved", "triggered"]);
});

test("pagerduty shows what the API objects to, without the key", async () => {
  await using sink = await startPagerdutySink();
  const refused = await open({ url: `${sink.url}/v2/enqueue`, routing_key: "sh0rt" }).send(
    alertMessage(),
    NEVER,
  );
  assert.deepEqual(refused, {
    result: "refused",
    error:
      `pagerduty ${sink.url}: answered 400: Event object is invalid; 'routing_key' is missing or invalid`,
  });

  await using echo = await startSink({}, (request) => {
    const { routing_key: key } = JSON.parse(request.body);
    return json(400, {
      status: "invalid event",
      message: `no service for ${key}`,
      errors: [`${"x".repeat(170)}${key}`, 5],
    });
  });
  const echoed = await open({ url: `${echo.url}/v2/enqueue`, routing_key: KEY }).send(alertMessage(), NEVER);
  assert.equal(echoed.result, "refused");
  assert.ok(!JSON.stringify(echoed).includes(KEY.slice(0, 6)), JSON.stringify(echoed));
});

test("pagerduty turns every fault of the service into the right result", async () => {
  await using sink = await startPagerdutySink();
  const channel = open({ url: `${sink.url}/v2/enqueue`, routing_key: KEY });
  const results: unknown[] = [];
  const send = async (signal: AbortSignal = NEVER) => {
    const result = await channel.send(alertMessage(), signal);
    results.push(result);
    const retryAfter = result.result === "retry" && result.retryAfterMs !== undefined
      ? ` ${result.retryAfterMs}`
      : "";
    return result.result + retryAfter;
  };
  sink.setFault({ kind: "rate_limit", retryAfter: 60 }, 1);
  assert.equal(await send(), "retry 60000");
  sink.setFault({ kind: "status", status: 500 }, 2);
  assert.equal(await send(), "retry");
  assert.equal(await send(), "retry");
  sink.setFault({ kind: "status", status: 403 }, 1);
  assert.equal(await send(), "refused");
  sink.setFault({ kind: "cut_off" }, 1);
  assert.equal(await send(), "retry");
  sink.setFault({ kind: "no_answer" }, 1);
  assert.equal(await send(AbortSignal.timeout(100)), "retry");
  sink.setFault(null);
  assert.equal(await send(), "sent");
  assert.ok(!JSON.stringify(results).includes(KEY));
  assert.equal(
    PAGERDUTY.describe(PAGERDUTY.schema.parse({ url: `${sink.url}/v2/enqueue`, routing_key: KEY })),
    `pagerduty ${sink.url}`,
  );
});

test("pagerduty accepts the documented form without a key, and then refuses to send", async () => {
  const channel = open({ url: "https://events.pagerduty.com/v2/enqueue" });
  assert.deepEqual(await channel.send(alertMessage(), NEVER), {
    result: "refused",
    error: "pagerduty https://events.pagerduty.com: no routing_key in the configuration",
  });
  assert.deepEqual(PAGERDUTY.schema.parse({ routing_key: KEY }), {
    url: "https://events.pagerduty.com/v2/enqueue",
    routingKey: KEY,
    onRepair: "change",
    links: [],
    images: [],
  });
  assert.equal(PAGERDUTY.schema.safeParse({ routing_key: KEY, integration_key: KEY }).success, false);
  assert.equal(PAGERDUTY.schema.safeParse({ routing_key: "" }).success, false);
});
