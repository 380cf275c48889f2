/**
 * Checks a PostgreSQL server: start-up, TLS on request, login (SCRAM-SHA-256, MD5, password over TLS) and a query (protocol 3.0,
 * https://www.postgresql.org/docs/current/protocol.html). Without a password only roles that need none get as far as the query.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "../base/schema.ts";
import { MESSAGE_BYTES_MAX, stop, type Wire } from "../net/wire.ts";
import { type ScramExchange, scramSha256 } from "./scram.ts";
import { streamProbe } from "./stream_probe.ts";

const PROTOCOL = 3 << 16;
const TLS_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);
const MESSAGES_MAX = 1000;

export const POSTGRES = streamProbe({
  kind: "postgres",
  aliases: ["postgresql"],
  summary: "PostgreSQL: login (SCRAM-SHA-256, MD5) and a query",
  port: 5432,
  tlsWithin: true,
  fields: {
    username: z.string().regex(/^[^\0]+$/).default("postgres"),
    password: z.string().default(""),
    /** "" = that of the user's name. */
    database: z.string().regex(/^[^\0]*$/).default(""),
    query: z.string().regex(/^[^\0]+$/).default("SELECT 1"),
  },
  example: `name: orders-db
pulse_check:
  type: postgres
  interval: 30s
  timeout: 5s
  config:
    host: db.example.com
    tls: true
    username: monitor
    password: \${PGPASSWORD:-unset}
    database: orders
`,
  async converse(wire, { config, tls }) {
    if (config.tls) {
      wire.write(TLS_REQUEST);
      const answer = (await wire.bytes(1)).toString("latin1");
      if (answer === "N") throw stop("tls_not_offered");
      if (answer !== "S") throw stop("protocol", answer);
      await wire.startTls(tls);
    }
    const settings = ["user", config.username, "database", config.database || config.username];
    const parameters = Buffer.from(`${settings.join("\0")}\0application_name\0cpra\0\0`);
    wire.write(Buffer.concat([int32(parameters.length + 8), int32(PROTOCOL), parameters]));
    await logIn(wire, config);
    await untilReady(wire, "not_serving");
    wire.write(message("Q", `${config.query}\0`));
    await untilReady(wire, "not_serving");
    wire.write(message("X", ""));
    await wire.flushed();
  },
});

interface Login {
  readonly username: string;
  readonly password: string;
}

/** Codes of Authentication… messages; returns at AuthenticationOk. */
async function logIn(wire: Wire, login: Login): Promise<void> {
  let scram: ScramExchange | undefined;
  for (let messages = 0; messages < MESSAGES_MAX; messages++) {
    const { type, body } = await read(wire);
    if (type === "E") throw stop(refusalOf(body), fieldsOf(body));
    if (type === "N") continue;
    if (type !== "R" || body.length < 4) throw stop("protocol", `message ${type} in the login`);
    const rest = body.subarray(4);
    switch (body.readInt32BE(0)) {
      case 0:
        return;
      case 3:
        if (!wire.isSecure) throw stop("tls_not_offered", "the server asks for a password in the clear");
        wire.write(message("p", `${login.password}\0`));
        break;
      case 5:
        wire.write(message("p", `md5${md5(md5(login.password + login.username), rest.subarray(0, 4))}\0`));
        break;
      case 10: {
        if (!rest.toString("latin1").split("\0").includes("SCRAM-SHA-256")) {
          throw stop("protocol", "no SCRAM-SHA-256");
        }
        // The name is that of the start-up message.
        scram = scramSha256({ username: "", password: login.password, owner: login });
        const first = Buffer.from(scram.first);
        wire.write(message("p", Buffer.concat([Buffer.from("SCRAM-SHA-256\0"), int32(first.length), first])));
        break;
      }
      case 11: {
        const final = await scram?.final(rest.toString("latin1")) ?? { fault: "SCRAM out of order" };
        if ("fault" in final) throw stop("protocol", final.fault);
        wire.write(message("p", final.message));
        break;
      }
      case 12:
        if (scram?.verify(rest.toString("latin1")) !== true) {
          throw stop("login_refused", "the server does not know the password");
        }
        break;
      default:
        throw stop("protocol", `way to log in number ${body.readInt32BE(0)}`);
    }
  }
  throw stop("protocol", "a login without an end");
}

/** ReadyForQuery ends what follows a login and what follows a query; rows are not looked at. */
async function untilReady(wire: Wire, reason: "not_serving"): Promise<void> {
  for (let messages = 0; messages < MESSAGES_MAX; messages++) {
    const { type, body } = await read(wire);
    if (type === "Z") return;
    if (type === "E") throw stop(reason, fieldsOf(body));
    if (!"CDINKSTZ".includes(type)) throw stop("protocol", `message ${type}`);
  }
  throw stop("body_too_large", "more rows than a check reads", MESSAGE_BYTES_MAX);
}

async function read(wire: Wire): Promise<{ type: string; body: Buffer }> {
  const head = await wire.bytes(5);
  const type = head.toString("latin1", 0, 1);
  // Something else answers there: its first bytes say what, a length made of them would not.
  if (!/^[A-Z]$/.test(type) || head.readInt32BE(1) < 4) throw stop("protocol", head.toString("latin1"));
  return { type, body: await wire.bytes(head.readInt32BE(1) - 4) };
}

/** SQLSTATE class 28 is about who asks; 57P03 and the like are about the server. */
function refusalOf(body: Buffer): "login_refused" | "not_serving" {
  return /\0C28/.test(`\0${body.toString("latin1")}`) ? "login_refused" : "not_serving";
}

/** Severity, code and message of an ErrorResponse. */
function fieldsOf(body: Buffer): string {
  const fields = body.toString("utf8").split("\0");
  return ["S", "C", "M"].map((letter) => fields.find((field) => field.startsWith(letter))?.slice(1) ?? "")
    .join(" ");
}

function message(type: string, body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([Buffer.from(type), int32(bytes.length + 4), bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function md5(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
