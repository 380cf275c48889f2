/**
 * Alerts as Opsgenie alerts (also Jira Service Management's, which has the same API under another address). Red and yellow create, green
 * closes the same alert by its alias; cyan and gray become notes, which page nobody.
 * Source: docs.opsgenie.com "Alert API": create, close, acknowledge, add note. A request is taken with 202 and carried out later.
 */
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import type { HttpCall } from "../net/http_client.ts";
import { boundedKey, cutChars, headline, plainLines } from "./alert_parts.ts";
import { httpNotifier, jsonCall, jsonReason } from "./http_notifier.ts";

const RESPONDER = z.union([
  z.strictObject({ type: z.enum(["team", "escalation", "schedule"]), name: z.string().min(1) }),
  z.strictObject({ type: z.enum(["team", "escalation", "schedule", "user"]), id: z.string().min(1) }),
  z.strictObject({ type: z.literal("user"), username: z.string().min(1) }),
]);

const CONFIG = z.strictObject({
  api_key: z.string().regex(/^[!-~]+$/, "expected a key without spaces"),
  /** Of the collection of alerts; for the EU https://api.eu.opsgenie.com/v2/alerts. */
  url: httpUrlField().default("https://api.opsgenie.com/v2/alerts"),
  responders: z.array(RESPONDER).max(50).default([]),
  tags: z.array(z.string().min(1).max(50)).max(15).default([]),
});

type OpsgenieConfig = z.output<typeof CONFIG>;

/** Characters, of the API's page. */
const MESSAGE_MAX = 130;
const ALIAS_MAX = 512;
const DESCRIPTION_MAX = 15_000;
const ENTITY_MAX = 512;
const NOTE_MAX = 25_000;
const TAGS_MAX = 20;
const TAG_MAX = 50;
const DETAIL_MAX = 300;

const PRIORITY_OF = { critical: "P1", warning: "P3", info: "P5" } as const;
const SENDER = { user: "cpra", source: "cpra" } as const;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: opsgenie
    config:
      api_key: 00000000-0000-0000-0000-000000000000
      responders: [{type: team, name: ops}]
`;

export const OPSGENIE = httpNotifier<OpsgenieConfig>({
  kind: "opsgenie",
  aliases: [],
  summary: "Opsgenie alerts: red and yellow create, green closes",
  schema: CONFIG,
  example: EXAMPLE,
  address: (config) => config.url,
  call: callOf,
  reason: jsonReason("message"),
  secrets: (config) => [config.api_key],
});

function callOf(message: AlertMessage, config: OpsgenieConfig): HttpCall {
  const headers = [["Authorization", `GenieKey ${config.api_key}`] as const];
  const alias = boundedKey(message.dedupKey, ALIAS_MAX);
  const of = (verb: string) => `${config.url}/${encodeURIComponent(alias)}/${verb}?identifierType=alias`;
  const note = cutChars(headline(message), NOTE_MAX);
  switch (message.color) {
    case "green":
      return jsonCall(of("close"), { ...SENDER, note }, headers);
    case "cyan":
    case "gray":
      return jsonCall(of("notes"), { ...SENDER, note }, headers);
    default:
      return jsonCall(config.url, alertOf(message, alias, config), headers);
  }
}

function alertOf(message: AlertMessage, alias: string, config: OpsgenieConfig) {
  const tags = [...config.tags, message.color, ...message.groups.map((group) => cutChars(group, TAG_MAX))];
  return {
    message: cutChars(headline(message), MESSAGE_MAX),
    alias,
    description: cutChars(plainLines(message), DESCRIPTION_MAX),
    ...(config.responders.length === 0 ? {} : { responders: config.responders }),
    tags: [...new Set(tags)].slice(0, TAGS_MAX),
    details: detailsOf(message),
    entity: cutChars(message.monitor, ENTITY_MAX),
    priority: PRIORITY_OF[message.severity],
    ...SENDER,
  };
}

function detailsOf(message: AlertMessage): Record<string, string> {
  const { monitor, kind, target, error, since, incident, key, labels } = message;
  const facts = { ...labels, monitor, kind, target, error, since, incident, key };
  return Object.fromEntries(Object.entries(facts).map(([name, text]) => [name, cutChars(text, DETAIL_MAX)]));
}
