/** One request of an http check on a connection of its own: straight, through a proxy or a unix socket, with TLS or without. */
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { type FdTls, openFdTls } from "../host/fd_tls.ts";
import { connect, type Connected, type ConnectPhases, microsSince } from "../net/connect.ts";
import { type Failure, failureOfCode } from "../net/failure.ts";
import { ResponseReader } from "../net/http1.ts";
import { exchangeFast } from "../net/fast_tls.ts";
import { type Talk, talk, type TalkEnd } from "../net/talk.ts";
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
  const { phases } = attempt;
  const isTls = parts.url.protocol === "https:";
  const host = parts.url.hostname.replace(/^\[(.*)\]$/, "$1");
  const isOwn = parts.isOwnOrigin !== false;
  const port = parts.url.port === "" ? (isTls ? 443 : 80) : Number(parts.url.port);
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
  const send = encodeRequest(sent);
  const fdTls = isTls && suitsFast(attempt, parts) ? await openFdTls() : undefined;
  const end = fdTls === undefined
    ? await talkSlow(attempt, { host, port, isTls, isOwn, talk: { send, take } })
    : await talkFast(attempt, fdTls, { host, port, isOwn, send, take });
  if ("outcome" in end) return end;
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

/** Over node:net and node:tls. */
async function talkSlow(
  attempt: Attempt,
  peer: Peer & { readonly isOwn: boolean; readonly talk: Talk },
): Promise<TalkEnd | Failure> {
  const { signal, phases } = attempt;
  const isFirst = phases.connectUs === undefined;
  const opened = await open(attempt, peer);
  if (isFirst) Object.assign(phases, opened.phases);
  if (opened.kind === "failed") return opened.failure;
  if (!peer.isTls) return await talk({ socket: opened.socket }, peer.talk, signal);
  const secured = await secure(attempt, opened.socket, peer);
  if (secured.kind === "failed") return secured.failure;
  if (secured.kind === "aborted") return noAnswer(attempt, "no TLS handshake");
  if (isFirst) phases.connectUs = microsSince(attempt.startedMs);
  return await talk({ socket: secured.socket, below: opened.socket }, peer.talk, signal);
}

/** What host/fd_tls.ts does not do. */
function suitsFast({ prepared }: Attempt, { isOwnOrigin }: RequestParts): boolean {
  const { proxy, unixSocket, source, clientCert, tlsMinVersion } = prepared.assertions.config;
  const showsIdentity = clientCert !== "" && isOwnOrigin !== false;
  return proxy === null && unixSocket === "" && source === "" && !showsIdentity && tlsMinVersion === "1.2";
}

interface FastTalk extends Talk {
  readonly host: string;
  readonly port: number;
  readonly isOwn: boolean;
  readonly send: string;
  readonly take: (chunk: Uint8Array) => boolean;
}

async function talkFast(attempt: Attempt, fdTls: FdTls, peer: FastTalk): Promise<TalkEnd | Failure> {
  const { phases, prepared: { assertions: { config } } } = attempt;
  const isFirst = phases.connectUs === undefined;
  const end = await exchangeFast(fdTls, {
    ...peer,
    serverName: peer.isOwn && config.serverName !== "" ? config.serverName : peer.host,
    ca: config.ca === "" ? undefined : config.ca,
    insecure: config.insecure,
    startedMs: attempt.startedMs,
    timeoutMs: attempt.timeoutMs,
    prefer: config.ip === "" ? undefined : config.ip,
    ...(looksAt(attempt, peer.host) ? { certificateEnds: (endMs) => noteEnd(attempt, endMs) } : {}),
  }, attempt.signal);
  if (isFirst) Object.assign(phases, end.phases);
  if (end.kind === "talked") return end.end;
  return end.kind === "failed" ? end.failure : noAnswer(attempt, "no TLS handshake");
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
  if (secured.kind === "secured" && looksAt(attempt, host)) {
    const endMs = certificateEndMs(secured.socket);
    if (endMs !== undefined) noteEnd(attempt, endMs);
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

function noteEnd(attempt: Attempt, endMs: number): void {
  attempt.certificateEndMs = Math.min(endMs, attempt.certificateEndMs ?? Infinity);
}

/** Whether the certificate is to be read. */
function looksAt({ prepared, startedMs }: Attempt, host: string): boolean {
  return prepared.assertions.config.certificateDays > 0 || isLookedAt(host, startedMs);
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
