/**
 * Alerts as Mattermost messages through an incoming web hook: one attachment with the colour as its bar. The URL is the secret.
 * Source: developers.mattermost.com "Incoming webhooks", "Message attachments".
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import { colorHex, cutChars, factsOf, footer, headline, paragraphsOf, targetLink } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason } from "./http_notifier.ts";

const CONFIG = z.strictObject({
  url: httpUrlField(),
  /** Another channel of the team than the hook's; "@name" for a person. The hook must not be locked to its channel. */
  channel: z.string().min(1).max(64).optional(),
  username: z.string().min(1).max(64).optional(),
  icon_url: httpUrlField().optional(),
});

type MattermostConfig = z.output<typeof CONFIG>;

/** Characters: what a reader takes in; a post may have 16,383. */
const TEXT_MAX = 450;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: mattermost
    config: {url: "https://chat.example.com/hooks/XXXX", channel: ops}
`;

export const MATTERMOST = httpNotifier<MattermostConfig>({
  kind: "mattermost",
  aliases: [],
  summary: "a Mattermost message through an incoming web hook",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, config) => jsonCall(config.url, bodyOf(message, config)),
  reason: jsonReason("message"),
  secrets: (config) => config.url.split("/").slice(-1),
});

function bodyOf(message: AlertMessage, config: MattermostConfig) {
  const link = targetLink(message);
  const paragraphs = paragraphsOf(message).map(({ heading, lines }) =>
    `**${heading}**\n${lines.map((line) => `* ${escaped(line)}`).join("\n")}`
  );
  return {
    ...config.channel === undefined ? {} : { channel: config.channel },
    ...config.username === undefined ? {} : { username: config.username },
    ...config.icon_url === undefined ? {} : { "icon_url": config.icon_url },
    attachments: [{
      fallback: escaped(headline(message)),
      color: colorHex(message.color),
      title: escaped(message.title),
      ...(link === undefined ? {} : { "title_link": link }),
      text: [escaped(message.summary), ...paragraphs].join("\n\n"),
      fields: factsOf(message).map(([title, text]) => ({
        title,
        value: escaped(text),
        short: text.length < 40,
      })),
      footer: cutChars(footer(message), TEXT_MAX),
    }],
  };
}

/** Markdown is switched off, and @all, @channel and @here reach nobody. */
function escaped(text: string): string {
  return cutChars(text, TEXT_MAX).replace(/[\\*_~`|[\]()#<>!]/g, "\\$&").replace(
    /@(?=all|channel|here)/gi,
    "@\u200b",
  );
}
