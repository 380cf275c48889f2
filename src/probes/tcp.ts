/**
 * Checks that a TCP port accepts connections (or, with `tls`, that a verified handshake succeeds), and optionally that it
 * answers as expected to what is sent. Typical load: thousands a second. Without `send` and `expect` nothing is written and
 * the connection is reset at once.
 */
import { Buffer } from "node:buffer";
import { HOST_FIELD, PORT_FIELD } from "../base/fields.ts";
import { IP_PREFERENCES } from "../base/ip_preference.ts";
import { z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import type { RawProbe } from "../model/raw_probe.ts";
import { connect, microsSince } from "../net/connect.ts";
import { type Failure, failureOfCode } from "../net/failure.ts";
import { talk, type TalkEnd } from "../net/talk.ts";
import { startTls } from "../net/tls.ts";
import { joinTarget, splitTarget, TLS_FIELDS, tlsOptions } from "./stream_probe.ts";
import { Answer, mismatch } from "./tcp_answer.ts";
import type { SharedTcpConfig, TcpConfig } from "./tcp_config.ts";
import { sourceField } from "./source_field.ts";
import { TCP_RAW } from "./tcp_raw.ts";

export const TCP: Probe<TcpConfig> = {
  kind: "tcp",
  aliases: [],
  summary: "TCP connection, optionally TLS, a text sent and an answer expected",
  schema: z.strictObject({
    host: HOST_FIELD,
    port: PORT_FIELD,
    send: z.string().default(""),
    expect: z.string().default(""),
    encoding: z.enum(["utf8", "bytes"]).default("utf8"),
    source: sourceField(),
    ip: z.enum(IP_PREFERENCES).or(z.literal("")).default(""),
    tls: z.boolean().default(false),
    ...TLS_FIELDS,
  }),
  example: `name: mail
pulse_check:
  type: tcp
  interval: 30s
  timeout: 5s
  config:
    host: mail.example.com
    port: 25
    expect: "220 "
`,
  descriptors: 1,
  estimateMs: 5,
  split({ host, port, ...shared }) {
    return { target: joinTarget(host, port), shared };
  },
  run,
  raw: TCP_RAW as RawProbe,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as SharedTcpConfig;
  const startedMs = performance.now();
  const { host, port } = splitTarget(request.target);
  const prefer = config.ip === "" ? undefined : config.ip;
  const opened = await connect(
    { host, port, startedMs, timeoutMs: request.timeoutMs, source: config.source, prefer },
    signal,
  );
  if (opened.kind === "failed") return { ...opened.failure, ...opened.phases };

  const phases: { dnsUs?: number; connectUs?: number; firstByteUs?: number } = opened.phases;
  let sockets: Parameters<typeof talk>[0] = { socket: opened.socket };
  if (config.tls) {
    const secured = await startTls(opened.socket, tlsOptions(config, { host, alpn: [] }), signal);
    if (secured.kind === "failed") return { ...secured.failure, ...phases };
    if (secured.kind === "aborted") return { ...timedOut(request.timeoutMs), ...phases };
    phases.connectUs = microsSince(startedMs);
    sockets = { socket: secured.socket, below: opened.socket };
  }
  const encoding = config.encoding === "bytes" ? "latin1" : "utf8";
  const wanted = Buffer.from(config.expect, encoding);
  const answer = new Answer(wanted);
  const take = (chunk: Uint8Array) => {
    phases.firstByteUs ??= microsSince(startedMs);
    return answer.take(chunk);
  };
  const end = await talk(sockets, {
    ...(config.send === "" ? {} : { send: Buffer.from(config.send, encoding) }),
    ...(wanted.length === 0 ? {} : { take }),
  }, signal);
  const failure = failureOfTalk(end, request.timeoutMs) ??
    (answer.found ? undefined : mismatch(answer.bytes));
  if (failure === undefined) return { outcome: "pass", reason: "none", value: 0, ...phases };
  // An answer that came and was another says more than how the connection ended.
  const other = end.kind === "ended" && answer.bytes.length > 0 ? mismatch(answer.bytes) : failure;
  return { ...other, ...phases };
}

function failureOfTalk(end: TalkEnd, timeoutMs: number): Failure | undefined {
  switch (end.kind) {
    case "enough":
      return undefined;
    case "ended":
      return { outcome: "fail", reason: "closed_early", value: 0 };
    case "aborted":
      return timedOut(timeoutMs);
    case "error":
      return failureOfCode(end.code);
  }
}

function timedOut(timeoutMs: number): Failure {
  return { outcome: "fail", reason: "response_timeout", value: Math.round(timeoutMs) };
}
