/**
 * Alerts as HTTP calls to any receiver: all facts as JSON, or the user's own payload. Deduplicated by `Idempotency-Key`,
 * and with a secret signed, so that the receiver can tell who sent it and when.
 */
import { createHmac } from "node:crypto";
import { SYSTEM_CLOCK } from "../base/clock.ts";
import { z } from "../base/schema.ts";
import { urlOrigin } from "../base/url_field.ts";
import type { Channel, Notifier } from "../model/plugin.ts";
import { type CallConfig, callFields, compilePayload, templatedCall } from "../net/templated_call.ts";
import { ALERT_FACT_NAMES, alertFacts } from "./alert_facts.ts";
import { alertmanagerHookBody } from "./alertmanager_hook.ts";
import { deliver, NOTHING_OPEN } from "./deliver.ts";

const FORMATS = ["facts", "alertmanager"] as const;

export interface WebhookConfig extends CallConfig {
  readonly secret?: string | undefined;
  /** The body where there is no payload: all facts, or what Alertmanager would send. */
  readonly format: typeof FORMATS[number];
}

const CONFIG = z.strictObject({
  ...callFields(ALERT_FACT_NAMES),
  secret: z.string().min(1).optional(),
  format: z.enum(FORMATS).default("facts"),
}).refine((config) => config.payload === undefined || config.format === "facts", {
  message: "expected either a payload or format alertmanager",
  path: ["format"],
});

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: webhook
    config:
      url: https://hooks.example.com/alerts
      payload: {text: "{{monitor}} is {{status}}: {{error}}", failures: "{{failures}}"}
`;

export const WEBHOOK: Notifier<WebhookConfig> = {
  kind: "webhook",
  aliases: [],
  summary: "an HTTP call with the facts as JSON, in Alertmanager's format, or with a payload of your own",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 100,
  timeoutMs: 10_000,
  describe: (config) => `webhook ${urlOrigin(config.url)}`,
  open: openWebhook,
};

function openWebhook(config: WebhookConfig): Channel {
  const template = compilePayload(config);
  const channel = WEBHOOK.describe(config);
  return {
    ...NOTHING_OPEN,
    send(message, signal) {
      const values = alertFacts(message);
      const hook = config.format === "alertmanager" && template !== undefined
        ? { contentType: "application/json", render: () => alertmanagerHookBody(message) }
        : template;
      const call = templatedCall(config, { template: hook, values, idempotencyKey: message.key });
      if (config.secret === undefined) return deliver(call, { channel }, signal);
      const signature = sign(config.secret, { body: call.body ?? "", wallMs: SYSTEM_CLOCK.wallMs() });
      const headers = [...call.headers ?? [], ["X-Cpra-Signature", signature] as const];
      return deliver({ ...call, headers }, { channel }, signal);
    },
  };
}

/**
 * `t=<unix seconds>,v1=<hex HMAC-SHA256 over "t.body">`. The time is signed too: a receiver refuses old ones, so that a
 * recorded call cannot be played back.
 */
function sign(secret: string, what: { readonly body: string; readonly wallMs: number }): string {
  const seconds = Math.floor(what.wallMs / 1000);
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${what.body}`).digest("hex")}`;
}
