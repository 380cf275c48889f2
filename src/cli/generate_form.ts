/** How one generated monitor is written: in the original's YAML (`pulse_check`, `config`, `codes`), or the same as JSON. */
import type { GeneratedKind } from "./generate_mix.ts";

export const GENERATED_FORMATS = ["yaml", "json", "jsonl"] as const;
export type GeneratedFormat = typeof GENERATED_FORMATS[number];

interface Item {
  readonly index: number;
  readonly name: string;
  readonly kind: GeneratedKind;
  readonly repaired: boolean;
  readonly host: string;
}

interface Terms {
  readonly interval: string;
  readonly timeout: string;
  readonly port: number;
  readonly controlPort: number;
}

interface Form {
  readonly head: string;
  readonly between: string;
  readonly tail: string;
  item(item: Item, terms: Terms): string;
}

export const FORMS: Readonly<Record<GeneratedFormat, Form>> = {
  yaml: { head: "monitors:\n", between: "", tail: "", item: yamlItem },
  json: { head: '{"monitors":[\n', between: ",\n", tail: "\n]}\n", item: jsonItem },
  jsonl: { head: "", between: "\n", tail: "\n", item: jsonItem },
};

/** Relative to where cpra runs. */
const ALERT_LOG = "cpra-alerts.log";

function yamlItem(item: Item, terms: Terms): string {
  return `  - name: "${item.name}"
    pulse_check:
      type: ${item.kind}
      interval: ${terms.interval}
      timeout: ${terms.timeout}
      max_failures: 2
      config:
${yamlConfig(item, terms)}${item.repaired ? yamlIntervention(item, terms) : ""}    codes:
      red:
        dispatch: true
        notify: log
        config:
          file: ${ALERT_LOG}
      green:
        dispatch: true
        notify: log
        config:
          file: ${ALERT_LOG}
`;
}

function yamlConfig(item: Item, terms: Terms): string {
  switch (item.kind) {
    case "http":
      return `        method: GET\n        url: http://${item.host}:${terms.port}/health/${item.index}\n        retries: 1\n`;
    case "tcp":
      return `        host: ${item.host}\n        port: ${terms.port}\n        retries: 1\n`;
    case "script":
      return `        path: ${SCRIPT}\n`;
  }
}

function yamlIntervention(item: Item, terms: Terms): string {
  return `    intervention:
      action: webhook
      retries: 1
      config:
        url: ${repairUrl(item, terms)}
`;
}

/** A script that every system has; it says that all is well. */
const SCRIPT = "/bin/true";

function repairUrl(item: Item, terms: Terms): string {
  return `http://127.0.0.1:${terms.controlPort}/repair/${item.index}`;
}

function jsonItem(item: Item, terms: Terms): string {
  const code = { dispatch: true, notify: "log", config: { file: ALERT_LOG } };
  return JSON.stringify({
    name: item.name,
    pulse_check: {
      type: item.kind,
      interval: terms.interval,
      timeout: terms.timeout,
      max_failures: 2,
      config: jsonConfig(item, terms),
    },
    ...(item.repaired
      ? { intervention: { action: "webhook", retries: 1, config: { url: repairUrl(item, terms) } } }
      : {}),
    codes: { red: code, green: code },
  });
}

function jsonConfig(item: Item, terms: Terms): unknown {
  switch (item.kind) {
    case "http":
      return { method: "GET", url: `http://${item.host}:${terms.port}/health/${item.index}`, retries: 1 };
    case "tcp":
      return { host: item.host, port: terms.port, retries: 1 };
    case "script":
      return { path: SCRIPT };
  }
}
