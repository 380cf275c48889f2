/**
 * Alerts as Google Chat messages through a space's web hook: one card, in one thread per incident. The URL is the secret.
 * Sources: developers.google.com/workspace/chat "Build a Google Chat app as a webhook", "Cards v2"; a message has at most 32,000 bytes.
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import {
  boundedKey,
  colorHex,
  cutChars,
  factsOf,
  footer,
  headline,
  paragraphsOf,
  targetLink,
} from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason } from "./http_notifier.ts";

const CONFIG = z.strictObject({ url: httpUrlField() });

/** Characters. With them a card of the largest alert stays below 32,000 bytes. */
const TEXT_MAX = 200;
const THREAD_KEY_MAX = 4000;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: googlechat
    config: {url: "https://chat.googleapis.com/v1/spaces/XXXX/messages?key=XXXX&token=XXXX"}
`;

export const GOOGLECHAT = httpNotifier<z.output<typeof CONFIG>>({
  kind: "googlechat",
  aliases: [],
  summary: "a Google Chat message through a space's web hook, in one thread per incident",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, config) => jsonCall(inThread(config.url), bodyOf(message)),
  reason: jsonReason("error.status"),
});

function inThread(url: string): string {
  const address = new URL(url);
  address.searchParams.set("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
  return address.href;
}

function bodyOf(message: AlertMessage) {
  const link = targetLink(message);
  const button = { buttons: [{ text: "Open target", onClick: { openLink: { url: link } } }] };
  const sections = [
    {
      widgets: [
        paragraph(
          `<font color="${colorHex(message.color)}"><b>${escaped(message.status)}</b></font> ${
            escaped(message.summary)
          }`,
        ),
        ...factsOf(message).map(([topLabel, text]) => ({
          decoratedText: { topLabel, text: escaped(text), wrapText: true },
        })),
        ...(link === undefined ? [] : [{ buttonList: button }]),
      ],
    },
    ...paragraphsOf(message).map(({ heading, lines }) => ({
      header: heading,
      widgets: [paragraph(lines.map((line) => `• ${escaped(line)}`).join("<br>"))],
    })),
    { widgets: [paragraph(`<i>${escaped(footer(message))}</i>`)] },
  ];
  return {
    fallbackText: cutChars(headline(message), TEXT_MAX),
    cardsV2: [{ cardId: "alert", card: { header: { title: cutChars(message.title, TEXT_MAX) }, sections } }],
    thread: { threadKey: boundedKey(message.dedupKey, THREAD_KEY_MAX) },
  };
}

function paragraph(text: string) {
  return { textParagraph: { text } };
}

function escaped(text: string): string {
  return cutChars(text, TEXT_MAX).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
