/**
 * Checks a MySQL or MariaDB server: handshake, TLS on request, login and a query
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html; mysql_native_password, caching_sha2_password).
 * Without a user it is enough that the server turns the nameless one away: a handshake that is broken off would count
 * towards max_connect_errors, after which MySQL refuses this host altogether; a refused login does not.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "../base/schema.ts";
import { stop, type Wire } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const CAPABILITIES = {
  longPassword: 1,
  database: 8,
  protocol41: 0x200,
  tls: 0x800,
  secure: 0x8000,
  plugin: 0x80000,
};
const UTF8MB4 = 45;
const COMMAND_QUIT = 1;
const COMMAND_QUERY = 3;
const PACKETS_MAX = 20;
/** ER_ACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR. */
const REFUSALS: ReadonlySet<number> = new Set([1045, 1044, 1698]);

export const MYSQL = streamProbe({
  kind: "mysql",
  aliases: ["mariadb"],
  summary: "MySQL or MariaDB: handshake, login and a query",
  port: 3306,
  tlsWithin: true,
  fields: {
    username: z.string().regex(/^[^\0]*$/).default(""),
    password: z.string().default(""),
    database: z.string().regex(/^[^\0]*$/).default(""),
    query: z.string().min(1).default("SELECT 1"),
  },
  example: `name: shop-db
pulse_check:
  type: mysql
  interval: 30s
  timeout: 5s
  config:
    host: db.example.com
    username: monitor
    password: \${MYSQL_PASSWORD:-unset}
`,
  async converse(wire, { config, tls }) {
    const greeting = readGreeting(await read(wire));
    if (config.tls) {
      if ((greeting.capabilities & CAPABILITIES.tls) === 0) throw stop("tls_not_offered");
      wire.write(packet(1, loginHead(config)));
      await wire.startTls(tls);
    }
    const name = Buffer.from(`${config.username}\0`);
    const proof = proofOf(greeting.plugin, config.password, greeting.challenge);
    const database = Buffer.from(config.database === "" ? "" : `${config.database}\0`);
    const body = [
      loginHead(config),
      name,
      Buffer.of(proof.length),
      proof,
      database,
      Buffer.from(`${greeting.plugin}\0`),
    ];
    wire.write(packet(config.tls ? 2 : 1, Buffer.concat(body)));
    if (await logIn(wire, config, greeting) === "turned away") return;
    wire.write(packet(0, Buffer.concat([Buffer.of(COMMAND_QUERY), Buffer.from(config.query)])));
    const answer = await read(wire);
    if (answer.body[0] === 0xff) throw stop("not_serving", errorText(answer.body));
    wire.write(packet(0, Buffer.of(COMMAND_QUIT)));
    await wire.flushed();
  },
});

interface Config {
  readonly tls: boolean;
  readonly username: string;
  readonly password: string;
  readonly database: string;
}

interface Greeting {
  readonly capabilities: number;
  readonly challenge: Buffer;
  readonly plugin: string;
}

interface Packet {
  readonly sequence: number;
  readonly body: Buffer;
}

/** "Protocol::HandshakeV10". */
function readGreeting({ body }: Packet): Greeting {
  // Too many connections, or this host is shut out.
  if (body[0] === 0xff) throw stop("not_serving", errorText(body));
  const nameEnd = body.indexOf(0, 1);
  if (body[0] !== 10 || nameEnd < 0 || body.length < nameEnd + 32) {
    throw stop("protocol", body.toString("latin1"));
  }
  const at = nameEnd + 1;
  const capabilities = body.readUInt16LE(at + 13) | body.readUInt16LE(at + 18) << 16;
  const second = body.subarray(at + 31, at + 31 + Math.max(12, (body[at + 20] as number) - 9));
  const pluginAt = at + 31 + Math.max(13, (body[at + 20] as number) - 8);
  return {
    capabilities,
    challenge: Buffer.concat([body.subarray(at + 4, at + 12), second.subarray(0, 12)]),
    plugin: (capabilities & CAPABILITIES.plugin) === 0
      ? "mysql_native_password"
      : cString(body.subarray(pluginAt)),
  };
}

/** The first 32 bytes of the response, which alone are the request for TLS. */
function loginHead({ tls, database }: Config): Buffer {
  const head = Buffer.alloc(32);
  const { longPassword, protocol41, secure, plugin } = CAPABILITIES;
  const wanted = longPassword | protocol41 | secure | plugin | (tls ? CAPABILITIES.tls : 0) |
    (database === "" ? 0 : CAPABILITIES.database);
  head.writeUInt32LE(wanted, 0);
  head.writeUInt32LE(1 << 24, 4);
  head[8] = UTF8MB4;
  return head;
}

async function logIn(wire: Wire, config: Config, greeting: Greeting): Promise<"in" | "turned away"> {
  let { plugin } = greeting;
  for (let packets = 0; packets < PACKETS_MAX; packets++) {
    const { sequence, body } = await read(wire);
    const answer = (bytes: Uint8Array) => wire.write(packet(sequence + 1, bytes));
    switch (body[0]) {
      case 0:
        return "in";
      case 0xff: {
        const isRefusal = REFUSALS.has(body.length > 2 ? body.readUInt16LE(1) : 0);
        if (isRefusal && config.username === "") return "turned away";
        throw stop(isRefusal ? "login_refused" : "not_serving", errorText(body));
      }
      case 0xfe: {
        plugin = cString(body.subarray(1));
        const challenge = body.subarray(plugin.length + 2, plugin.length + 22);
        answer(proofOf(plugin, config.password, challenge));
        break;
      }
      case 1:
        // caching_sha2_password: 3 = known already, 4 = the password itself is wanted.
        if (plugin !== "caching_sha2_password" || (body[1] !== 3 && body[1] !== 4)) throw stop("protocol");
        if (body[1] === 3) break;
        if (!wire.isSecure) {
          throw stop("login_refused", "the server asks for the password itself: needs tls: true");
        }
        answer(Buffer.from(`${config.password}\0`));
        break;
      default:
        throw stop("protocol", body.toString("latin1"));
    }
  }
  throw stop("protocol", "a login without an end");
}

/** The password mixed with the challenge, so that neither it nor its hash travels. */
function proofOf(plugin: string, password: string, challenge: Uint8Array): Buffer {
  if (password === "") return Buffer.alloc(0);
  if (plugin === "mysql_native_password") {
    const once = hash("sha1", password);
    return xor(once, hash("sha1", challenge, hash("sha1", once)));
  }
  if (plugin === "caching_sha2_password") {
    const once = hash("sha256", password);
    return xor(once, hash("sha256", hash("sha256", once), challenge));
  }
  throw stop("login_refused", `the server asks for ${plugin}`);
}

async function read(wire: Wire): Promise<Packet> {
  const head = await wire.bytes(4);
  const body = await wire.bytes(head.readUIntLE(0, 3));
  if (body.length === 0) throw stop("protocol", "an empty packet");
  return { sequence: head[3] as number, body: Buffer.from(body) };
}

function packet(sequence: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, body]);
}

/** "ERR_Packet": code, and behind "#" and an SQLSTATE, where there is one, the words. */
function errorText(body: Buffer): string {
  const code = body.length > 2 ? body.readUInt16LE(1) : 0;
  return `${code} ${body.toString("utf8", body[3] === 0x23 ? 9 : 3)}`;
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

function hash(name: string, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const digest = createHash(name);
  for (const part of parts) digest.update(part);
  return digest.digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] as number)));
}
