/**
 * Checks an AMQP 0-9-1 broker such as RabbitMQ: handshake, login (PLAIN), the virtual host opened, and a close in good order
 * (https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, §2.2.4, §4.2.3). No channel and no queue is touched.
 */
import { Buffer } from "node:buffer";
import { z } from "../base/schema.ts";
import { stop, type Wire } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const FRAME_METHOD = 1;
const FRAME_HEARTBEAT = 8;
const FRAME_END = 0xce;
const CONNECTION = 10;
const METHOD = { start: 10, startOk: 11, tune: 30, tuneOk: 31, open: 40, openOk: 41, close: 50, closeOk: 51 };
const ACCESS_REFUSED = 403;

export const RABBITMQ = streamProbe({
  kind: "rabbitmq",
  aliases: ["amqp"],
  summary: "RabbitMQ (AMQP 0-9-1): login, virtual host",
  port: 5672,
  fields: {
    username: z.string().default("guest"),
    password: z.string().default("guest"),
    vhost: z.string().min(1).max(255).default("/"),
  },
  example: `name: queue
pulse_check:
  type: rabbitmq
  interval: 30s
  timeout: 5s
  config:
    host: rabbit.example.com
    username: monitor
    password: \${RABBITMQ_PASSWORD:-unset}
`,
  async converse(wire, { config }) {
    wire.write(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
    await expectMethod(wire, METHOD.start);
    // Without this property a refused login is a connection that just ends.
    const properties = table("capabilities", "F", table("authentication_failure_close", "t", Buffer.of(1)));
    const response = Buffer.from(`\0${config.username}\0${config.password}`);
    wire.write(
      method(
        METHOD.startOk,
        properties,
        shortText("PLAIN"),
        long(response.length),
        response,
        shortText("en_US"),
      ),
    );
    const tune = await expectMethod(wire, METHOD.tune);
    if (tune.length < 8) throw stop("protocol", "a short Tune");
    // What the server proposed, without heartbeats.
    wire.write(method(METHOD.tuneOk, tune.subarray(0, 6), Buffer.of(0, 0)));
    wire.write(method(METHOD.open, shortText(config.vhost), Buffer.of(0, 0)));
    await expectMethod(wire, METHOD.openOk);
    wire.write(method(METHOD.close, Buffer.of(0, 200), shortText("bye"), Buffer.of(0, 0, 0, 0)));
    await expectMethod(wire, METHOD.closeOk);
  },
});

/** The arguments of the next method, which must be this one of class Connection. */
async function expectMethod(wire: Wire, wanted: number): Promise<Buffer> {
  const { type, payload } = await readFrame(wire);
  if (type === FRAME_HEARTBEAT) return expectMethod(wire, wanted);
  if (type !== FRAME_METHOD || payload.length < 4 || payload.readUInt16BE(0) !== CONNECTION) {
    throw stop("protocol");
  }
  const id = payload.readUInt16BE(2);
  if (id === METHOD.close && payload.length >= 7) {
    const code = payload.readUInt16BE(4);
    throw stop(
      code === ACCESS_REFUSED ? "login_refused" : "not_serving",
      payload.toString("utf8", 7, 7 + (payload[6] as number)),
    );
  }
  if (id !== wanted) throw stop("protocol", `method 10.${id} instead of 10.${wanted}`);
  return payload.subarray(4);
}

async function readFrame(wire: Wire): Promise<{ type: number; payload: Buffer }> {
  const head = await wire.bytes(7);
  const type = head[0] as number;
  // A server of another version says which with the eight bytes of a protocol header.
  if (type !== FRAME_METHOD && type !== FRAME_HEARTBEAT) throw stop("protocol", head.toString("latin1"));
  const body = await wire.bytes(head.readUInt32BE(3) + 1);
  if (body.at(-1) !== FRAME_END) throw stop("protocol", "a frame without its end");
  return { type, payload: body.subarray(0, -1) };
}

function method(id: number, ...args: readonly Uint8Array[]): Buffer {
  const payload = Buffer.concat([Buffer.of(0, CONNECTION, 0, id), ...args]);
  return Buffer.concat([Buffer.of(FRAME_METHOD, 0, 0), long(payload.length), payload, Buffer.of(FRAME_END)]);
}

/** A field table of one entry. */
function table(key: string, type: "F" | "t", value: Buffer): Buffer {
  const entry = Buffer.concat([shortText(key), Buffer.from(type), value]);
  return Buffer.concat([long(entry.length), entry]);
}

function shortText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
