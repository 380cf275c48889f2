/** Short messages: their length by the standard, and both ways to send them. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { startTwilioSink } from "../../mock-servers/sink_twilio.ts";
import { startWebhookSink } from "../../mock-servers/sink_webhook.ts";
import { SMS } from "../../src/notifiers/sms.ts";
import { fitSms, smsLength } from "../../src/notifiers/sms_text.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;

function open(config: unknown) {
  return SMS.open(JSON.parse(JSON.stringify(SMS.schema.parse(config))));
}

test("smsLength() counts parts as TS 23.038 and TS 23.040 say", () => {
  const cases: readonly (readonly [string, "gsm7" | "ucs2", number])[] = [
    ["", "gsm7", 1],
    ["a".repeat(160), "gsm7", 1],
    ["a".repeat(161), "gsm7", 2],
    ["a".repeat(306), "gsm7", 2],
    ["a".repeat(307), "gsm7", 3],
    ["€".repeat(80), "gsm7", 1],
    ["€".repeat(81), "gsm7", 2],
    // The second half of an extended character never starts a part: 76 of two septets leave one septet of 153 empty.
    ["€".repeat(152), "gsm7", 2],
    ["€".repeat(153), "gsm7", 3],
    ["äöüÄÖÜß@£Δ\n", "gsm7", 1],
    ["ж".repeat(70), "ucs2", 1],
    ["ж".repeat(71), "ucs2", 2],
    ["ж".repeat(134), "ucs2", 2],
    ["ж".repeat(135), "ucs2", 3],
    ["\u{1f600}".repeat(35), "ucs2", 1],
    ["\u{1f600}".repeat(36), "ucs2", 2],
    // 33 pairs of 67 units: the pair that would be split goes to the next part.
    ["\u{1f600}".repeat(66), "ucs2", 2],
    ["\u{1f600}".repeat(67), "ucs2", 3],
    ["a`", "ucs2", 1],
  ];
  for (const [text, encoding, segments] of cases) {
    assert.deepEqual(smsLength(text), { encoding, segments }, `${text.slice(0, 4)} × ${text.length}`);
  }
});

test("fitSms() cuts to the parts that are paid for, and writes typography plainly first", () => {
  assert.equal(fitSms("it’s “down” – look…", 1), 'it\'s "down" - look...');
  for (const piece of ["a", "€", "ж", "\u{1f600}", "aж"]) {
    for (const segments of [1, 2, 5]) {
      const fitted = fitSms(piece.repeat(2000), segments);
      assert.equal(smsLength(fitted).segments, segments);
      assert.ok(fitted.endsWith("...") && fitted.isWellFormed());
      const longer = `${fitted.slice(0, -3)}${piece}...`;
      assert.ok(smsLength(longer).segments >= segments);
    }
  }
  assert.equal(fitSms("a".repeat(160), 1), "a".repeat(160));
});

test("twilio: each number gets one message of at most two parts", async () => {
  await using sink = await startTwilioSink();
  const twilio = {
    "account_sid": sink.accountSid,
    "auth_token": sink.authToken,
    from: "+15005550006",
    url: sink.url,
  };
  const channel = open({ to: ["+491701234567", "+491701234568"], twilio });
  assert.deepEqual(await channel.send(alertMessage({ error: "x".repeat(500) }), NEVER), { result: "sent" });
  assert.deepEqual(sink.messages.map(({ To, From }) => [To, From]), [
    ["+491701234567", "+15005550006"],
    ["+491701234568", "+15005550006"],
  ]);
  const body = sink.messages[0]?.Body ?? "";
  assert.match(body, /^CRITICAL ALERT: shop\nxxx/);
  assert.deepEqual(smsLength(body), { encoding: "gsm7", segments: 2 });
  await open({ to: "+491701234567", twilio: { ...twilio, from: `MG${"0".repeat(32)}` } }).send(
    alertMessage(),
    NEVER,
  );
  assert.equal(sink.messages.at(-1)?.MessagingServiceSid, `MG${"0".repeat(32)}`);
});

test("twilio: who was reached is not told twice when another has to be tried again", async () => {
  await using sink = await startTwilioSink();
  const twilio = {
    "account_sid": sink.accountSid,
    "auth_token": sink.authToken,
    from: "cpra",
    url: sink.url,
  };
  const numbers = ["+491701234561", "+491701234562", "+491701234563"];
  const channel = open({ to: numbers, twilio });
  // The first is told, then the service fails once.
  const first = await new Promise<string>((resolve) => {
    const sent = channel.send(alertMessage(), NEVER);
    sink.setFault({ kind: "status", status: 503 }, 1);
    void sent.then(({ result }) => resolve(result));
  });
  assert.equal(first, "retry");
  assert.equal(sink.messages.length, 2);
  assert.deepEqual(await channel.send(alertMessage(), NEVER), { result: "sent" });
  assert.deepEqual(sink.messages.map(({ To }) => To).sort(), numbers);
});

test("twilio: refusals say Twilio's reason without the number or the account", async () => {
  await using sink = await startTwilioSink();
  const twilio = {
    "account_sid": sink.accountSid,
    "auth_token": sink.authToken,
    from: "cpra",
    url: sink.url,
  };
  const at = `sms ${sink.url}: answered`;
  const refusal = (to: string, other = {}) =>
    open({ to, twilio: { ...twilio, ...other } }).send(alertMessage(), NEVER);
  assert.deepEqual(await refusal("+15005550001"), {
    result: "refused",
    error: `${at} 400: The 'To' number *** is not a valid phone number.`,
  });
  assert.deepEqual(await refusal("+15005550004"), {
    result: "refused",
    error: `${at} 400: Attempt to send to unsubscribed recipient`,
  });
  assert.deepEqual(await refusal("+491701234567", { auth_token: "x" }), {
    result: "refused",
    error: `${at} 401: Authenticate`,
  });
});

test("gateway: the user's own form, once per number, each with a key of its own", async () => {
  await using sink = await startWebhookSink();
  const gateway = {
    url: `${sink.url}/send`,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    payload: "number={{to}}&text={{text}}",
  };
  await open({ to: ["+491701234567", "+491701234568"], segments_max: 1, gateway }).send(
    alertMessage(),
    NEVER,
  );
  assert.equal(sink.accepted.length, 2);
  const fields = new URLSearchParams(sink.accepted[1]);
  assert.equal(fields.get("number"), "+491701234568");
  assert.equal(
    fields.get("text"),
    "CRITICAL ALERT: shop\nconnection refused\nhttp://shop.example.com/health\nfor 1m31s",
  );
});

test("sms wants one provider, and numbers that can be called", () => {
  const fault = (config: unknown) => {
    const issue = SMS.schema.safeParse(config).error?.issues[0];
    return `${issue?.path.join(".")}: ${issue?.message}`;
  };
  assert.equal(fault({ to: "+491701234567" }), ': expected either "twilio" or "gateway"');
  assert.match(fault({ to: "0170", gateway: { url: "http://x/" } }), /^to: /);
  assert.match(
    fault({ to: "+491701234567", twilio: { account_sid: "x", auth_token: "y", from: "cpra" } }),
    /^twilio.account_sid: expected AC/,
  );
  assert.match(
    fault({ to: "+491701234567", gateway: { url: "http://x/", payload: "{{nope}}" } }),
    /unknown placeholder/,
  );
});
