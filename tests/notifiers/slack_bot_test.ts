/** The Slack bot against a sink that keeps messages, threads and edits as Slack does. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startSlackApiSink } from "../../mock-servers/sink_slack_api.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import { SLACK } from "../../src/notifiers/slack.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;

function open(config: unknown) {
  return SLACK.open(JSON.parse(JSON.stringify(SLACK.schema.parse(config))));
}

const STEPS: readonly Partial<AlertMessage>[] = [
  { color: "yellow", seq: 1, title: "DEGRADED ALERT: shop" },
  { color: "red", seq: 2 },
  { color: "cyan", seq: 3, title: "INTERVENTION SUCCESS: shop" },
  { color: "green", seq: 4, title: "RECOVERY NOTICE: shop" },
];

function step(index: number): AlertMessage {
  return alertMessage({ ...STEPS[index], key: `cpra:shop:i1:x:${index + 1}` });
}

test("slack bot: an incident is one message that is brought up to date, with every step in its thread", async () => {
  await using sink = await startSlackApiSink();
  const config = { token: sink.token, channel: sink.channel, "api_url": sink.apiUrl };
  const channel = open(config);
  for (let index = 0; index < STEPS.length; index++) {
    assert.deepEqual(await channel.send(step(index), NEVER), { result: "sent" });
  }
  const [root, ...replies] = sink.messages;
  assert.equal(root?.edits, 3);
  assert.ok(JSON.stringify(root?.content).includes("RECOVERY NOTICE: shop"));
  assert.deepEqual(replies.map(({ threadTs, broadcast }) => [threadTs, broadcast]), [
    [root?.ts, true],
    [root?.ts, false],
    [root?.ts, false],
  ]);
  await channel.send(alertMessage({ dedupKey: "cpra:shop:i2", key: "k" }), NEVER);
  assert.equal(sink.messages.filter(({ threadTs }) => threadTs === undefined).length, 2);
  assert.equal(sink.requests.filter(({ path }) => path.includes("history")).length, 0);
});

test("slack bot: after a restart, and after an answer that was lost, it finds its message again", async () => {
  await using sink = await startSlackApiSink();
  const config = { token: sink.token, channel: sink.channel, "api_url": sink.apiUrl };
  const roots = () => sink.messages.filter(({ threadTs }) => threadTs === undefined);
  await open(config).send(step(0), NEVER);
  assert.deepEqual(await open(config).send(step(1), NEVER), { result: "sent" });
  assert.equal(roots().length, 1);
  const other = open(config);
  const first = alertMessage({ dedupKey: "cpra:shop:i9", key: "k9" });
  sink.setFault({ kind: "slow", delayMs: 300 }, 1);
  assert.equal((await other.send(first, AbortSignal.timeout(100))).result, "retry");
  assert.deepEqual(await other.send(first, NEVER), { result: "sent" });
  assert.equal(roots().length, 2, "it had arrived");
});

test("slack bot: without the right to read, or when its message is gone, it posts a new one", async () => {
  await using sink = await startSlackApiSink();
  const config = { token: sink.token, channel: sink.channel, "api_url": sink.apiUrl };
  sink.mayRead = false;
  const channel = open(config);
  assert.deepEqual(await channel.send(step(1), NEVER), { result: "sent" });
  sink.remove(sink.messages[0]?.ts ?? "");
  assert.deepEqual(await channel.send(step(3), NEVER), { result: "sent" });
  assert.deepEqual(sink.messages.map(({ threadTs }) => threadTs), [undefined]);
  assert.equal(sink.requests.filter(({ path }) => path.includes("history")).length, 1);
});

test("slack bot: Slack's words decide whether it is tried again, and none tells the token", async () => {
  await using sink = await startSlackApiSink();
  const config = { token: sink.token, channel: sink.channel, "api_url": sink.apiUrl };
  const at = `slack ${sink.url}: answered 200`;
  const send = (other: Record<string, unknown> = {}) =>
    open({ ...config, ...other }).send(alertMessage(), NEVER);
  assert.deepEqual(await send({ token: "xoxb-other" }), { result: "refused", error: `${at}: invalid_auth` });
  assert.deepEqual(await send({ channel: "C0000000000" }), {
    result: "refused",
    error: `${at}: channel_not_found`,
  });
  sink.setFault({ kind: "rate_limit", retryAfter: 30 }, 1);
  assert.deepEqual(await send(), {
    result: "retry",
    error: `slack ${sink.url}: answered 429`,
    retryAfterMs: 30_000,
  });
  sink.setFault({ kind: "status", status: 200 }, 1);
  assert.deepEqual(await send(), { result: "retry", error: at }, "an empty answer is no success");
  const fault = (given: unknown) => SLACK.schema.safeParse(given).error?.issues[0]?.message;
  assert.equal(fault({ token: "xoxb-1" }), "expected the bot's channel beside its token");
  assert.equal(
    fault({ token: "xoxb-1", channel: "C012345", hook: "https://x/" }),
    "expected either a hook, or token and channel",
  );
  assert.match(fault({ token: "xoxb-1", channel: "#ops" }) ?? "", /^expected the id of a channel/);
});
