/**
 * What all channels share that send one HTTP call per alert and hold nothing open: a kind states its schema and how an alert
 * becomes a call; deadline, retry class, error texts and the hiding of secrets are here.
 */
import { oneLine } from "../base/log.ts";
import { urlOrigin } from "../base/url_field.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Notifier, PluginInfo } from "../model/plugin.ts";
import type { HttpAnswer, HttpCall } from "../net/http_client.ts";
import type { AnswerClass } from "../net/retry_class.ts";
import { cutChars } from "./alert_parts.ts";
import { deliver, NOTHING_OPEN } from "./deliver.ts";

export interface HttpKind<Config> extends PluginInfo<Config> {
  /** Where it sends; only scheme, host and port of it are shown. */
  readonly address: (config: Config) => string;
  readonly call: (message: AlertMessage, config: Config) => HttpCall;
  /** The reason in a bad answer as the service words it, unsafe: it is made one line, cut, and rid of secrets here. */
  readonly reason?: (answer: HttpAnswer) => string;
  /** What must not be repeated from an answer. */
  readonly secrets?: (config: Config) => readonly string[];
  /** Overrides the table where a service says more in the body than by the status; undefined: the table holds. */
  readonly verdict?: (answer: HttpAnswer) => AnswerClass | undefined;
}

const REASON_CHARS_MAX = 200;

export function httpNotifier<Config>(kind: HttpKind<Config>): Notifier<Config> {
  const { address, call, reason, secrets, verdict, ...info } = kind;
  const describe = (config: Config) => `${kind.kind} ${urlOrigin(address(config))}`;
  return {
    ...info,
    descriptors: 1,
    estimateMs: 200,
    timeoutMs: 10_000,
    describe,
    open(config) {
      const channel = describe(config);
      const hidden = secrets?.(config) ?? [];
      const explain = (answer: HttpAnswer) => hideSecrets(reason?.(answer) ?? "", hidden);
      const options = { channel, explain, ...(verdict === undefined ? {} : { verdict }) };
      return { ...NOTHING_OPEN, send: (message, signal) => deliver(call(message, config), options, signal) };
    },
  };
}

/** One line of at most 200 characters in which no secret stands. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) if (secret !== "") shown = shown.replaceAll(secret, "***");
  return oneLine(cutChars(shown, REASON_CHARS_MAX));
}

/** A POST of JSON. */
export function jsonCall(
  url: string,
  body: unknown,
  headers: readonly (readonly [string, string])[] = [],
): HttpCall {
  const all = [["Content-Type", "application/json"] as const, ...headers];
  return { method: "POST", url, headers: all, body: JSON.stringify(body) };
}

/** A POST of an HTML form; a list repeats its name. */
export function formCall(
  url: string,
  fields: Readonly<Record<string, string>>,
  headers: readonly (readonly [string, string])[] = [],
): HttpCall {
  const all = [["Content-Type", "application/x-www-form-urlencoded"] as const, ...headers];
  return { method: "POST", url, headers: all, body: new URLSearchParams(fields).toString() };
}

/** The first of the named texts in an answer of JSON; "" when it has none. Dots go deeper: "error.message". */
export function jsonReason(...paths: readonly string[]): (answer: HttpAnswer) => string {
  return (answer) => {
    const root = parsedJson(answer.body);
    for (const path of paths) {
      let value = root;
      for (const key of path.split(".")) {
        value = typeof value === "object" && value !== null
          ? (value as Record<string, unknown>)[key]
          : undefined;
      }
      const text = Array.isArray(value) ? value.filter((item) => typeof item === "string").join("; ") : value;
      if (typeof text === "string" && text !== "") return text;
    }
    return "";
  };
}

/** Undefined when it is no JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
