/**
 * Checks that a TCP port accepts connections, and optionally that it answers as expected to what is sent. Typical load:
 * thousands a second. Without `send` and `expect` nothing is written and the connection is reset at once.
 */
import { Buffer } from "node:buffer";
import { PORT_FIELD } from "../base/fields.ts";
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { connect, microsSince } from "../net/connect.ts";
import { type Failure, failureOfCode } from "../net/failure.ts";
import { talk, type TalkEnd } from "../net/talk.ts";

interface TcpConfig {
  readonly host: string;
  readonly port: number;
  /** "" = nothing is sent. */
  readonly send: string;
  /** Must occur in what the peer sends; "" = nothing is read. */
  readonly expect: string;
  /** How characters of `send` and `expect` become bytes; "bytes": U+0000–U+00FF are one byte each. */
  readonly encoding: "utf8" | "bytes";
}

type SharedConfig = Omit<TcpConfig, "host" | "port">;

/** An answer is searched as far as this. */
const READ_LIMIT_BYTES = 64 * 1024;
const SHOWN_BYTES = 80;

export const TCP: Probe<TcpConfig> = {
  kind: "tcp",
  aliases: [],
  summary: "TCP connection, optionally a text sent and an answer expected",
  schema: z.strictObject({
    // A zone ("fe80::1%eth0") is part of an address; brackets are not.
    host: z.string().regex(
      /^[^\s/[\]]+$/,
      "expected a host name or an address, without port, brackets or scheme",
    ),
    port: PORT_FIELD,
    send: z.string().default(""),
    expect: z.string().default(""),
    encoding: z.enum(["utf8", "bytes"]).default("utf8"),
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
    return { target: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, shared };
  },
  run,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as SharedConfig;
  const startedMs = performance.now();
  const opened = await connect(
    { ...parseTarget(request.target), startedMs, timeoutMs: request.timeoutMs },
    signal,
  );
  if (opened.kind === "failed") return { ...opened.failure, ...opened.phases };

  const phases: { dnsUs?: number; connectUs?: number; firstByteUs?: number } = opened.phases;
  const encoding = config.encoding === "bytes" ? "latin1" : "utf8";
  const wanted = Buffer.from(config.expect, encoding);
  const answer = new Answer(wanted);
  const take = (chunk: Uint8Array) => {
    phases.firstByteUs ??= microsSince(startedMs);
    return answer.take(chunk);
  };
  const end = await talk({ socket: opened.socket }, {
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

/** What a peer has sent so far, up to the limit, searched only where something new came. */
class Answer {
  found: boolean;
  #bytes = Buffer.alloc(256);
  #length = 0;
  readonly #wanted: Buffer;

  constructor(wanted: Buffer) {
    this.#wanted = wanted;
    this.found = wanted.length === 0;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** True when it is enough: found, or as much as is read. */
  take(chunk: Uint8Array): boolean {
    const searchAt = Math.max(0, this.#length - this.#wanted.length + 1);
    const kept = chunk.subarray(0, READ_LIMIT_BYTES - this.#length);
    if (this.#length + kept.length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.bytes], Math.min(READ_LIMIT_BYTES, 2 * (this.#length + kept.length)));
    }
    this.#bytes.set(kept, this.#length);
    this.#length += kept.length;
    this.found ||= this.bytes.includes(this.#wanted, searchAt);
    return this.found || this.#length === READ_LIMIT_BYTES;
  }
}

function failureOfTalk(end: TalkEnd, timeoutMs: number): Failure | undefined {
  switch (end.kind) {
    case "enough":
      return undefined;
    case "ended":
      return { outcome: "fail", reason: "closed_early", value: 0 };
    case "aborted":
      return { outcome: "fail", reason: "response_timeout", value: Math.round(timeoutMs) };
    case "error":
      return failureOfCode(end.code);
  }
}

function mismatch(received: Buffer): Failure {
  const shown = oneLine(received.subarray(0, SHOWN_BYTES).toString("latin1"));
  return { outcome: "fail", reason: "expect_mismatch", value: 0, text: `received "${shown}"` };
}

/** What `split` wrote. */
function parseTarget(target: string): { host: string; port: number } {
  const colon = target.lastIndexOf(":");
  return { host: target.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(target.slice(colon + 1)) };
}
