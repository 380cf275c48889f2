/**
 * Checks an MQTT broker: CONNECT, PINGREQ, DISCONNECT, with a clean session and a client name of its own, so that no other
 * client is pushed off (OASIS MQTT 3.1.1, §3.1, §3.12, §3.14). No message is published.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { z } from "../base/schema.ts";
import { stop } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const CLEAN_SESSION = 0x02;
const HAS_PASSWORD = 0x40;
const HAS_NAME = 0x80;
const KEEP_ALIVE_S = 60;
/** §3.2.2.3; 4 and 5 are about who asks. */
const REFUSALS = [
  "",
  "protocol version",
  "client name",
  "server unavailable",
  "name or password",
  "not authorized",
];

export const MQTT = streamProbe({
  kind: "mqtt",
  summary: "MQTT broker: connect (login), ping",
  port: 1883,
  fields: { username: z.string().default(""), password: z.string().default("") },
  example: `name: broker
pulse_check:
  type: mqtt
  interval: 30s
  timeout: 5s
  config:
    host: broker.example.com
    port: 8883
    tls: true
`,
  async converse(wire, { config: { username, password } }) {
    const flags = CLEAN_SESSION | (username === "" ? 0 : HAS_NAME) | (password === "" ? 0 : HAS_PASSWORD);
    const texts = [`cpra-${randomBytes(6).toString("hex")}`, username, password].filter((text) =>
      text !== ""
    );
    const body = Buffer.concat([text("MQTT"), Buffer.of(4, flags, 0, KEEP_ALIVE_S), ...texts.map(text)]);
    wire.write(Buffer.concat([Buffer.of(0x10), length(body.length), body]));
    const answer = await wire.bytes(4);
    const code = answer[3] as number;
    if (answer[0] !== 0x20 || answer[1] !== 2 || code >= REFUSALS.length) {
      throw stop("protocol", answer.toString("latin1"));
    }
    if (code !== 0) throw stop(code >= 4 ? "login_refused" : "not_serving", REFUSALS[code]);
    wire.write(Buffer.of(0xc0, 0));
    const pong = await wire.bytes(2);
    if (pong[0] !== 0xd0 || pong[1] !== 0) throw stop("protocol", pong.toString("latin1"));
    wire.write(Buffer.of(0xe0, 0));
    await wire.flushed();
  },
});

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** "Remaining length", §2.2.3: seven bits a byte. */
function length(value: number): Buffer {
  const bytes: number[] = [];
  do {
    bytes.push(value % 128 + (value > 127 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Buffer.from(bytes);
}
