/**
 * Alerts as syslog messages: over UDP, TCP or TLS to a collector, or to the local daemon's socket. Syslog confirms nothing: over TCP and
 * TLS an alert counts as sent when the collector has closed the connection after us in good order (or stayed silent for a second);
 * UDP and the local socket when the kernel has taken it.
 * Sources: RFC 5424, RFC 5426 (UDP), RFC 6587 (TCP, octet counting), RFC 5425 (TLS).
 */
import { createSocket } from "node:dgram";
import { hostname } from "node:os";
import type { Socket } from "node:net";
import { z } from "../base/schema.ts";
import { reasonText } from "../model/outcome.ts";
import type { AlertMessage } from "../model/message.ts";
import type { DeliveryResult, Notifier } from "../model/plugin.ts";
import { connect, freeSocket } from "../net/connect.ts";
import { codeOf } from "../net/failure.ts";
import { createTlsContext, freeTls, startTls } from "../net/tls.ts";
import { sendUnixDatagram, UNIX_DATAGRAM_BYTES_MAX } from "../net/unix_datagram.ts";
import { NOTHING_OPEN } from "./deliver.ts";
import {
  FACILITIES,
  type Facility,
  localSyslogMessage,
  octetCounted,
  syslogMessage,
  type SyslogSender,
} from "./syslog_text.ts";

const PORT_OF = { udp: 514, tcp: 601, tls: 6514 } as const;
/** RFC 5426 §3.2 and RFC 5425 §4.3.1: what every receiver should take. */
const BYTES_MAX = { udp: 2048, tcp: 8192, tls: 8192 } as const;
/** What syslog(3)'s daemons read whole. */
const LOCAL_BYTES_MAX = Math.min(8192, UNIX_DATAGRAM_BYTES_MAX);

const CONFIG = z.strictObject({
  /** "udp://host", "tcp://host:601", "tls://host:6514", or a socket's path. */
  address: z.string().regex(
    /^((udp|tcp|tls):\/\/([^\s/:@[\]]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?|\/[^\0]+)$/,
    'expected "udp://host:514", "tcp://host:601", "tls://host:6514" or "/dev/log"',
  ).default("/dev/log"),
  facility: z.enum(Object.keys(FACILITIES) as [Facility, ...Facility[]]).default("daemon"),
  app_name: z.string().regex(/^[!-~]{1,48}$/, "expected up to 48 visible ASCII characters").default("cpra"),
  /** PEM of the only authorities to trust, for tls; default: the system's. */
  ca: z.string().includes("-----BEGIN CERTIFICATE-----", { error: "expected certificates in PEM" })
    .optional(),
});

type SyslogConfig = z.output<typeof CONFIG>;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: syslog
    config: {address: "tls://logs.example.com:6514", facility: local3}
`;

const TIMEOUT_MS = 10_000;
/** How long a collector may take to close after us. */
const LINGER_MS = 1000;

export const SYSLOG: Notifier<SyslogConfig> = {
  kind: "syslog",
  aliases: [],
  summary: "a syslog message (RFC 5424) over UDP, TCP or TLS, or to the local daemon",
  schema: CONFIG,
  example: EXAMPLE,
  descriptors: 1,
  estimateMs: 20,
  timeoutMs: TIMEOUT_MS,
  describe: (config) => `syslog ${config.address}`,
  open(config) {
    const channel = SYSLOG.describe(config);
    const sender = {
      facility: config.facility,
      appName: config.app_name,
      hostname: hostname(),
      processId: process.pid,
    };
    return {
      ...NOTHING_OPEN,
      async send(message, signal) {
        const error = signal.aborted ? NOT_IN_TIME : await sendTo(config, { message, sender }, signal);
        return error === ""
          ? { result: "sent" }
          : ({ result: "retry", error: `${channel}: ${error}` } satisfies DeliveryResult);
      },
    };
  },
};

const NOT_IN_TIME = "not taken in time";

interface Content {
  readonly message: AlertMessage;
  readonly sender: SyslogSender;
}

/** "" when it is sent, else why not. All of it may pass: nothing that syslog answers is for good. */
async function sendTo(
  config: SyslogConfig,
  { message, sender }: Content,
  signal: AbortSignal,
): Promise<string> {
  const place = placeOf(config.address);
  if (place === undefined) {
    const code = await sendUnixDatagram(
      config.address,
      Buffer.from(localSyslogMessage(message, sender, LOCAL_BYTES_MAX)),
    );
    return TEXT_OF_CODE[code] ?? `error ${code}`;
  }
  const text = syslogMessage(message, sender, BYTES_MAX[place.transport]);
  if (place.transport === "udp") return await sendUdp(place, text, signal);
  return await sendStream(place, { frame: octetCounted(text), ca: config.ca }, signal);
}

const TEXT_OF_CODE: Readonly<Record<string, string>> = {
  "": "",
  ENOENT: "no such socket",
  ECONNREFUSED: "nobody listens at the socket",
  EACCES: "permission denied",
  EAGAIN: "the daemon is behind",
  EPROTOTYPE: "the socket is not one of datagrams",
  ENOSYS: "local sockets need libc, which cannot be called here",
  ENOTFOUND: "host name does not exist",
};

interface Place {
  readonly transport: keyof typeof PORT_OF;
  readonly host: string;
  readonly port: number;
}

/** Undefined for a path. */
function placeOf(address: string): Place | undefined {
  const parts = /^(udp|tcp|tls):\/\/(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address);
  if (parts === null) return undefined;
  const transport = parts[1] as Place["transport"];
  const port = parts[4] === undefined ? PORT_OF[transport] : Number(parts[4]);
  return { transport, host: (parts[2] ?? parts[3]) as string, port };
}

function sendUdp({ host, port }: Place, text: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const settle = (error: string) => {
      signal.removeEventListener("abort", onAbort);
      socket.removeAllListeners("error").on("error", () => {});
      resolve(error);
      socket.close();
    };
    const onAbort = () => settle(NOT_IN_TIME);
    const fail = (error: Error) => settle(TEXT_OF_CODE[codeOf(error)] ?? `error ${codeOf(error)}`);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("error", fail);
    socket.send(text, port, host, (error) => {
      if (!signal.aborted) error === null || error === undefined ? settle("") : fail(error);
    });
  });
}

interface Frame {
  readonly frame: string;
  readonly ca: string | undefined;
}

async function sendStream(place: Place, { frame, ca }: Frame, signal: AbortSignal): Promise<string> {
  const { host, port, transport } = place;
  const connected = await connect(
    { host, port, startedMs: performance.now(), timeoutMs: TIMEOUT_MS },
    signal,
  );
  if (connected.kind === "failed") {
    const { reason, value } = connected.failure;
    return signal.aborted ? NOT_IN_TIME : reasonText(reason, value);
  }
  const { socket } = connected;
  if (transport === "tcp") {
    const error = await finish(socket, frame, signal);
    freeSocket(socket);
    return error;
  }
  const secured = await startTls(
    socket,
    { host, context: createTlsContext(ca), insecure: false, alpn: [] },
    signal,
  );
  if (secured.kind === "aborted") return NOT_IN_TIME;
  if (secured.kind === "failed") return reasonText(secured.failure.reason, secured.failure.value);
  const error = await finish(secured.socket, frame, signal);
  freeTls(secured.socket, socket);
  return error;
}

/** Writes, closes our side, and waits for the other's: a reset tells that the frame was lost. */
function finish(socket: Socket, frame: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = (error: string) => {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
      resolve(error);
    };
    const onAbort = () => settle(NOT_IN_TIME);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", () => settle("connection broken before the message was taken"));
    socket.on("end", () => settle(""));
    socket.on("close", () => settle(""));
    // What a collector says is of no interest, but unread it would keep the end from being seen.
    socket.resume();
    socket.end(frame, () => {
      timer = setTimeout(() => settle(""), LINGER_MS);
    });
  });
}
