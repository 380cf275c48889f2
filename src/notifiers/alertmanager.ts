/**
 * Alerts into Prometheus Alertmanager, to every member of a cluster. Red and yellow fire until `expires` has passed, since they are
 * sent once and not, as by Prometheus, again and again; green ends them. The two differ by the label `severity`, so each ends
 * the other. Cyan and gray are nothing that Alertmanager knows, and are not sent.
 * Source: prometheus.io/docs/alerting "Alerts API" (POST /api/v2/alerts, its OpenAPI document).
 */
import { z } from "../base/schema.ts";
import { durationField } from "../base/fields.ts";
import { httpUrlField, urlOrigin } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Channel, DeliveryResult, Notifier } from "../model/plugin.ts";
import { annotationsOf, isFiring, type Labels, labelsOf, startOf } from "./alertmanager_alert.ts";
import { targetLink } from "./alert_parts.ts";
import { deliver, NOTHING_OPEN } from "./deliver.ts";
import { hideSecrets, jsonCall } from "./http_notifier.ts";
import { PartlySent } from "./partly_sent.ts";

const DAY_MS = 86_400_000;

const CONFIG = z.strictObject({
  /** Of the server, without "/api/v2"; all members of a cluster, since each must have the alert. */
  url: z.union([httpUrlField(), z.array(httpUrlField()).min(1).max(10)]),
  /** Sent as "Authorization: Bearer …"; user and password stand in the URL instead. */
  token: z.string().regex(/^[!-~]+$/, "expected a token without spaces").optional(),
  alertname: z.string().min(1).max(200).default("CpraMonitor"),
  /** An alert that nobody ends is over after this time. */
  expires: durationField().default(7 * DAY_MS),
});

type AlertmanagerConfig = z.output<typeof CONFIG>;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: alertmanager
    config: {url: ["http://alertmanager-0.example.com:9093", "http://alertmanager-1.example.com:9093"]}
`;

export const ALERTMANAGER: Notifier<AlertmanagerConfig> = {
  kind: "alertmanager",
  aliases: [],
  summary: "alerts into Prometheus Alertmanager; green ends them",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 50,
  timeoutMs: 15_000,
  describe: (config) => `alertmanager ${urlsOf(config).map(urlOrigin).join(", ")}`,
  open: openAlertmanager,
};

function urlsOf({ url }: AlertmanagerConfig): readonly string[] {
  return typeof url === "string" ? [url] : url;
}

function openAlertmanager(config: AlertmanagerConfig): Channel {
  const partly = new PartlySent();
  const headers = config.token === undefined ? [] : [["Authorization", `Bearer ${config.token}`] as const];
  return {
    ...NOTHING_OPEN,
    async send(message, signal) {
      const alerts = alertsOf(message, config);
      if (alerts.length === 0 && !signal.aborted) return { result: "sent" };
      const left = partly.left(message.key, urlsOf(config));
      const results = await Promise.all(left.map((url): Promise<DeliveryResult> => {
        const call = jsonCall(`${url.replace(/\/$/, "")}/api/v2/alerts`, alerts, headers);
        // The answer to a bad request is one JSON string.
        const explain = (answer: { readonly body: string }) => hideSecrets(answer.body, [config.token ?? ""]);
        return deliver(call, { channel: `alertmanager ${urlOrigin(url)}`, explain }, signal);
      }));
      const worst = results.find(({ result }) => result === "retry") ??
        results.find(({ result }) => result === "refused") ?? { result: "sent" };
      if (worst.result !== "retry") partly.forget(message.key);
      else partly.keep(message.key, left.filter((_url, index) => results[index]?.result === "sent"));
      return worst;
    },
  };
}

interface PostedAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL?: string;
}

function alertsOf(message: AlertMessage, config: AlertmanagerConfig): readonly PostedAlert[] {
  const firing = isFiring(message);
  if (!firing && message.color !== "green") return [];
  const { own, twins } = labelsOf(message, config.alertname);
  const link = targetLink(message);
  const common = {
    annotations: annotationsOf(message),
    startsAt: startOf(message),
    ...(link === undefined ? {} : { generatorURL: link }),
  };
  const lastsUntil = new Date(Date.parse(message.at) + config.expires).toISOString();
  return [
    { ...common, labels: own, endsAt: firing ? lastsUntil : message.at },
    ...twins.map((labels) => ({ ...common, labels, endsAt: message.at })),
  ];
}
