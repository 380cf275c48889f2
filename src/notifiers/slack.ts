/**
 * Alerts as Slack messages through an incoming web hook: one coloured attachment with blocks, and a plain text for
 * notifications. The URL of the hook is the secret. Does not thread, update or mention anyone.
 * Sources: docs.slack.dev "Sending messages using incoming webhooks", "Block Kit: blocks", "Formatting text".
 */
import { z } from "../base/schema.ts";
import { httpUrlField, urlOrigin } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Notifier } from "../model/plugin.ts";
import type { HttpAnswer } from "../net/http_client.ts";
import { colorHex, factsOf, footer, headline } from "./alert_parts.ts";
import { deliver, NOTHING_OPEN } from "./deliver.ts";

export interface SlackConfig {
  readonly url: string;
}

/** The three names under which the hook's address is known. */
const URL_KEYS = ["hook", "url", "webhook_url"] as const;

const CONFIG = z.strictObject({
  hook: httpUrlField().optional(),
  url: httpUrlField().optional(),
  webhook_url: httpUrlField().optional(),
}).transform((config, context): SlackConfig => {
  const [url, ...others] = URL_KEYS.map((key) => config[key]).filter((value) => value !== undefined);
  if (url !== undefined && others.length === 0) return { url };
  context.addIssue({ code: "custom", message: `expected exactly one of ${URL_KEYS.join(", ")}` });
  return z.NEVER;
});

/** Characters, of Block Kit's texts after escaping. */
const HEADER_CHARS_MAX = 150;
const SECTION_CHARS_MAX = 3000;
const FIELD_CHARS_MAX = 2000;
/** Not Slack's limit but a reader's: the fallback is what a phone shows. */
const FALLBACK_CHARS_MAX = 300;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: slack
    config: {hook: "https://hooks.slack.com/services/T000/B000/XXXX"}
`;

export const SLACK: Notifier<SlackConfig> = {
  kind: "slack",
  aliases: [],
  summary: "a Slack message through an incoming web hook",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 200,
  timeoutMs: 10_000,
  describe: (config) => `slack ${urlOrigin(config.url)}`,
  open(config) {
    const channel = SLACK.describe(config);
    return {
      ...NOTHING_OPEN,
      send(message, signal) {
        const headers = [["Content-Type", "application/json"]] as const;
        const call = { method: "POST", url: config.url, headers, body: JSON.stringify(slackBody(message)) };
        return deliver(call, { channel, explain: slackReason }, signal);
      },
    };
  },
};

/** Slack answers errors with one word such as invalid_payload; anything else is not Slack's and is not shown. */
function slackReason(answer: HttpAnswer): string {
  return /^[a-z_]{1,40}$/.test(answer.body) ? answer.body : "";
}

function slackBody(message: AlertMessage) {
  return {
    text: escaped(headline(message), FALLBACK_CHARS_MAX),
    attachments: [{ color: colorHex(message.color), blocks: blocksOf(message) }],
  };
}

function blocksOf(message: AlertMessage): readonly unknown[] {
  const blocks: unknown[] = [
    { type: "header", text: { type: "plain_text", text: escaped(message.title, HEADER_CHARS_MAX) } },
    section(message.summary),
    { type: "section", fields: factsOf(message).map(([name, text]) => field(name, text)) },
  ];
  if (message.tried.length > 0) blocks.push(section(`Tried:\n${bullets(message.tried)}`));
  if (message.recommendedAction !== "") blocks.push(section(`Recommended: ${message.recommendedAction}`));
  if (message.nextSteps.length > 0) blocks.push(section(bullets(message.nextSteps)));
  blocks.push({
    type: "context",
    elements: [mrkdwn(footer(message), FIELD_CHARS_MAX)],
  });
  return blocks;
}

function field(name: string, text: string) {
  const head = `*${name}*\n`;
  return { type: "mrkdwn", text: head + escaped(text, FIELD_CHARS_MAX - head.length) };
}

function section(text: string) {
  return { type: "section", text: mrkdwn(text === "" ? "–" : text, SECTION_CHARS_MAX) };
}

function mrkdwn(text: string, charsMax: number) {
  return { type: "mrkdwn", text: escaped(text, charsMax) };
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `• ${line}`).join("\n");
}

/** Escapes the three characters Slack gives a meaning to, and cuts between characters so that no entity is split. */
function escaped(text: string, charsMax: number): string {
  let result = "";
  for (const character of text) {
    const piece = character === "&"
      ? "&amp;"
      : character === "<"
      ? "&lt;"
      : character === ">"
      ? "&gt;"
      : character;
    // Room for the mark that something was cut.
    if (result.length + piece.length > charsMax - 1) return `${result}…`;
    result += piece;
  }
  return result;
}
