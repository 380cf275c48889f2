/** Chat and push channels against sinks that check every field against the vendor's published API. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startDiscordSink } from "../../mock-servers/sink_discord.ts";
import type { Sink } from "../../mock-servers/sink_faults.ts";
import { startGotifySink } from "../../mock-servers/sink_gotify.ts";
import { startGooglechatSink } from "../../mock-servers/sink_googlechat.ts";
import { startMatrixSink } from "../../mock-servers/sink_matrix.ts";
import { startMattermostSink } from "../../mock-servers/sink_mattermost.ts";
import { startNtfySink } from "../../mock-servers/sink_ntfy.ts";
import { startOpsgenieSink } from "../../mock-servers/sink_opsgenie.ts";
import { startPushoverSink } from "../../mock-servers/sink_pushover.ts";
import { startTeamsSink } from "../../mock-servers/sink_teams.ts";
import { startTelegramSink } from "../../mock-servers/sink_telegram.ts";
import { COLORS } from "../../src/model/color.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;

function open(kind: string, config: unknown) {
  const notifier = NOTIFIERS.find((each) => each.kind === kind);
  assert.ok(notifier !== undefined);
  return notifier.open(JSON.parse(JSON.stringify(notifier.schema.parse(config))));
}

const HOSTILE = [
  "<!channel> & <@U1> @everyone @all <b>x</b> </i>",
  "**bold** [link](http://evil.example) `code` ||spoiler|| # head",
  "&".repeat(500),
  "*".repeat(500),
  "\\".repeat(500),
  '"'.repeat(500),
  "\u{1f600}".repeat(250),
  `half \ud800 a character`,
  "a".repeat(249) + "\u{1f600}",
];

/** As large and as strange as the engine lets an alert be. */
function hostileMessages(): AlertMessage[] {
  return HOSTILE.map((text) =>
    alertMessage({
      title: text.slice(0, 200),
      monitor: text.slice(0, 200),
      summary: text,
      error: text,
      output: text,
      target: text,
      recommendedAction: text,
      tried: Array.from({ length: 10 }, () => text.slice(0, 300)),
      nextSteps: Array.from({ length: 4 }, () => text),
      groups: Array.from({ length: 16 }, (_, index) => `${index} ${text}`.slice(0, 64)),
      labels: { [text.slice(0, 64)]: text.slice(0, 128) },
    })
  );
}

/** Every colour, every hostile alert, and one with hardly anything in it: all must be taken. */
async function sendAll(channel: ReturnType<typeof open>): Promise<void> {
  const empty = {
    error: "",
    target: "",
    tried: [],
    nextSteps: [],
    groups: [],
    recommendedAction: "",
    since: "",
  };
  const messages = [
    ...COLORS.map((color) => alertMessage({ color })),
    ...hostileMessages(),
    alertMessage({ ...empty, failingForMs: 0, labels: {} }),
  ];
  for (const message of messages) {
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" }, message.summary.slice(0, 40));
  }
}

const FACTS = [
  "CRITICAL ALERT: shop",
  "shop.example.com/health",
  "connection refused",
  "1m31s",
  "i1",
  "restart it",
];

function assertFacts(received: unknown): void {
  // What channels put before punctuation so that it is no markup.
  const text = JSON.stringify(received).replaceAll("\\", "");
  for (const fact of FACTS) assert.ok(text.includes(fact), `${fact} in ${text}`);
}

async function assertPause(sink: Sink, channel: ReturnType<typeof open>): Promise<void> {
  sink.setFault({ kind: "rate_limit", retryAfter: 3 }, 1);
  const result = await channel.send(alertMessage(), NEVER);
  assert.equal(result.result === "retry" ? result.retryAfterMs : undefined, 3000);
}

test("discord: embeds within all limits; mentions only who is named, and only when it is red", async () => {
  await using sink = await startDiscordSink();
  const roles = ["223456789012345678"];
  const channel = open("discord", { url: sink.hookUrl, username: "cpra", mention_roles: roles });
  await sendAll(channel);
  const [red, yellow] = sink.messages;
  assertFacts(red);
  assert.equal(red?.content, `<@&${roles[0]}>`);
  assert.deepEqual(red?.allowed_mentions, { parse: [], roles, users: [] });
  assert.equal(yellow?.content, undefined);
  assert.equal(red?.embeds?.[0]?.color, 0xd32f2f);
  await assertPause(sink, channel);
  const unknown = await open("discord", { url: `${sink.hookUrl}x` }).send(alertMessage(), NEVER);
  assert.deepEqual(unknown, {
    result: "refused",
    error: `discord ${sink.url}: answered 404: Unknown Webhook`,
  });
  await open("discord", { url: sink.hookUrl, thread_id: "323456789012345678" }).send(alertMessage(), NEVER);
  assert.match(sink.requests.at(-1)?.path ?? "", /\?wait=true&thread_id=323456789012345678$/);
});

test("teams: a card that the schema takes, below 28 KB", async () => {
  await using sink = await startTeamsSink();
  const channel = open("teams", { url: sink.hookUrl });
  await sendAll(channel);
  assertFacts(sink.cards[0]);
  assert.deepEqual(sink.cards[0]?.actions?.[0]?.url, "http://shop.example.com/health");
  await assertPause(sink, channel);
  const unsigned = await open("teams", { url: sink.hookUrl.replace("T0KEN", "other") }).send(
    alertMessage(),
    NEVER,
  );
  assert.deepEqual(unsigned, {
    result: "refused",
    error: `teams ${sink.url}: answered 401: DirectApiAuthorizationRequired`,
  });
});

test("telegram: HTML that parses at any length; only trouble makes a sound; its own pause is kept", async () => {
  await using sink = await startTelegramSink();
  const config = { url: sink.url, token: sink.token, "chat_id": "-1001234567890" };
  const channel = open("telegram", config);
  await sendAll(channel);
  assertFacts(sink.messages[0]);
  assert.deepEqual(sink.messages.slice(0, COLORS.length).map((message) => message.disable_notification), [
    false,
    false,
    true,
    true,
    true,
  ]);
  const at = `telegram ${sink.url}: answered`;
  const refusal = async (other: Record<string, unknown>) =>
    await open("telegram", { ...config, ...other }).send(alertMessage(), NEVER);
  assert.deepEqual(await refusal({ chat_id: 1 }), {
    result: "refused",
    error: `${at} 400: Bad Request: chat not found`,
  });
  assert.deepEqual(await refusal({ chat_id: "42" }), {
    result: "refused",
    error: `${at} 403: Forbidden: bot was blocked by the user`,
  });
  assert.deepEqual(await refusal({ token: "1:x" }), { result: "refused", error: `${at} 401: Unauthorized` });
});

test("mattermost: an attachment that mentions nobody, into the hook's or a named channel", async () => {
  await using sink = await startMattermostSink();
  await sendAll(open("mattermost", { url: sink.hookUrl, username: "cpra" }));
  assertFacts(sink.posts[0]);
  assert.equal(sink.posts[0]?.attachments?.[0]?.color, "#d32f2f");
  await open("mattermost", { url: sink.hookUrl, channel: "ops" }).send(alertMessage(), NEVER);
  assert.equal(sink.posts.at(-1)?.channel, "ops");
  const wrong = await open("mattermost", { url: sink.hookUrl, channel: "nope" }).send(alertMessage(), NEVER);
  assert.deepEqual(wrong, {
    result: "refused",
    error: `mattermost ${sink.url}: answered 404: Couldn't find the channel.`,
  });
});

test("pushover: priorities by colour, and emergencies that end by themselves", async () => {
  await using sink = await startPushoverSink();
  const config = { url: sink.messagesUrl, token: sink.token, user: sink.user };
  await sendAll(open("pushover", config));
  assertFacts(sink.messages[0]);
  assert.deepEqual(sink.messages.slice(0, 5).map(({ priority }) => priority), ["1", "0", "0", "-1", "-1"]);
  const urgent = open("pushover", { ...config, emergency: true, sound: "siren", device: "phone" });
  await sendAll(urgent);
  const red = sink.messages[sink.messages.length / 2];
  assert.deepEqual([red?.priority, red?.retry, red?.expire], ["2", 60, 3600]);
  const other = await open("pushover", { ...config, user: "x".repeat(30) }).send(alertMessage(), NEVER);
  assert.deepEqual(other, {
    result: "refused",
    error: `pushover ${sink.url}: answered 400: user identifier is invalid`,
  });
});

test("ntfy: at most 4,096 bytes, priorities and tags by colour, a token for guarded topics", async () => {
  await using sink = await startNtfySink();
  await sendAll(open("ntfy", { url: sink.url, topic: "ops" }));
  assertFacts(sink.messages[0]);
  assert.deepEqual(sink.messages.slice(0, 5).map(({ priority }) => priority), [5, 4, 3, 2, 2]);
  const guarded = { url: sink.url, topic: "T0KENops" };
  assert.deepEqual(await open("ntfy", { ...guarded, token: sink.token }).send(alertMessage(), NEVER), {
    result: "sent",
  });
  assert.deepEqual(await open("ntfy", guarded).send(alertMessage(), NEVER), {
    result: "refused",
    error: `ntfy ${sink.url}: answered 403: forbidden`,
  });
});

test("gotify: a message with its priority, under the application's token", async () => {
  await using sink = await startGotifySink();
  await sendAll(open("gotify", { url: `${sink.url}/`, token: sink.token }));
  assertFacts(sink.messages[0]);
  assert.deepEqual(sink.messages.slice(0, 5).map(({ priority }) => priority), [8, 5, 4, 2, 1]);
  const wrong = await open("gotify", { url: sink.url, token: "wrong" }).send(alertMessage(), NEVER);
  assert.match(
    wrong.result === "refused" ? wrong.error : "",
    /answered 401: you need to provide a valid access token/,
  );
});

test("opsgenie: one alert per incident, opened once, noted on, closed", async () => {
  await using sink = await startOpsgenieSink();
  const config = {
    url: sink.alertsUrl,
    "api_key": sink.apiKey,
    responders: [{ type: "team", name: "ops" }],
    tags: ["shop"],
  };
  const channel = open("opsgenie", config);
  const send = (color: AlertMessage["color"]) => channel.send(alertMessage({ color }), NEVER);
  await send("yellow");
  await send("red");
  await send("red");
  await send("cyan");
  const alert = () => sink.alerts.get("cpra:shop:i1");
  assert.deepEqual([alert()?.status, alert()?.count, alert()?.notes.length], ["open", 3, 1]);
  await send("green");
  assert.equal(alert()?.status, "closed");
  assert.equal(sink.alerts.size, 1);
  assertFacts(JSON.parse(sink.requests[1]?.body ?? ""));
  await sendAll(channel);
  const long = alertMessage({ dedupKey: "k".repeat(900) });
  await channel.send(long, NEVER);
  await channel.send({ ...long, color: "green" }, NEVER);
  assert.equal([...sink.alerts].find(([alias]) => alias.startsWith("kkk"))?.[1].status, "closed");
  const wrong = await open("opsgenie", { ...config, api_key: "other-key" }).send(alertMessage(), NEVER);
  assert.deepEqual(wrong, {
    result: "refused",
    error: `opsgenie ${sink.url}: answered 401: Could not authenticate`,
  });
});

test("matrix: an event per alert, whatever is repeated, and only trouble is more than a notice", async () => {
  await using sink = await startMatrixSink();
  const config = { url: `${sink.url}/`, token: sink.token, room: sink.room };
  const channel = open("matrix", config);
  const red = alertMessage({ key: "k1" });
  for (const message of [red, red, alertMessage({ key: "k2", color: "green" })]) {
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
  }
  const [first, second] = [...sink.events.values()];
  assert.equal(sink.events.size, 2, "a repetition has the same transaction");
  assertFacts(first);
  assert.deepEqual([first?.msgtype, second?.msgtype], ["m.text", "m.notice"]);
  await sendAll(channel);
  const injected = await channel.send(alertMessage({ key: "k3", summary: "<img src=x>" }), NEVER);
  assert.deepEqual(injected, { result: "sent" });
  assert.ok([...sink.events.values()].at(-1)?.formatted_body?.includes("&lt;img src=x&gt;"));
  const other = await open("matrix", { ...config, room: "!other:example.org" }).send(red, NEVER);
  assert.deepEqual(other, {
    result: "refused",
    error: `matrix ${sink.url}: answered 403: You are not in the room`,
  });
});

test("googlechat: a card below 32,000 bytes, in one thread per incident", async () => {
  await using sink = await startGooglechatSink();
  const channel = open("googlechat", { url: sink.hookUrl });
  await sendAll(channel);
  assertFacts(sink.messages[0]);
  assert.equal(sink.messages[0]?.thread?.threadKey, "cpra:shop:i1");
  assert.match(sink.requests[0]?.path ?? "", /messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD/);
  await assertPause(sink, channel);
  const wrong = await open("googlechat", { url: sink.hookUrl.replace("T0KEN", "x") }).send(
    alertMessage(),
    NEVER,
  );
  assert.deepEqual(wrong, {
    result: "refused",
    error: `googlechat ${sink.url}: answered 403: PERMISSION_DENIED`,
  });
});
