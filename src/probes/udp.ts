/**
 * Checks a service over UDP: a datagram is sent, and one must come back from there that holds what is expected. A port that is
 * closed says so on Bun ("refused"); in Deno, whose sockets do not tell, it is a check without an answer.
 */
import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { HOST_FIELD, PORT_FIELD } from "../base/fields.ts";
import { oneLine } from "../base/log.ts";
import { type Schema, z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { microsSince } from "../net/connect.ts";
import { codeOf, type Failure, failureOfCode } from "../net/failure.ts";
import { lookUpName } from "../net/names.ts";
import { joinTarget, splitTarget } from "./stream_probe.ts";

/** Answers that are not the expected one are looked at up to this many. */
const DATAGRAMS_MAX = 100;
const DATAGRAM_BYTES_MAX = 1400;
const SHOWN_BYTES = 80;

const SCHEMA = z.strictObject({
  host: HOST_FIELD,
  port: PORT_FIELD,
  send: z.string().min(1, "expected a text: a UDP service answers only what it is sent").max(
    DATAGRAM_BYTES_MAX,
  ),
  /** "" = any answer will do. */
  expect: z.string().default(""),
  encoding: z.enum(["utf8", "bytes"]).default("utf8"),
});
type Config = z.output<typeof SCHEMA>;
type SharedConfig = Omit<Config, "host" | "port">;

export const UDP: Probe<Config> = {
  kind: "udp",
  aliases: [],
  summary: "UDP: a datagram sent, an answer expected",
  schema: SCHEMA as Schema<Config>,
  example: `name: game-server
pulse_check:
  type: udp
  interval: 30s
  timeout: 2s
  config:
    host: game.example.com
    port: 27015
    encoding: bytes
    send: "\\xff\\xff\\xff\\xffTSource Engine Query\\0"
    expect: "\\xff\\xff\\xff\\xff"
`,
  descriptors: 1,
  estimateMs: 5,
  split({ host, port, ...shared }) {
    return { target: joinTarget(host, port), shared };
  },
  run,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const startedMs = performance.now();
  const { host, port } = splitTarget(request.target);
  let address = host;
  const phases: { dnsUs?: number; firstByteUs?: number } = {};
  if (isIP(host) === 0) {
    const found = await lookUpName(host, undefined, signal);
    if ("reason" in found) return found;
    address = found[0] as string;
    phases.dnsUs = microsSince(startedMs);
  }
  const failure = await exchange({
    ...{ address, port, phases, startedMs },
    config: request.config as SharedConfig,
    timeoutMs: request.timeoutMs,
  }, signal);
  return failure === undefined
    ? { outcome: "pass", reason: "none", value: 0, ...phases }
    : { ...failure, ...phases };
}

interface Exchange {
  readonly address: string;
  readonly port: number;
  readonly config: SharedConfig;
  readonly phases: { firstByteUs?: number };
  readonly startedMs: number;
  readonly timeoutMs: number;
}

/** Undefined when the expected answer came. The socket is connected, so that only this peer is heard. */
function exchange(
  { address, port, config, phases, startedMs, timeoutMs }: Exchange,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const encoding = config.encoding === "bytes" ? "latin1" : "utf8";
  const wanted = Buffer.from(config.expect, encoding);
  return new Promise((settle) => {
    let socket: Socket | undefined;
    let datagrams = 0;
    let last: Buffer | undefined;
    const give = (failure: Failure | undefined) => {
      signal.removeEventListener("abort", onAbort);
      socket?.close();
      socket = undefined;
      settle(failure);
    };
    const onAbort = () => {
      if (last !== undefined) give(mismatch(last));
      else give({ outcome: "fail", reason: "response_timeout", value: Math.round(timeoutMs) });
    };
    const onError = (error: unknown) => {
      if (socket !== undefined && error) give(failureOfCode(codeOf(error)));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
    socket.on("error", onError);
    socket.on("message", (message: Buffer) => {
      if (socket === undefined) return;
      phases.firstByteUs ??= microsSince(startedMs);
      last = message;
      if (message.includes(wanted)) give(undefined);
      else if (++datagrams === DATAGRAMS_MAX) give(mismatch(message));
    });
    socket.connect(port, address, (error?: Error) => {
      if (error) onError(error);
      else socket?.send(Buffer.from(config.send, encoding), onError);
    });
  });
}

function mismatch(received: Buffer): Failure {
  const shown = oneLine(received.toString("latin1", 0, SHOWN_BYTES));
  return { outcome: "fail", reason: "expect_mismatch", value: 0, text: `received "${shown}"` };
}
