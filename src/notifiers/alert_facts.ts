/**
 * The facts of an alert as the outside sees them: the lines of the log notifier, the default body of a web hook, the names
 * placeholders may use, the details in PagerDuty. One table, so that a fact is named equally everywhere.
 * Names are an interface for users: they are added, never renamed.
 */
import type { TemplateValue } from "../base/template.ts";
import type { AlertMessage } from "../model/message.ts";

const FACTS = {
  at: (message) => message.at,
  color: (message) => message.color,
  title: (message) => message.title,
  monitor: (message) => message.monitor,
  status: (message) => message.status,
  severity: (message) => message.severity,
  summary: (message) => message.summary,
  error: (message) => message.error,
  output: (message) => message.output,
  kind: (message) => message.kind,
  target: (message) => message.target,
  since: (message) => message.since,
  failing_for_seconds: (message) => Math.round(message.failingForMs) / 1000,
  failures: (message) => message.failures,
  tried: (message) => message.tried,
  recommended_action: (message) => message.recommendedAction,
  next_steps: (message) => message.nextSteps,
  incident: (message) => message.incident,
  transition: (message) => message.transition,
  seq: (message) => message.seq,
  groups: (message) => message.groups,
  labels: (message) => message.labels,
  key: (message) => message.key,
  dedup_key: (message) => message.dedupKey,
} as const satisfies Readonly<Record<string, (message: AlertMessage) => TemplateValue>>;

export type AlertFacts = Readonly<Record<keyof typeof FACTS, TemplateValue>>;

export const ALERT_FACT_NAMES = Object.keys(FACTS) as readonly (keyof AlertFacts)[];

export function alertFacts(message: AlertMessage): AlertFacts {
  return Object.fromEntries(ALERT_FACT_NAMES.map((name) => [name, FACTS[name](message)])) as AlertFacts;
}
