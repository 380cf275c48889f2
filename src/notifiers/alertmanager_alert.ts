/**
 * An alert in Prometheus Alertmanager's terms: labels that identify it and stay the same from trigger to resolve, annotations that do
 * not, and its times. Shared by the channel `alertmanager` and by web hooks that speak its format.
 * Source: prometheus.io/docs/alerting "Alerts API", "Configuration: webhook_config"; data model of labels.
 */
import { createHash } from "node:crypto";
import type { AlertMessage } from "../model/message.ts";
import { paragraphsOf } from "./alert_parts.ts";

export type Labels = Readonly<Record<string, string>>;

/** What `severity` may be over one incident: red, yellow. */
const SEVERITIES = ["critical", "warning"] as const;

export interface AlertLabels {
  /** Of the alert that this message is about. */
  readonly own: Labels;
  /** Of the same monitor's alert with the other severity, if that is another alert. */
  readonly twins: readonly Labels[];
}

export function isFiring(message: AlertMessage): boolean {
  return message.color === "red" || message.color === "yellow";
}

/** The monitor's own labels win over severity, so that a route may go by a severity of the user's. */
export function labelsOf(message: AlertMessage, alertname: string): AlertLabels {
  const given = Object.fromEntries(
    Object.entries(message.labels).map(([name, value]) => [labelName(name), value.toWellFormed()]),
  );
  const of = (severity: string) =>
    withoutEmpty({
      severity,
      ...(message.groups.length === 0 ? {} : { groups: message.groups.join(",") }),
      ...given,
      alertname,
      monitor: message.monitor,
      kind: message.kind,
    });
  const own = of(message.color === "yellow" ? "warning" : "critical");
  const all = [...new Set(SEVERITIES.map((severity) => JSON.stringify(of(severity))))];
  return {
    own,
    twins: all.filter((text) => text !== JSON.stringify(own)).map((text) => JSON.parse(text) as Labels),
  };
}

export function annotationsOf(message: AlertMessage): Labels {
  const { summary, target, error, output, incident, key } = message;
  const description = paragraphsOf(message).map(({ heading, lines }) => `${heading}: ${lines.join("; ")}`)
    .join("\n");
  return withoutEmpty({ summary, description, target, error, output, incident, key });
}

/** When the trouble began; an alert without one began when it was decided. */
export function startOf(message: AlertMessage): string {
  return message.since === "" ? message.at : message.since;
}

/** 16 hexadecimal digits for a set of labels, whatever their order. */
export function fingerprintOf(labels: Labels): string {
  const sorted = Object.entries(labels).sort(([left], [right]) => left < right ? -1 : 1);
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}

function labelName(name: string): string {
  const word = name.replace(/[^a-zA-Z0-9_]/g, "_");
  return /^[0-9]/.test(word) || word === "" ? `_${word}` : word;
}

function withoutEmpty(labels: Labels): Labels {
  const filled = Object.entries(labels).filter(([, value]) => value !== "");
  return Object.fromEntries(filled.map(([name, value]) => [name, value.toWellFormed()]));
}
