/**
 * Alerts as PagerDuty events. Red and yellow trigger, green resolves the same alert (dedup_key). Cyan and gray are change
 * events, which page nobody: acknowledging on a repair would silence the red that follows a repair that did not help.
 * Sources: developer.pagerduty.com "Send an alert event", "Send a change event" (Events API v2).
 */
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import { httpUrlField, urlOrigin } from "../base/url_field.ts";
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Channel, DeliveryResult, Notifier } from "../model/plugin.ts";
import type { HttpAnswer } from "../net/http_client.ts";
import { alertFacts } from "./alert_facts.ts";
import { boundedKey, cutChars, headline, targetLink } from "./alert_parts.ts";
import { deliver, NOTHING_OPEN } from "./deliver.ts";

const DEFAULT_URL = "https://events.pagerduty.com/v2/enqueue";

const CONFIG = z.strictObject({
  url: httpUrlField().default(DEFAULT_URL),
  routing_key: z.string().min(1).optional(),
  integration_key: z.string().min(1).optional(),
  /** What cyan is: a change event, or the acknowledgement of the alert, which silences a red that follows. */
  on_repair: z.enum(["change", "acknowledge"]).default("change"),
  /** Shown with every alert: a runbook, a dashboard. */
  links: z.array(z.strictObject({ href: httpUrlField(), text: z.string().min(1).max(200).optional() })).max(
    20,
  ).default(
    [],
  ),
  images: z.array(z.strictObject({
    src: httpUrlField().refine((src) => src.startsWith("https:"), "expected an https URL"),
    href: httpUrlField().optional(),
    alt: z.string().min(1).max(200).optional(),
  })).max(20).default([]),
}).transform((config, context) => {
  const { url, routing_key: routing, integration_key: integration, on_repair: onRepair, links, images } =
    config;
  if (routing !== undefined && integration !== undefined) {
    context.addIssue({ code: "custom", message: "expected one of routing_key, integration_key, not both" });
    return z.NEVER;
  }
  const routingKey = routing ?? integration;
  // Absent in a documented form of the manifest; then nothing can be sent.
  return { url, onRepair, links, images, ...(routingKey === undefined ? {} : { routingKey }) };
});

export type PagerdutyConfig = z.output<typeof CONFIG>;

/** Characters. */
const DEDUP_KEY_MAX = 255;
const SUMMARY_MAX = 1024;

type Event = "trigger" | "acknowledge" | "resolve" | "change";

const EVENT_OF: Readonly<Record<Color, Event>> = {
  red: "trigger",
  yellow: "trigger",
  green: "resolve",
  cyan: "change",
  gray: "change",
};

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: pagerduty
    config: {routing_key: "0123456789abcdef0123456789abcdef"}
`;

export const PAGERDUTY: Notifier<PagerdutyConfig> = {
  kind: "pagerduty",
  aliases: [],
  summary: "PagerDuty events: red and yellow trigger, green resolves",
  schema: CONFIG,
  advice: (config) =>
    config.routingKey === undefined ? "no routing_key is given: nothing can be sent" : undefined,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 200,
  timeoutMs: 10_000,
  describe: (config) => `pagerduty ${urlOrigin(config.url)}`,
  open: openPagerduty,
};

function openPagerduty(config: PagerdutyConfig): Channel {
  const channel = PAGERDUTY.describe(config);
  const { routingKey } = config;
  if (routingKey === undefined) {
    const refusal: DeliveryResult = {
      result: "refused",
      error: `${channel}: no routing_key in the configuration`,
    };
    return { ...NOTHING_OPEN, send: () => Promise.resolve(refusal) };
  }
  return {
    ...NOTHING_OPEN,
    send(message, signal) {
      const kind = message.color === "cyan" ? config.onRepair : EVENT_OF[message.color];
      // Beside …/v2/enqueue stands …/v2/change/enqueue.
      const url = kind === "change" ? new URL("change/enqueue", config.url).href : config.url;
      const body = JSON.stringify({ routing_key: routingKey, ...eventOf(message, kind, config) });
      const headers = [["Content-Type", "application/json"]] as const;
      const explain = (answer: HttpAnswer) => pagerdutyReason(answer, routingKey);
      return deliver({ method: "POST", url, headers, body }, { channel, explain }, signal);
    },
  };
}

function eventOf(message: AlertMessage, kind: Event, config: PagerdutyConfig) {
  const dedupKey = boundedKey(message.dedupKey, DEDUP_KEY_MAX);
  if (kind === "resolve" || kind === "acknowledge") return { event_action: kind, dedup_key: dedupKey };
  const common = {
    summary: cutChars(headline(message), SUMMARY_MAX),
    source: message.target || message.monitor,
    timestamp: message.at,
    "custom_details": alertFacts(message),
  };
  const links = [...linksOf(message), ...config.links];
  if (kind === "change") return { payload: common, links };
  return {
    event_action: "trigger",
    dedup_key: dedupKey,
    client: "cpra",
    payload: {
      ...common,
      severity: message.severity,
      component: message.monitor,
      group: message.groups.join(", "),
      class: message.kind,
    },
    links,
    images: config.images,
  };
}

/** What was checked, one click away. */
function linksOf(message: AlertMessage): readonly { readonly href: string; readonly text: string }[] {
  const link = targetLink(message);
  return link === undefined ? [] : [{ href: link, text: "target" }];
}

/** "message" and "errors" of the answer, with the key taken out should it be repeated there. */
function pagerdutyReason(answer: HttpAnswer, routingKey: string): string {
  try {
    const parsed = ANSWER.parse(JSON.parse(answer.body));
    const text = [parsed.message, ...parsed.errors].filter((part) => part !== "").join("; ");
    return oneLine(cutChars(text.replaceAll(routingKey, "***"), 200));
  } catch {
    return "";
  }
}

const ANSWER = z.object({ message: z.string().catch(""), errors: z.array(z.string()).catch([]) });
