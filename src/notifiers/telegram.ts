/**
 * Alerts as Telegram messages of a bot. Green, cyan and gray come without a sound. The token stands in the path of the call, so
 * nothing but the host is ever shown.
 * Source: core.telegram.org/bots/api, "sendMessage", "HTML style", "ResponseParameters".
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import { cutChars, factsOf, footer, paragraphsOf } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason, parsedJson } from "./http_notifier.ts";

const CONFIG = z.strictObject({
  /** As BotFather gives it. */
  token: z.string().regex(/^\d+:[\w-]+$/, "expected a bot token such as 123456:ABC-DEF"),
  /** A number (negative for groups) or "@channel". */
  chat_id: z.union([z.number().int(), z.string().regex(/^(-?\d+|@\w+)$/, 'expected a number or "@channel"')]),
  /** A topic of a group. */
  message_thread_id: z.number().int().min(1).optional(),
  /** A server of one's own, or a proxy. */
  url: httpUrlField().default("https://api.telegram.org"),
});

type TelegramConfig = z.output<typeof CONFIG>;

/** Characters after entities are read: 4096 is the service's limit. */
const TEXT_MAX = 4096;
const PART_MAX = 250;
const LISTED_MAX = 5;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: telegram
    config: {token: "123456:ABC-DEF", chat_id: "-1001234567890"}
`;

export const TELEGRAM = httpNotifier<TelegramConfig>({
  kind: "telegram",
  aliases: [],
  summary: "a Telegram message of a bot",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, config) =>
    jsonCall(`${config.url.replace(/\/$/, "")}/bot${config.token}/sendMessage`, bodyOf(message, config)),
  reason: jsonReason("description"),
  secrets: (config) => [config.token, config.token.split(":")[1] as string],
  verdict: rateLimit,
});

function bodyOf(message: AlertMessage, config: TelegramConfig) {
  return {
    "chat_id": config.chat_id,
    ...(config.message_thread_id === undefined ? {} : { "message_thread_id": config.message_thread_id }),
    text: htmlOf(message),
    "parse_mode": "HTML",
    "disable_notification": message.color !== "red" && message.color !== "yellow",
    "link_preview_options": { "is_disabled": true },
  };
}

/** Lines are added while they fit, since a text cut within a tag is refused whole. */
function htmlOf(message: AlertMessage): string {
  const lines = [
    `<b>${escaped(message.title)}</b>`,
    escaped(message.summary),
    "",
    ...factsOf(message).map(([name, text]) => `<b>${name}:</b> ${escaped(text)}`),
  ];
  for (const { heading, lines: items } of paragraphsOf(message)) {
    lines.push("", `<b>${heading}:</b>`, ...items.slice(-LISTED_MAX).map((item) => `• ${escaped(item)}`));
  }
  lines.push("", `<i>${escaped(footer(message))}</i>`);
  let text = lines[0] as string;
  for (const line of lines.slice(1)) {
    if (text.length + 1 + line.length > TEXT_MAX) break;
    text += `\n${line}`;
  }
  return text;
}

function escaped(text: string): string {
  return cutChars(text, PART_MAX).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The pause is in the body only. */
function rateLimit(answer: { readonly status: number; readonly body: string }) {
  if (answer.status !== 429) return undefined;
  const shape = z.object({ parameters: z.object({ "retry_after": z.number().min(0).max(3600) }) });
  const parsed = shape.safeParse(parsedJson(answer.body));
  if (!parsed.success) return undefined;
  return { class: "retry", retryAfterMs: parsed.data.parameters.retry_after * 1000 } as const;
}
