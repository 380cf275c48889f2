/**
 * Checks a Kafka broker: SASL PLAIN where a user is given, then ApiVersions, which every broker answers
 * (https://kafka.apache.org/protocol, versions 0 of both and 1 of SaslHandshake). No topic is read or written.
 */
import { Buffer } from "node:buffer";
import { z } from "../base/schema.ts";
import { stop, type Wire } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const API = { saslHandshake: 17, apiVersions: 18, saslAuthenticate: 36 };
const UNSUPPORTED_SASL_MECHANISM = 33;

export const KAFKA = streamProbe({
  kind: "kafka",
  summary: "Kafka broker: SASL PLAIN login, ApiVersions",
  port: 9092,
  fields: { username: z.string().default(""), password: z.string().default("") },
  example: `name: events
pulse_check:
  type: kafka
  interval: 30s
  timeout: 5s
  config:
    host: kafka.example.com
    port: 9093
    tls: true
`,
  advice: ({ username, tls }) =>
    username !== "" && !tls ? "a login without tls sends the password in the clear" : undefined,
  async converse(wire, { config: { username, password } }) {
    if (username !== "") {
      const handshake = await ask(wire, { api: API.saslHandshake, version: 1, body: text("PLAIN") });
      const code = errorCode(handshake);
      if (code === UNSUPPORTED_SASL_MECHANISM) throw stop("login_refused", "the broker does not take PLAIN");
      if (code !== 0) throw stop("not_serving", `error ${code}`);
      const proof = Buffer.from(`\0${username}\0${password}`);
      const answer = await ask(wire, {
        api: API.saslAuthenticate,
        version: 0,
        body: Buffer.concat([int32(proof.length), proof]),
      });
      if (errorCode(answer) !== 0) {
        throw stop("login_refused", `error ${errorCode(answer)} ${textAt(answer, 2)}`);
      }
    }
    const answer = await ask(wire, { api: API.apiVersions, version: 0, body: Buffer.alloc(0) });
    if (errorCode(answer) !== 0) throw stop("not_serving", `error ${errorCode(answer)}`);
    const count = answer.length >= 6 ? answer.readInt32BE(2) : -1;
    if (count < 1 || answer.length !== 6 + 6 * count) throw stop("protocol", "a malformed list of versions");
  },
});

interface Question {
  readonly api: number;
  readonly version: number;
  readonly body: Uint8Array;
}

/** One request and its answer without size and correlation, which is the API's number here: one is out at a time. */
async function ask(wire: Wire, { api, version, body }: Question): Promise<Buffer> {
  const request = Buffer.concat([int16(api), int16(version), int32(api), text("cpra"), body]);
  wire.write(Buffer.concat([int32(request.length), request]));
  const head = await wire.bytes(8);
  if (head.readInt32BE(0) < 6 || head.readInt32BE(4) !== api) throw stop("protocol", head.toString("latin1"));
  return wire.bytes(head.readInt32BE(0) - 4);
}

function errorCode(answer: Buffer): number {
  return answer.readInt16BE(0);
}

function textAt(answer: Buffer, at: number): string {
  const length = answer.length >= at + 2 ? answer.readInt16BE(at) : -1;
  return length < 0 ? "" : answer.toString("utf8", at + 2, at + 2 + length);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

function int16(value: number): Buffer {
  return Buffer.of(value >> 8 & 0xff, value & 0xff);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
