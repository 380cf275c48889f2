/**
 * Alerts as ntfy notifications, on ntfy.sh or a server of one's own. A topic without access rules is readable by whoever knows its
 * name: it is treated as a secret and travels in the body.
 * Source: docs.ntfy.sh/publish, "Publish as JSON", "Message priority", "Tags & emojis", "Authentication"; 4,096 bytes of message.
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import { cutBytes, plainLines, targetLink } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason } from "./http_notifier.ts";

const CONFIG = z.strictObject({
  topic: z.string().regex(/^[-_A-Za-z0-9]{1,64}$/, "expected 1 to 64 letters, digits, - and _"),
  /** Of the server, without the topic. */
  url: httpUrlField().default("https://ntfy.sh"),
  /** An access token; user and password stand in the URL instead. */
  token: z.string().regex(/^[!-~]+$/, "expected a token without spaces").optional(),
});

type NtfyConfig = z.output<typeof CONFIG>;

/** Bytes; a longer message would be made an attachment. */
const MESSAGE_MAX = 4096;
const TITLE_MAX = 250;

/** 1 (min) to 5 (max). */
const PRIORITY_OF: Readonly<Record<Color, number>> = { red: 5, yellow: 4, green: 3, cyan: 2, gray: 2 };
/** Short codes that the apps show as an emoji. */
const TAG_OF: Readonly<Record<Color, string>> = {
  red: "rotating_light",
  yellow: "warning",
  green: "white_check_mark",
  cyan: "wrench",
  gray: "construction",
};

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: ntfy
    config: {url: "https://ntfy.example.com", topic: ops-alerts, token: "tk_XXXX"}
`;

export const NTFY = httpNotifier<NtfyConfig>({
  kind: "ntfy",
  aliases: [],
  summary: "an ntfy notification, on ntfy.sh or a server of yours",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, config) => jsonCall(config.url, bodyOf(message, config), authorization(config)),
  reason: jsonReason("error"),
  secrets: (config) => [config.topic, config.token ?? ""],
});

function authorization({ token }: NtfyConfig): readonly (readonly [string, string])[] {
  return token === undefined ? [] : [["Authorization", `Bearer ${token}`]];
}

function bodyOf(message: AlertMessage, config: NtfyConfig) {
  const link = targetLink(message);
  return {
    topic: config.topic,
    title: cutBytes(message.title, TITLE_MAX),
    message: cutBytes(plainLines(message), MESSAGE_MAX),
    priority: PRIORITY_OF[message.color],
    tags: [TAG_OF[message.color]],
    ...(link === undefined ? {} : { click: link }),
  };
}
