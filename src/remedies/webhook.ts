/**
 * Repairs by an HTTP call to something that can repair: an orchestrator, an automation server. 2xx means repaired.
 * The same attempt carries the same `Idempotency-Key`, so that a receiver runs a repeated call once.
 */
import { SYSTEM_CLOCK } from "../base/clock.ts";
import { z } from "../base/schema.ts";
import { urlOrigin } from "../base/url_field.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import { callHttp } from "../net/http_client.ts";
import { classifyAnswer } from "../net/retry_class.ts";
import { type CallConfig, callFields, compilePayload, templatedCall } from "../net/templated_call.ts";

const FACT_NAMES = ["monitor", "incident", "attempt", "error"] as const;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
intervention:
  action: webhook
  retries: 2
  config:
    url: https://automation.example.com/repair
    payload: {service: "{{monitor}}", because: "{{error}}"}
`;

export const WEBHOOK: Remedy<CallConfig> = {
  kind: "webhook",
  aliases: [],
  summary: "an HTTP call to something that can repair; 2xx means repaired",
  schema: z.strictObject(callFields(FACT_NAMES)),
  example: EXAMPLE,
  split: ({ url, ...shared }) => ({ target: url, shared }),
  descriptors: 1,
  perMonitor: true,
  estimateMs: 500,
  describe: (target) => `call webhook ${urlOrigin(target)}`,
  run: runWebhook,
};

async function runWebhook(request: RemedyRequest, signal: AbortSignal): Promise<RemedyResult> {
  const config: CallConfig = { ...request.config as Omit<CallConfig, "url">, url: request.target };
  const { monitor, incident, attempt, error } = request;
  const values: Readonly<Record<typeof FACT_NAMES[number], string | number>> = {
    monitor,
    incident,
    attempt,
    error,
  };
  const idempotencyKey = `cpra:${monitor}:${incident}:${attempt}`;
  const answer = await callHttp(
    templatedCall(config, { template: compilePayload(config), values, idempotencyKey }),
    signal,
  );
  const where = `webhook ${urlOrigin(config.url)}`;
  if (answer.kind === "failure") return { ok: false, retryable: true, text: `${where}: ${answer.text}` };
  const verdict = classifyAnswer(answer, SYSTEM_CLOCK.wallMs());
  return {
    ok: verdict.class === "ok",
    retryable: verdict.class === "retry",
    text: `${where} answered ${answer.status}`,
  };
}
