/**
 * The body of Alertmanager's own web hooks (version 4), so that a receiver written for them takes cpra's alerts as they are.
 * Source: prometheus.io/docs/alerting/latest/configuration "webhook_config".
 */
import type { AlertMessage } from "../model/message.ts";
import { annotationsOf, fingerprintOf, isFiring, labelsOf, startOf } from "./alertmanager_alert.ts";
import { targetLink } from "./alert_parts.ts";

const ALERTNAME = "CpraMonitor";
/** Alertmanager's "not ended". */
const NO_TIME = "0001-01-01T00:00:00Z";

/** One group of one alert: cpra groups by itself. Cyan and gray are firing alerts of severity info. */
export function alertmanagerHookBody(message: AlertMessage): string {
  const resolved = message.color === "green";
  const status = resolved ? "resolved" : "firing";
  const { own } = labelsOf(message, ALERTNAME);
  const labels = isFiring(message) || resolved ? own : { ...own, severity: "info" };
  const annotations = annotationsOf(message);
  const group = { alertname: ALERTNAME, monitor: message.monitor };
  return JSON.stringify({
    version: "4",
    groupKey: `{}:{alertname=${JSON.stringify(ALERTNAME)}, monitor=${JSON.stringify(message.monitor)}}`,
    truncatedAlerts: 0,
    status,
    receiver: "cpra",
    groupLabels: group,
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: "",
    alerts: [{
      status,
      labels,
      annotations,
      startsAt: startOf(message),
      endsAt: resolved ? message.at : NO_TIME,
      generatorURL: targetLink(message) ?? "",
      fingerprint: fingerprintOf(labels),
    }],
  });
}
