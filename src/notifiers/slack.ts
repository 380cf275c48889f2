/**
 * Alerts as Slack messages: through an incoming web hook, one message each; or as a bot, one message per incident that is brought up to
 * date, with every step told in its thread. The hook's URL and the bot's token are secrets.
 * Sources: docs.slack.dev "Sending messages using incoming webhooks"; the bot is slack_bot.ts.
 */
import { z } from "../base/schema.ts";
import { httpUrlField, urlOrigin } from "../base/url_field.ts";
import type { Channel, Notifier } from "../model/plugin.ts";
import type { HttpAnswer } from "../net/http_client.ts";
import { deliver, NOTHING_OPEN } from "./deliver.ts";
import { jsonCall } from "./http_notifier.ts";
import { slackBody } from "./slack_blocks.ts";
import { openSlackBot } from "./slack_bot.ts";

/** The three names under which the hook's address is known. */
const URL_KEYS = ["hook", "url", "webhook_url"] as const;
const API = "https://slack.com/api";

const CONFIG = z.strictObject({
  hook: httpUrlField().optional(),
  url: httpUrlField().optional(),
  webhook_url: httpUrlField().optional(),
  /** Of a bot with the scope chat:write; with channels:history it finds its messages again after a restart. */
  token: z.string().regex(/^xox[a-z]-[!-~]+$/, 'expected a bot token such as "xoxb-…"').optional(),
  /** The bot's channel, by id; by name no message can be found again. */
  channel: z.string().regex(/^[CGD][A-Z0-9]{5,20}$/, 'expected the id of a channel such as "C0123456789"')
    .optional(),
  api_url: httpUrlField().default(API),
}).transform((config, context) => {
  const [url, ...others] = URL_KEYS.map((key) => config[key]).filter((value) => value !== undefined);
  const { token, channel, api_url: apiUrl } = config;
  const say = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  if (url === undefined && token !== undefined) {
    return channel === undefined
      ? say("expected the bot's channel beside its token")
      : { token, channel, apiUrl };
  }
  if (url === undefined || others.length > 0) return say(`expected exactly one of ${URL_KEYS.join(", ")}`);
  if (token !== undefined || channel !== undefined) {
    return say("expected either a hook, or token and channel");
  }
  return { url };
});

export type SlackConfig = z.output<typeof CONFIG>;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: slack
    config: {hook: "https://hooks.slack.com/services/T000/B000/XXXX"}
  green:
    notify: slack
    config: {token: xoxb-XXXX, channel: C0123456789}
`;

export const SLACK: Notifier<SlackConfig> = {
  kind: "slack",
  aliases: [],
  summary: "a Slack message through an incoming web hook, or of a bot that keeps one message per incident",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 200,
  timeoutMs: 15_000,
  describe: (config) => `slack ${urlOrigin(config.url ?? config.apiUrl)}`,
  open(config) {
    const channel = SLACK.describe(config);
    return config.url === undefined ? openSlackBot(config, channel) : openHook(config.url, channel);
  },
};

function openHook(url: string, channel: string): Channel {
  return {
    ...NOTHING_OPEN,
    send: (message, signal) =>
      deliver(jsonCall(url, slackBody(message)), { channel, explain: slackReason }, signal),
  };
}

/** Slack answers errors with one word such as invalid_payload; anything else is not Slack's and is not shown. */
function slackReason(answer: HttpAnswer): string {
  return /^[a-z_]{1,40}$/.test(answer.body) ? answer.body : "";
}
