/**
 * Checks a WebSocket endpoint (RFC 6455): the handshake with its key, then a ping, or a text sent and an answer expected, then
 * a close in good order. No extension is offered.
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { headersField } from "../base/fields.ts";
import { type Schema, z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { MESSAGE_BYTES_MAX, stop, type Wire } from "../net/wire.ts";
import { sourceField } from "./source_field.ts";
import { runConversation, TLS_FIELDS, tlsOptions } from "./stream_probe.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEADER_LINES_MAX = 100;
const FRAMES_MAX = 1000;
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const OWN_HEADERS =
  /^(?:host|connection|upgrade|sec-websocket-(?:key|version|protocol|extensions|accept)|content-length|transfer-encoding)$/i;

const SCHEMA = z.strictObject({
  url: z.string().refine(
    isUsable,
    'expected an address such as "wss://host/path", without user and fragment',
  ),
  headers: headersField().refine(
    (headers) => headers.every(([name]) => !OWN_HEADERS.test(name)),
    "expected none of the headers that the handshake sets itself",
  ).default([]),
  subprotocol: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]*$/, "expected a name").default(""),
  send: z.string().max(32_768).default(""),
  expect: z.string().default(""),
  ...TLS_FIELDS,
  source: sourceField(),
});
type Config = z.output<typeof SCHEMA>;
type SharedConfig = Omit<Config, "url">;

export const WEBSOCKET: Probe<Config> = {
  kind: "websocket",
  aliases: ["ws", "wss"],
  summary: "WebSocket: handshake, ping, optionally a text sent and an answer expected",
  schema: SCHEMA as Schema<Config>,
  example: `name: live-prices
pulse_check:
  type: websocket
  interval: 30s
  timeout: 5s
  config:
    url: wss://prices.example.com/stream
    send: '{"subscribe": "EURUSD"}'
    expect: '"subscribed"'
`,
  descriptors: 1,
  estimateMs: 20,
  split({ url, ...shared }) {
    return { target: url, shared };
  },
  run,
};

function isUsable(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port, username, password, hash } = new URL(text);
  return /^wss?:$/.test(protocol) && hostname !== "" && port !== "0" && username + password + hash === "";
}

function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const url = new URL(request.target);
  const config = request.config as SharedConfig;
  const isSecure = url.protocol === "wss:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return runConversation(request, {
    ...{ host, config, source: config.source },
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    tls: isSecure ? tlsOptions(config, { host, alpn: ["http/1.1"] }) : undefined,
    async converse(wire) {
      await shakeHands(wire, { url, config });
      if (config.send !== "") wire.write(frame(OPCODE.text, Buffer.from(config.send)));
      if (config.expect === "") await ping(wire);
      else await untilExpected(wire, config.expect);
      wire.write(frame(OPCODE.close, Buffer.of(0x03, 0xe8)));
      await wire.flushed();
    },
  }, signal);
}

/** RFC 6455 §4.1. */
async function shakeHands(wire: Wire, { url, config }: { url: URL; config: SharedConfig }): Promise<void> {
  const key = randomBytes(16).toString("base64");
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    ...(config.subprotocol === "" ? [] : [`Sec-WebSocket-Protocol: ${config.subprotocol}`]),
    ...config.headers.map(([name, value]) => `${name}: ${value}`),
  ];
  wire.write(`${lines.join("\r\n")}\r\n\r\n`);
  const statusLine = await wire.line();
  const status = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(statusLine)?.[1];
  if (status === undefined) throw stop("protocol", statusLine);
  if (status !== "101") throw stop("status", undefined, Number(status));
  const headers = new Map<string, string>();
  for (let line = await wire.line(); line !== ""; line = await wire.line()) {
    const colon = line.indexOf(":");
    if (colon < 1 || headers.size === HEADER_LINES_MAX) throw stop("protocol", line);
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const accept = createHash("sha1").update(key + GUID).digest("base64");
  if (headers.get("sec-websocket-accept") !== accept) throw stop("protocol", "another Sec-WebSocket-Accept");
  if (headers.get("upgrade")?.toLowerCase() !== "websocket") throw stop("protocol", "no Upgrade");
  if ((headers.get("sec-websocket-protocol") ?? "") !== config.subprotocol) {
    throw stop("protocol", `subprotocol "${headers.get("sec-websocket-protocol") ?? ""}"`);
  }
}

async function ping(wire: Wire): Promise<void> {
  const payload = randomBytes(8);
  wire.write(frame(OPCODE.ping, payload));
  for (let frames = 0; frames < FRAMES_MAX; frames++) {
    const { opcode, data } = await readFrame(wire);
    if (opcode === OPCODE.pong && payload.equals(data)) return;
  }
  throw stop("expect_mismatch", "no answer to the ping");
}

/** Any message, whole or in fragments, that holds the text. */
async function untilExpected(wire: Wire, expect: string): Promise<void> {
  const wanted = Buffer.from(expect);
  let message: Buffer = Buffer.alloc(0);
  let readBytes = 0;
  for (let frames = 0; frames < FRAMES_MAX && readBytes <= MESSAGE_BYTES_MAX; frames++) {
    const { opcode, data } = await readFrame(wire);
    if (opcode > OPCODE.binary) continue;
    message = opcode === OPCODE.continuation ? Buffer.concat([message, data]) : data;
    readBytes += data.length;
    if (message.includes(wanted)) return;
  }
  throw stop("expect_mismatch", `received "${message.toString("utf8", 0, 80)}"`);
}

interface Frame {
  readonly opcode: number;
  readonly data: Buffer;
}

/** RFC 6455 §5.2. Pings are answered on the way; a close ends the check. */
async function readFrame(wire: Wire): Promise<Frame> {
  const head = await wire.bytes(2);
  const opcode = (head[0] as number) & 0x0f;
  // Extensions were not offered, and servers do not mask.
  if (((head[0] as number) & 0x70) !== 0 || (head[1] as number) > 127) {
    throw stop("protocol", "a malformed frame");
  }
  let length = head[1] as number;
  if (length === 126) length = (await wire.bytes(2)).readUInt16BE(0);
  else if (length === 127) length = Number((await wire.bytes(8)).readBigUInt64BE(0));
  if (opcode >= OPCODE.close && length > 125) throw stop("protocol", "a long control frame");
  const data = await wire.bytes(length);
  if (opcode === OPCODE.ping) wire.write(frame(OPCODE.pong, data));
  if (opcode === OPCODE.close) {
    const code = data.length >= 2 ? data.readUInt16BE(0) : 1005;
    throw stop("closed_early", `close code ${code} ${data.toString("utf8", 2)}`.trim());
  }
  return { opcode, data };
}

/** One whole frame, masked as a client must. */
function frame(opcode: number, data: Uint8Array): Buffer {
  const mask = randomBytes(4);
  const head = data.length < 126
    ? Buffer.of(0x80 | opcode, 0x80 | data.length)
    : Buffer.of(0x80 | opcode, 0x80 | 126, data.length >> 8, data.length & 0xff);
  return Buffer.concat([head, mask, data.map((byte, index) => byte ^ (mask[index & 3] as number))]);
}
