/**
 * Alerts as Discord messages through a channel's web hook: one embed with the colour as its bar. Mentions nobody but the roles and
 * users that the configuration names. The URL is the secret.
 * Source: discord.com/developers/docs, "Execute Webhook", "Embed limits", "Allowed mentions".
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import { COLOR_RGB, cutChars, factsOf, footer, paragraphsOf, targetLink } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason, parsedJson } from "./http_notifier.ts";

const SNOWFLAKE = z.string().regex(/^\d{15,20}$/, "expected a Discord id such as 123456789012345678");

const CONFIG = z.strictObject({
  url: httpUrlField(),
  username: z.string().min(1).max(80).optional(),
  /** Of a thread or a forum post in the hook's channel. */
  thread_id: SNOWFLAKE.optional(),
  /** Told by name when an alert is red. */
  mention_roles: z.array(SNOWFLAKE).max(10).default([]),
  mention_users: z.array(SNOWFLAKE).max(10).default([]),
});

type DiscordConfig = z.output<typeof CONFIG>;

/** Characters, of one embed; all together at most 6000. */
const TITLE_MAX = 256;
const DESCRIPTION_MAX = 2500;
const VALUE_MAX = 300;
const FOOTER_MAX = 200;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: discord
    config: {url: "https://discord.com/api/webhooks/123456789012345678/XXXX"}
`;

export const DISCORD = httpNotifier<DiscordConfig>({
  kind: "discord",
  aliases: [],
  summary: "a Discord message through a channel's web hook",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, config) => jsonCall(hookUrl(config), bodyOf(message, config)),
  reason: jsonReason("message"),
  secrets: (config) => config.url.split("/").slice(-2),
  verdict: rateLimit,
});

/** `wait`: the answer then says whether the message was stored, not only taken. */
function hookUrl(config: DiscordConfig): string {
  const url = new URL(config.url);
  url.searchParams.set("wait", "true");
  if (config.thread_id !== undefined) url.searchParams.set("thread_id", config.thread_id);
  return url.href;
}

function bodyOf(message: AlertMessage, config: DiscordConfig) {
  const { mention_roles: roles, mention_users: users, username } = config;
  const named = message.color === "red"
    ? [...roles.map((id) => `<@&${id}>`), ...users.map((id) => `<@${id}>`)].join(" ")
    : "";
  const link = targetLink(message);
  const paragraphs = paragraphsOf(message).map(({ heading, lines }) =>
    `**${heading}**\n${lines.map((line) => `- ${escaped(line)}`).join("\n")}`
  );
  return {
    ...(username === undefined ? {} : { username }),
    ...(named === "" ? {} : { content: named }),
    "allowed_mentions": { parse: [], roles, users },
    embeds: [{
      title: cutChars(escaped(message.title), TITLE_MAX),
      ...(link === undefined ? {} : { url: link }),
      description: cutChars([escaped(message.summary), ...paragraphs].join("\n\n"), DESCRIPTION_MAX),
      color: COLOR_RGB[message.color],
      timestamp: message.at,
      fields: factsOf(message).map(([name, text]) => ({
        name,
        value: cutChars(escaped(text), VALUE_MAX),
        inline: text.length < 40,
      })),
      footer: { text: cutChars(footer(message), FOOTER_MAX) },
    }],
  };
}

/** Discord's Markdown, switched off. */
function escaped(text: string): string {
  return text.replace(/[\\*_~`|>#[\]()<]/g, "\\$&");
}

/** "retry_after" of the body is in seconds with a fraction and is truer than the header. */
function rateLimit(answer: { readonly status: number; readonly body: string }) {
  if (answer.status !== 429) return undefined;
  const parsed = z.object({ "retry_after": z.number().min(0).max(3600) }).safeParse(parsedJson(answer.body));
  if (!parsed.success) return undefined;
  return { class: "retry", retryAfterMs: Math.ceil(parsed.data.retry_after * 1000) } as const;
}
