/**
 * Alerts as short messages, through Twilio or any gateway with an HTTP API. One text of at most `segments_max` parts: what, why,
 * since when. Several numbers are told one after the other; when the message must be sent again, those that this process has reached
 * are left out. Twilio has no key against repetition: an answer that is lost can mean a second message.
 * Source: twilio.com/docs/messaging/api "Create a Message"; its Body has at most 1600 characters.
 */
import { z } from "../base/schema.ts";
import { httpUrlField, urlOrigin } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Channel, DeliveryResult, Notifier } from "../model/plugin.ts";
import type { HttpAnswer, HttpCall } from "../net/http_client.ts";
import { callFields, compilePayload, templatedCall } from "../net/templated_call.ts";
import { ALERT_FACT_NAMES, alertFacts } from "./alert_facts.ts";
import { cutChars, failingFor } from "./alert_parts.ts";
import { deliver, NOTHING_OPEN } from "./deliver.ts";
import { formCall, hideSecrets, jsonReason } from "./http_notifier.ts";
import { PartlySent } from "./partly_sent.ts";
import { fitSms } from "./sms_text.ts";

const NUMBER = z.string().regex(/^\+[1-9]\d{6,14}$/, 'expected a number such as "+491701234567"');
const SID_DIGITS = "[0-9a-fA-F]{32}";

const TWILIO = z.strictObject({
  account_sid: z.string().regex(new RegExp(`^AC${SID_DIGITS}$`), "expected AC and 32 hexadecimal digits"),
  /** Of the account, or the secret of the API key. */
  auth_token: z.string().min(1),
  api_key_sid: z.string().regex(new RegExp(`^SK${SID_DIGITS}$`), "expected SK and 32 hexadecimal digits")
    .optional(),
  /** A number, a short code, a sender's name, or a messaging service (MG…). */
  from: z.string().regex(
    new RegExp(`^(\\+[1-9]\\d{6,14}|\\d{3,8}|MG${SID_DIGITS}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11})$`),
    "expected a number, a short code, a name of up to 11 letters and digits, or a messaging service",
  ),
  url: httpUrlField().default("https://api.twilio.com"),
});

/** Placeholders of a gateway's payload. */
const GATEWAY_NAMES = ["to", "text", ...ALERT_FACT_NAMES];

const CONFIG = z.strictObject({
  to: z.union([NUMBER, z.array(NUMBER).min(1).max(10)]),
  /** Parts of a message; each is paid for. */
  segments_max: z.number().int().min(1).max(10).default(2),
  twilio: TWILIO.optional(),
  gateway: z.strictObject(callFields(GATEWAY_NAMES)).optional(),
}).refine(
  (config) => (config.twilio === undefined) !== (config.gateway === undefined),
  'expected either "twilio" or "gateway"',
);

type SmsConfig = z.output<typeof CONFIG>;
type TwilioConfig = z.output<typeof TWILIO>;

/** UTF-16 units; reached only with more than ten parts of UCS-2 or GSM's extension table. */
const TWILIO_BODY_MAX = 1600;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: sms
    config:
      to: ["+491701234567"]
      twilio: {account_sid: AC00000000000000000000000000000000, auth_token: XXXX, from: "+15005550006"}
`;

export const SMS: Notifier<SmsConfig> = {
  kind: "sms",
  aliases: [],
  summary: "a short message, through Twilio or a gateway with an HTTP API",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 500,
  timeoutMs: 20_000,
  describe: (config) => `sms ${urlOrigin(config.twilio?.url ?? config.gateway?.url ?? "")}`,
  open: openSms,
};

type CallTo = (number: string, text: string, message: AlertMessage) => HttpCall;

function openSms(config: SmsConfig): Channel {
  const channel = SMS.describe(config);
  const call = config.gateway === undefined
    ? twilioCall(config.twilio as TwilioConfig)
    : gatewayCall(config.gateway);
  const hidden = [config.twilio?.auth_token ?? "", config.twilio?.account_sid ?? ""];
  const reason = config.twilio === undefined ? () => "" : jsonReason("message");
  const numbers = typeof config.to === "string" ? [config.to] : config.to;
  const partly = new PartlySent();
  return {
    ...NOTHING_OPEN,
    async send(message, signal) {
      const text = fitSms(textOf(message), config.segments_max);
      const reached: string[] = [];
      const results: DeliveryResult[] = [];
      for (const number of partly.left(message.key, numbers)) {
        const explain = (answer: HttpAnswer) => hideSecrets(reason(answer), [...hidden, number]);
        const result = await deliver(call(number, text, message), { channel, explain }, signal);
        if (result.result === "sent") reached.push(number);
        results.push(result);
      }
      const worst = worstOf(results);
      if (worst.result === "retry") partly.keep(message.key, reached);
      else partly.forget(message.key);
      return worst;
    },
  };
}

/** While one can still be told, the others' refusals wait; when none can, a refusal is the answer. */
function worstOf(results: readonly DeliveryResult[]): DeliveryResult {
  return results.find(({ result }) => result === "retry") ??
    results.find(({ result }) => result === "refused") ?? { result: "sent" };
}

function textOf(message: AlertMessage): string {
  const why = message.error === "" ? message.summary : message.error;
  const lines = [message.title, why, message.target];
  if (message.failingForMs > 0) lines.push(`for ${failingFor(message)}`);
  return lines.filter((line) => line !== "").join("\n");
}

function twilioCall(config: TwilioConfig): CallTo {
  const { account_sid: account, auth_token: token, from } = config;
  const url = `${config.url.replace(/\/$/, "")}/2010-04-01/Accounts/${account}/Messages.json`;
  const user = Buffer.from(`${config.api_key_sid ?? account}:${token}`).toString("base64");
  const sender = from.startsWith("MG") && from.length === 34 ? "MessagingServiceSid" : "From";
  return (number, text) => {
    const fields = { To: number, [sender]: from, Body: cutChars(text, TWILIO_BODY_MAX) };
    return formCall(url, fields, [["Authorization", `Basic ${user}`]]);
  };
}

/** Without a payload of its own the body is all facts, and with them `to` and `text`. */
function gatewayCall(config: NonNullable<SmsConfig["gateway"]>): CallTo {
  const template = compilePayload(config);
  return (to, text, message) =>
    templatedCall(config, {
      template,
      values: { ...alertFacts(message), to, text },
      idempotencyKey: `${message.key}:${to}`,
    });
}
