/**
 * Alerts as Pushover notifications. Red has high priority, or with `emergency` one that repeats until someone acknowledges it, for an
 * hour at most. Tokens travel in the body.
 * Source: pushover.net/api: "Pushing Messages", "Message Priority", limits; an answer of 4xx is not to be repeated.
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import { cutChars, plainLines, targetLink } from "./alert_parts.ts";
import { formCall, httpNotifier, jsonReason } from "./http_notifier.ts";

const KEY = z.string().regex(/^[A-Za-z0-9]{30}$/, "expected 30 letters and digits");

const CONFIG = z.strictObject({
  /** Of the application. */
  token: KEY,
  /** Of a user or a group. */
  user: KEY,
  /** Name of one device, or several with commas; default: all. */
  device: z.string().regex(/^[A-Za-z0-9_,-]{1,100}$/, "expected names of devices").optional(),
  sound: z.string().regex(/^[a-z0-9_]{1,40}$/i, "expected the name of a sound").optional(),
  /** Red repeats every minute until acknowledged. */
  emergency: z.boolean().default(false),
  url: httpUrlField().default("https://api.pushover.net/1/messages.json"),
});

type PushoverConfig = z.output<typeof CONFIG>;

/** Characters. */
const MESSAGE_MAX = 1024;
const TITLE_MAX = 250;
const URL_MAX = 512;
/** Seconds. */
const REPEAT_EVERY = 60;
const REPEAT_FOR = 3600;

const PRIORITY_OF: Readonly<Record<Color, number>> = { red: 1, yellow: 0, green: 0, cyan: -1, gray: -1 };
const EMERGENCY = 2;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: pushover
    config: {token: azGDORePK8gMaC0QOYAMyEEuzJnyUi, user: uQiRzpo4DXghDmr9QzzfQu27cmVRsG}
`;

export const PUSHOVER = httpNotifier<PushoverConfig>({
  kind: "pushover",
  aliases: [],
  summary: "a Pushover notification; red with high or emergency priority",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: (message, config) => formCall(config.url, fieldsOf(message, config)),
  reason: jsonReason("errors"),
  secrets: (config) => [config.token, config.user],
});

function fieldsOf(message: AlertMessage, config: PushoverConfig): Record<string, string> {
  const emergency = config.emergency && message.color === "red";
  const link = targetLink(message);
  return {
    token: config.token,
    user: config.user,
    title: cutChars(message.title, TITLE_MAX),
    message: cutChars(plainLines(message), MESSAGE_MAX),
    priority: String(emergency ? EMERGENCY : PRIORITY_OF[message.color]),
    timestamp: String(Math.floor(Date.parse(message.at) / 1000)),
    ...(emergency ? { retry: String(REPEAT_EVERY), expire: String(REPEAT_FOR) } : {}),
    ...(link !== undefined && link.length <= URL_MAX ? { url: link, "url_title": "Open target" } : {}),
    ...(config.device === undefined ? {} : { device: config.device }),
    ...(config.sound === undefined ? {} : { sound: config.sound }),
  };
}
