/**
 * Checks an HTTP(S) endpoint: one new connection per request, HTTP/1.1, certificates verified. Typical load: thousands a
 * second, each 1–100 ms, answers below 2 KiB.
 * Redirects (301, 302, 303, 307, 308) are followed, up to 10 unless told otherwise, as Go's client and blackbox_exporter do,
 * except when the redirect's own status is an expected one: then it is the answer. Credentials and the user's headers
 * Authorization and Cookie do not go to another origin. No cookies, no cache, no proxies, no compression.
 */
import type { SecureContext } from "node:tls";
import { oneLine } from "../base/log.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import type { RawProbe } from "../model/raw_probe.ts";
import { connect, type ConnectPhases, microsSince } from "../net/connect.ts";
import { type Failure, failureOfCode } from "../net/failure.ts";
import { ResponseReader } from "../net/http1.ts";
import { talk, type TalkEnd } from "../net/talk.ts";
import { createTlsContext, startTls } from "../net/tls.ts";
import { statusExpected } from "./expected_status.ts";
import { type Assertions, checkAnswer, prepareAssertions } from "./http_assertions.ts";
import { canonicalUrl } from "./canonical_url.ts";
import { HTTP_SCHEMA, type HttpConfig } from "./http_config.ts";
import { HTTP_RAW } from "./http_raw.ts";
import { REDIRECTS } from "./http_redirects.ts";
import { encodeRequest, type RequestParts } from "./http_request.ts";

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

type SharedConfig = Omit<HttpConfig, "url">;

/** What all checks of one configuration share; made at its first check on this thread. */
interface Prepared {
  readonly assertions: Assertions;
  /** Made when first needed: a context holds every authority's certificate. */
  tlsContext: SecureContext | undefined;
}

const PREPARED = new WeakMap<SharedConfig, Prepared>();

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const attempt: Attempt = {
    startedMs: performance.now(),
    timeoutMs: request.timeoutMs,
    prepared: preparedFor(request.config as SharedConfig),
    phases: {},
    signal,
  };
  const failure = await follow(attempt, new URL(request.target));
  return failure === undefined
    ? { outcome: "pass", reason: "none", value: 0, ...attempt.phases }
    : { ...failure, ...attempt.phases };
}

interface Attempt {
  readonly startedMs: number;
  readonly timeoutMs: number;
  readonly prepared: Prepared;
  /** Of the first connection; firstByteUs of the last answer. */
  readonly phases: ConnectPhases & { firstByteUs?: number };
  readonly signal: AbortSignal;
}

/** Goes from answer to answer until one is final; undefined = healthy. */
async function follow(attempt: Attempt, start: URL): Promise<Failure | undefined> {
  const { assertions } = attempt.prepared;
  const { config } = assertions;
  let parts: RequestParts = { ...config, url: start };
  const visited = new Set<string>();
  for (let redirects = 0;; redirects++) {
    visited.add(`${parts.method} ${parts.url.href}`);
    const answer = await exchange(attempt, parts);
    if (!(answer instanceof ResponseReader)) return answer;
    const location = config.redirectsMax > 0 && !statusExpected(config.expectedStatus, answer.status)
      ? locationOf(answer)
      : undefined;
    if (location === undefined) {
      return checkAnswer(answer, assertions) ?? checkLatency(attempt, config.maxLatencyMs);
    }
    if (redirects === config.redirectsMax) {
      return { outcome: "fail", reason: "redirect_limit", value: redirects };
    }
    const next = redirected(parts, answer.status, location);
    if (next === undefined) return invalidRedirect(location);
    if (visited.has(`${next.method} ${next.url.href}`)) {
      return invalidRedirect(`loop: ${next.url.origin}${next.url.pathname}`);
    }
    parts = next;
  }
}

/** One request on one connection: a complete answer, or why there is none. */
async function exchange(attempt: Attempt, parts: RequestParts): Promise<ResponseReader | Failure> {
  const { signal, phases } = attempt;
  const isTls = parts.url.protocol === "https:";
  const host = parts.url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = parts.url.port === "" ? (isTls ? 443 : 80) : Number(parts.url.port);
  const opened = await connect(
    {
      host,
      port,
      startedMs: attempt.startedMs,
      timeoutMs: attempt.timeoutMs,
      source: attempt.prepared.assertions.config.source,
    },
    signal,
  );
  const isFirst = phases.connectUs === undefined;
  if (isFirst) Object.assign(phases, opened.phases);
  if (opened.kind === "failed") return opened.failure;

  let sockets: Parameters<typeof talk>[0] = { socket: opened.socket };
  if (isTls) {
    const { config } = attempt.prepared.assertions;
    const context = attempt.prepared.tlsContext ??= createTlsContext(
      config.ca === "" ? undefined : config.ca,
    );
    const secured = await startTls(opened.socket, { host, context, insecure: config.insecure }, signal);
    if (secured.kind === "failed") return secured.failure;
    if (secured.kind === "aborted") return noAnswer(attempt, "no TLS handshake");
    if (isFirst) phases.connectUs = microsSince(attempt.startedMs);
    sockets = { socket: secured.socket, below: opened.socket };
  }
  const reader = new ResponseReader({
    head: parts.method === "HEAD",
    keepBody: attempt.prepared.assertions.needsBody,
  });
  let answered = false;
  const take = (chunk: Uint8Array) => {
    if (!answered) phases.firstByteUs = microsSince(attempt.startedMs);
    answered = true;
    return reader.feed(chunk) !== "more";
  };
  const end = await talk(sockets, { send: encodeRequest(parts), take }, signal);
  return failureOfTalk(end, reader, attempt) ?? reader;
}

function failureOfTalk(end: TalkEnd, reader: ResponseReader, attempt: Attempt): Failure | undefined {
  if (reader.state === "malformed") {
    return { outcome: "fail", reason: "protocol", value: 0, text: reader.fault };
  }
  switch (end.kind) {
    case "enough":
      return undefined;
    case "ended":
      return reader.end() === "complete" ? undefined : { outcome: "fail", reason: "closed_early", value: 0 };
    case "aborted":
      return noAnswer(attempt);
    case "error":
      return end.code === "ETIMEDOUT" ? noAnswer(attempt) : failureOfCode(end.code);
  }
}

function noAnswer(attempt: Attempt, text?: string): Failure {
  const failure: Failure = {
    outcome: "fail",
    reason: "response_timeout",
    value: Math.round(attempt.timeoutMs),
  };
  return text === undefined ? failure : { ...failure, text };
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

function preparedFor(config: SharedConfig): Prepared {
  let prepared = PREPARED.get(config);
  if (prepared === undefined) {
    prepared = { assertions: prepareAssertions(config), tlsContext: undefined };
    PREPARED.set(config, prepared);
  }
  return prepared;
}
