/** One request of an http check on a connection of its own: straight, through a proxy or a unix socket, with TLS or without. */
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { connect, type Connected, type ConnectPhases, microsSince } from "../net/connect.ts";
import { type Failure, failureOfCode } from "../net/failure.ts";
import { ResponseReader } from "../net/http1.ts";
import { talk, type TalkEnd } from "../net/talk.ts";
import { certificateEndMs, createTlsContext, type Secured, startTls } from "../net/tls.ts";
import { openTunnel, proxyFailure } from "../net/tunnel.ts";
import { type Assertions, prepareAssertions } from "./http_assertions.ts";
import type { HttpConfig } from "./http_config.ts";
import { encodeRequest, type RequestParts } from "./http_request.ts";

export type SharedConfig = Omit<HttpConfig, "url">;

/** What all checks of one configuration share; made at its first check on this thread. */
export interface Prepared {
  readonly assertions: Assertions;
  /** With the client's certificate and without; made when first needed: a context holds every authority's certificate. */
  own: SecureContext | undefined;
  foreign: SecureContext | undefined;
}

export interface Attempt {
  readonly startedMs: number;
  readonly timeoutMs: number;
  readonly prepared: Prepared;
  /** Of the first connection; firstByteUs of the last answer. */
  readonly phases: ConnectPhases & { firstByteUs?: number };
  /** The earliest end of the certificates seen; undefined when none was looked at. */
  certificateEndMs: number | undefined;
  readonly signal: AbortSignal;
}

const PREPARED = new WeakMap<SharedConfig, Prepared>();

export function preparedFor(config: SharedConfig): Prepared {
  let prepared = PREPARED.get(config);
  if (prepared === undefined) {
    prepared = { assertions: prepareAssertions(config), own: undefined, foreign: undefined };
    PREPARED.set(config, prepared);
  }
  return prepared;
}

/** One request on one connection: a complete answer, or why there is none. Never rejects. */
export async function exchange(attempt: Attempt, parts: RequestParts): Promise<ResponseReader | Failure> {
  const { signal, phases } = attempt;
  const isTls = parts.url.protocol === "https:";
  const host = parts.url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = parts.url.port === "" ? (isTls ? 443 : 80) : Number(parts.url.port);
  const isFirst = phases.connectUs === undefined;
  const opened = await open(attempt, { host, port, isTls });
  if (isFirst) Object.assign(phases, opened.phases);
  if (opened.kind === "failed") return opened.failure;
  let sockets: Parameters<typeof talk>[0] = { socket: opened.socket };
  if (isTls) {
    const secured = await secure(attempt, opened.socket, { host, isOwn: parts.isOwnOrigin !== false });
    if (secured.kind === "failed") return secured.failure;
    if (secured.kind === "aborted") return noAnswer(attempt, "no TLS handshake");
    if (isFirst) phases.connectUs = microsSince(attempt.startedMs);
    sockets = { socket: secured.socket, below: opened.socket };
  }
  const reader = new ResponseReader({
    head: parts.method === "HEAD",
    keepBody: attempt.prepared.assertions.needsBody,
  });
  const { proxy } = attempt.prepared.assertions.config;
  const sent = proxy !== null && !isTls ? { ...parts, byProxy: proxy } : parts;
  let answered = false;
  const take = (chunk: Uint8Array) => {
    if (!answered) phases.firstByteUs = microsSince(attempt.startedMs);
    answered = true;
    return reader.feed(chunk) !== "more";
  };
  const end = await talk(sockets, { send: encodeRequest(sent), take }, signal);
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

interface Peer {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

/** To the target, or to the proxy and, for TLS, through it. */
async function open(attempt: Attempt, { host, port, isTls }: Peer): Promise<Connected> {
  const { startedMs, timeoutMs, signal } = attempt;
  const { proxy, source, unixSocket, ip } = attempt.prepared.assertions.config;
  const prefer = ip === "" ? undefined : ip;
  const base = { startedMs, timeoutMs, source, prefer };
  if (proxy === null) return await connect({ ...base, host, port, unixSocket }, signal);
  const opened = await connect({ ...base, host: proxy.host, port: proxy.port }, signal);
  const { phases } = opened;
  if (opened.kind === "failed") return { kind: "failed", failure: proxyFailure(opened.failure), phases };
  if (!isTls) return opened;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const end = await openTunnel(opened.socket, { authority, authorization: proxy.authorization }, signal);
  if (end === undefined) return opened;
  return { kind: "failed", failure: end === "aborted" ? noAnswer(attempt, "no tunnel") : end, phases };
}

async function secure(
  attempt: Attempt,
  below: Socket,
  { host, isOwn }: { readonly host: string; readonly isOwn: boolean },
): Promise<Secured> {
  const { prepared, signal } = attempt;
  const { config } = prepared.assertions;
  const name = isOwn && config.serverName !== "" ? config.serverName : host;
  const { insecure } = config;
  const secured = await startTls(
    below,
    { host: name, context: contextOf(prepared, isOwn), insecure },
    signal,
  );
  if (secured.kind === "secured" && (config.certificateDays > 0 || isLookedAt(host, attempt.startedMs))) {
    const endMs = certificateEndMs(secured.socket);
    const earliestMs = Math.min(endMs ?? Infinity, attempt.certificateEndMs ?? Infinity);
    attempt.certificateEndMs = earliestMs === Infinity ? undefined : earliestMs;
  }
  return secured;
}

function contextOf(prepared: Prepared, isOwn: boolean): SecureContext {
  const { ca, clientCert, clientKey, tlsMinVersion: minVersion } = prepared.assertions.config;
  const shows = isOwn && clientCert !== "";
  const known = shows ? prepared.own : prepared.foreign;
  if (known !== undefined) return known;
  const identity = shows ? { cert: clientCert, key: clientKey } : {};
  const made = createTlsContext(ca === "" ? undefined : ca, { minVersion, ...identity });
  if (shows) prepared.own = made;
  else prepared.foreign = made;
  return made;
}

/** Host → when its certificate was read last, ms. */
const LOOKED_AT = new Map<string, number>();
const LOOK_MS = 600_000;
const LOOKED_AT_MOST = 65_536;

/** Reading a certificate costs a fifth of a handshake: for the report of its end once in ten minutes is enough. */
function isLookedAt(host: string, nowMs: number): boolean {
  const lastMs = LOOKED_AT.get(host);
  if (lastMs !== undefined && nowMs - lastMs < LOOK_MS) return false;
  if (LOOKED_AT.size >= LOOKED_AT_MOST) LOOKED_AT.clear();
  LOOKED_AT.set(host, nowMs);
  return true;
}
