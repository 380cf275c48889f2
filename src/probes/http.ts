/**
 * Checks an HTTP(S) endpoint: one new connection per request, HTTP/1.1, certificates verified. Typical load: thousands a
 * second, each 1–100 ms, answers below 2 KiB.
 * Redirects (301, 302, 303, 307, 308) are followed, up to 10 unless told otherwise, as Go's client and blackbox_exporter do,
 * except when the redirect's own status is an expected one: then it is the answer. Credentials and the user's headers
 * Authorization and Cookie do not go to another origin. No cookies, no cache.
 */
import { oneLine } from "../base/log.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import type { RawProbe } from "../model/raw_probe.ts";
import type { Failure } from "../net/failure.ts";
import type { ResponseReader } from "../net/http1.ts";
import { canonicalUrl } from "./canonical_url.ts";
import { dayOf, daysLeft } from "./certificate_days.ts";
import { statusExpected } from "./expected_status.ts";
import { type Assertions, checkAnswer, checkContent, checkHead, mismatch } from "./http_assertions.ts";
import { ACCEPTED_CODINGS, decodeBody } from "./http_body.ts";
import { HTTP_SCHEMA, type HttpConfig } from "./http_config.ts";
import { type Attempt, exchange, preparedFor, type SharedConfig } from "./http_exchange.ts";
import { HTTP_RAW } from "./http_raw.ts";
import { REDIRECTS } from "./http_redirects.ts";
import type { RequestParts } from "./http_request.ts";

export const HTTP: Probe<HttpConfig> = {
  kind: "http",
  aliases: ["https"],
  summary: "HTTP or HTTPS request: status, headers, body, JSON, latency",
  schema: HTTP_SCHEMA,
  example: `name: shop
pulse_check:
  type: http
  interval: 30s
  timeout: 5s
  config:
    url: https://shop.example.com/health
    expected_status: [200, 204]
    body_contains: ok
    json: [{ path: "db.connected", equals: true }]
    max_latency: 800ms
`,
  descriptors: 1,
  estimateMs: 20,
  split({ url, ...shared }) {
    return { target: url, shared };
  },
  quick: { key: "url", target: canonicalUrl },
  run,
  raw: HTTP_RAW as RawProbe,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const attempt: Attempt = {
    startedMs: performance.now(),
    timeoutMs: request.timeoutMs,
    prepared: preparedFor(request.config as SharedConfig),
    phases: {},
    certificateEndMs: undefined,
    signal,
  };
  const failure = await follow(attempt, new URL(request.target)) ?? checkCertificate(attempt);
  const { certificateEndMs: endMs, phases } = attempt;
  if (failure !== undefined) return { ...failure, ...phases };
  const pass = { outcome: "pass", reason: "none", value: 0, ...phases } as const;
  return endMs === undefined ? pass : { ...pass, certificateDay: dayOf(endMs) };
}

/** Goes from answer to answer until one is final; undefined = healthy. */
async function follow(attempt: Attempt, start: URL): Promise<Failure | undefined> {
  const { assertions } = attempt.prepared;
  const { config } = assertions;
  let parts: RequestParts = config.compression
    ? { ...config, url: start, accept: ACCEPTED_CODINGS }
    : { ...config, url: start };
  const visited = new Set<string>();
  for (let redirects = 0;; redirects++) {
    visited.add(`${parts.method} ${parts.url.href}`);
    const answer = await exchange(attempt, parts);
    if ("outcome" in answer) return answer;
    const location = config.redirectsMax > 0 && !statusExpected(config.expectedStatus, answer.status)
      ? locationOf(answer)
      : undefined;
    if (location === undefined) {
      return await checkWhole(answer, assertions) ?? checkLatency(attempt, config.maxLatencyMs);
    }
    if (redirects === config.redirectsMax) {
      return { outcome: "fail", reason: "redirect_limit", value: redirects };
    }
    const next = redirected(parts, answer.status, location);
    if (next === undefined) return invalidRedirect(location);
    if (config.sameHost && next.url.hostname !== start.hostname) {
      return invalidRedirect(`to another host: ${next.url.origin}`);
    }
    if (visited.has(`${next.method} ${next.url.href}`)) {
      return invalidRedirect(`loop: ${next.url.origin}${next.url.pathname}`);
    }
    parts = next;
  }
}

/** As checkAnswer(), with the coding of the body undone when one was asked for. */
async function checkWhole(answer: ResponseReader, assertions: Assertions): Promise<Failure | undefined> {
  if (!assertions.config.compression || !assertions.needsBody) return checkAnswer(answer, assertions);
  const failure = checkHead(answer, assertions);
  if (failure !== undefined) return failure;
  const coded = { bytes: answer.body(), truncated: answer.truncated };
  const body = await decodeBody(coded, answer.header("content-encoding"));
  return typeof body === "string" ? mismatch("body_mismatch", body) : checkContent(body, assertions);
}

/** The one that ends first of all that were shown. */
function checkCertificate({ certificateEndMs, prepared }: Attempt): Failure | undefined {
  const { certificateDays } = prepared.assertions.config;
  if (certificateDays === 0 || certificateEndMs === undefined) return undefined;
  const days = daysLeft(certificateEndMs);
  if (days >= certificateDays) return undefined;
  return { outcome: "fail", reason: "tls_expires", value: days };
}

function checkLatency(attempt: Attempt, limitMs: number): Failure | undefined {
  const tookMs = performance.now() - attempt.startedMs;
  if (limitMs === 0 || tookMs <= limitMs) return undefined;
  return { outcome: "fail", reason: "too_slow", value: Math.ceil(tookMs) };
}

function locationOf(answer: ResponseReader): string | undefined {
  return REDIRECTS.has(answer.status) ? answer.header("location") : undefined;
}

/** The next request (RFC 9110 §15.4), undefined when the location is not an http(s) URL. */
function redirected(parts: RequestParts, status: number, location: string): RequestParts | undefined {
  if (!URL.canParse(location, parts.url)) return undefined;
  const url = new URL(location, parts.url);
  if ((url.protocol !== "http:" && url.protocol !== "https:") || url.port === "0") return undefined;
  // Credentials in a location are a stranger's.
  url.username = "";
  url.password = "";
  url.hash = "";
  const toGet = status === 303
    ? parts.method !== "HEAD"
    : (status === 301 || status === 302) && parts.method === "POST";
  const sameOrigin = url.origin === parts.url.origin;
  const dropped = (name: string) =>
    (!sameOrigin && OWN_ORIGIN_HEADERS.has(name)) || (toGet && name === "content-type");
  return {
    method: toGet ? "GET" : parts.method,
    url,
    headers: parts.headers.filter(([name]) => !dropped(name.toLowerCase())),
    authorization: sameOrigin ? parts.authorization : "",
    isOwnOrigin: sameOrigin && parts.isOwnOrigin !== false,
    ...(parts.accept === undefined ? {} : { accept: parts.accept }),
    body: toGet ? "" : parts.body,
  };
}

const OWN_ORIGIN_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "host",
  "proxy-authorization",
]);

/** The query is left out: tokens live there. */
function invalidRedirect(location: string): Failure {
  const shown = oneLine(location.split(/[?#]/, 1)[0] as string);
  return { outcome: "fail", reason: "redirect_invalid", value: 0, text: shown.slice(0, 200) };
}
