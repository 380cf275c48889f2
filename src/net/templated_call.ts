/**
 * The configuration that the web hook remedy and the web hook notifier share (url, method, headers, payload), and the HTTP
 * call made from it. Does not send, sign or retry.
 */
import { headersField, HTTP_METHODS } from "../base/fields.ts";
import { type Schema, z } from "../base/schema.ts";
import {
  compileTemplate,
  type JsonValue,
  type Template,
  templateFault,
  type TemplateValues,
} from "../base/template.ts";
import { httpUrlField } from "../base/url_field.ts";
import type { HttpCall } from "./http_client.ts";

export interface CallConfig {
  readonly url: string;
  readonly method: typeof HTTP_METHODS[number];
  readonly headers: readonly (readonly [string, string])[];
  readonly payload?: JsonValue | undefined;
}

/** Fields that the call sets by itself; setting them by hand would cut or confuse the request. */
const OWN_HEADERS = ["content-length", "transfer-encoding", "connection", "host", "idempotency-key"];

/** Schema fields for a strict object; `names` are the placeholders a payload may use. */
export function callFields(names: readonly string[]) {
  return {
    url: httpUrlField(),
    method: z.enum(HTTP_METHODS).default("POST"),
    headers: headersField().superRefine((headers, context) => {
      const own = headers.find(([name]) => OWN_HEADERS.includes(name.toLowerCase()));
      if (own !== undefined) {
        context.addIssue({ code: "custom", message: `header ${own[0]} is set by cpra itself` });
      }
    }).prefault({}),
    payload: payloadField(names).optional(),
  };
}

function payloadField(names: readonly string[]): Schema<JsonValue> {
  return (z.json() as Schema<JsonValue>).superRefine((payload, context) => {
    const fault = templateFault(payload, names);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  });
}

/** Compiled once; each render gives a body, or none for methods that have none. Without a payload the values are the body. */
export function compilePayload(config: CallConfig): Template | undefined {
  if (config.method === "GET" || config.method === "HEAD") return undefined;
  if (config.payload === undefined) {
    return {
      contentType: "application/json",
      render: (values) => JSON.stringify(values),
    };
  }
  const contentType = headerOf(config, "content-type") ?? "";
  return compileTemplate(config.payload, { form: contentType.includes("x-www-form-urlencoded") });
}

export interface CallParts {
  readonly template: Template | undefined;
  readonly values: TemplateValues;
  /** Same for every attempt of the same action; written percent-encoded where HTTP would not take it as it is. */
  readonly idempotencyKey: string;
}

export function templatedCall(config: CallConfig, parts: CallParts): HttpCall {
  const headers: (readonly [string, string])[] = [...config.headers];
  headers.push([
    "Idempotency-Key",
    parts.idempotencyKey.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent),
  ]);
  const { method, url } = config;
  if (parts.template === undefined) return { method, url, headers };
  if (headerOf(config, "content-type") === undefined) {
    headers.push(["Content-Type", parts.template.contentType]);
  }
  return { method, url, headers, body: parts.template.render(parts.values) };
}

function headerOf(config: CallConfig, name: string): string | undefined {
  return config.headers.find(([key]) => key.toLowerCase() === name)?.[1];
}
