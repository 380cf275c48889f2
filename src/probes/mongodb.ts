/**
 * Checks a MongoDB server: `hello`, SCRAM-SHA-256 where a user is given, then `ping`, in OP_MSG
 * (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol, MongoDB 3.6 and later). `primary: true` also wants a
 * member that takes writes.
 */
import { Buffer } from "node:buffer";
import { z } from "../base/schema.ts";
import { stop, type Wire } from "../net/wire.ts";
import { type BsonValue, decodeBson, encodeBson } from "./bson.ts";
import { scramSha256 } from "./scram.ts";
import { streamProbe } from "./stream_probe.ts";

const OP_MSG = 2013;
const HEAD_BYTES = 16;
const AUTHENTICATION_FAILED = 18;

export const MONGODB = streamProbe({
  kind: "mongodb",
  aliases: ["mongo"],
  summary: "MongoDB: hello, SCRAM-SHA-256 login, ping",
  port: 27017,
  fields: {
    username: z.string().default(""),
    password: z.string().default(""),
    /** Where the user is kept. */
    "auth_database": z.string().min(1).default("admin"),
    primary: z.boolean().default(false),
  },
  example: `name: catalogue
pulse_check:
  type: mongodb
  interval: 30s
  timeout: 5s
  config:
    host: mongo.example.com
    primary: true
`,
  async converse(wire, { config }) {
    const hello = await command(wire, { hello: 1, $db: "admin" });
    if (config.primary && hello.get("isWritablePrimary") !== true) {
      throw stop("not_serving", "not the primary");
    }
    if (config.username !== "") await logIn(wire, config);
    await command(wire, { ping: 1, $db: "admin" });
  },
});

interface Login {
  readonly username: string;
  readonly password: string;
  readonly "auth_database": string;
}

async function logIn(wire: Wire, login: Login): Promise<void> {
  const { username, password, auth_database: $db } = login;
  const scram = scramSha256({ username, password, owner: login });
  const start = await command(wire, {
    saslStart: 1,
    mechanism: "SCRAM-SHA-256",
    payload: Buffer.from(scram.first),
    $db,
  });
  const final = await scram.final(payloadOf(start));
  if ("fault" in final) throw stop("protocol", final.fault);
  const conversationId = Number(start.get("conversationId"));
  const payload = Buffer.from(final.message);
  let answer = await command(wire, { saslContinue: 1, conversationId, payload, $db });
  if (!scram.verify(payloadOf(answer))) throw stop("login_refused", "the server does not know the password");
  // Servers before 4.4 want an empty message more.
  if (answer.get("done") !== true) {
    answer = await command(wire, { saslContinue: 1, conversationId, payload: Buffer.alloc(0), $db });
  }
  if (answer.get("done") !== true) throw stop("protocol", "a login without an end");
}

function payloadOf(answer: ReadonlyMap<string, BsonValue>): string {
  const payload = answer.get("payload");
  return Buffer.isBuffer(payload) ? payload.toString("utf8") : "";
}

/** One command and its answer, which must say that it went well. */
async function command(
  wire: Wire,
  document: Readonly<Record<string, BsonValue>>,
): Promise<ReadonlyMap<string, BsonValue>> {
  const body = encodeBson(document);
  const head = Buffer.alloc(HEAD_BYTES + 5);
  head.writeInt32LE(head.length + body.length, 0);
  head.writeInt32LE(1, 4);
  head.writeInt32LE(OP_MSG, 12);
  wire.write(Buffer.concat([head, body]));
  const answerHead = await wire.bytes(HEAD_BYTES);
  if (answerHead.readInt32LE(12) !== OP_MSG || answerHead.readInt32LE(0) < HEAD_BYTES + 10) {
    throw stop("protocol", answerHead.toString("latin1"));
  }
  const message = await wire.bytes(answerHead.readInt32LE(0) - HEAD_BYTES);
  // Flags, then one section of kind 0: no checksum was asked for.
  const answer = message[4] === 0 ? decodeBson(message.subarray(5)) : undefined;
  if (answer === undefined || answerHead.readInt32LE(8) !== 1) throw stop("protocol", "a malformed answer");
  if (answer.get("ok") !== 1) {
    const isRefusal = answer.get("code") === AUTHENTICATION_FAILED;
    throw stop(
      isRefusal ? "login_refused" : "not_serving",
      `${answer.get("codeName")}: ${answer.get("errmsg")}`,
    );
  }
  return answer;
}
