/**
 * Alerts as messages of a Gotify server, sent as an application whose token travels in a header.
 * Source: gotify.net/api-docs, "createMessage"; gotify.net/docs/msgextras.
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import { plainLines, targetLink } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason } from "./http_notifier.ts";

const CONFIG = z.strictObject({
  /** Of the server, without "/message". */
  url: httpUrlField(),
  token: z.string().regex(/^[!-~]+$/, "expected a token without spaces"),
});

/** 8 and above make the app ring, 4 to 7 show a notification, below there is no sound. */
const PRIORITY_OF: Readonly<Record<Color, number>> = { red: 8, yellow: 5, green: 4, cyan: 2, gray: 1 };

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: gotify
    config: {url: "https://gotify.example.com", token: AxxxxxxxxxxxxxX}
`;

export const GOTIFY = httpNotifier<z.output<typeof CONFIG>>({
  kind: "gotify",
  aliases: [],
  summary: "a message of a Gotify server",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, { url, token }) =>
    jsonCall(`${url.replace(/\/$/, "")}/message`, bodyOf(message), [["X-Gotify-Key", token]]),
  reason: jsonReason("errorDescription", "error"),
  secrets: (config) => [config.token],
});

function bodyOf(message: AlertMessage) {
  const link = targetLink(message);
  return {
    title: message.title,
    message: plainLines(message),
    priority: PRIORITY_OF[message.color],
    extras: {
      "client::display": { contentType: "text/plain" },
      ...(link === undefined ? {} : { "client::notification": { click: { url: link } } }),
    },
  };
}
