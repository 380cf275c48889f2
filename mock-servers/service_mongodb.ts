/**
 * A MongoDB server as far as checks go, for tests where none can be had: reads every byte of OP_MSG and of its BSON, ends the
 * connection on what the protocol does not allow, and answers with the server's errors. Its side of SCRAM-SHA-256 is RFC 5802's
 * server, so that a client that proves nothing is turned away.
 * Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol, https://bsonspec.org/spec.html.
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";

export interface MongodbService extends AsyncDisposable {
  readonly port: number;
  /** First key of each command; what was malformed is a text that says how. */
  readonly commands: readonly string[];
}

export interface MongodbOptions {
  readonly login?: { readonly username: string; readonly password: string };
  readonly isWritablePrimary?: boolean;
  /** As servers before 4.4: an empty exchange more at the end of a login. */
  readonly isOld?: boolean;
  /** Error code and words of `ping`. */
  readonly pingError?: readonly [code: number, name: string, words: string];
}

const HEAD_BYTES = 16;
const OP_MSG = 2013;
const ITERATIONS = 15_000;
const SALT = randomBytes(28);

export function startMongodbService(options: MongodbOptions = {}): Promise<MongodbService> {
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    const state: State = { nonce: "", exchanged: "", step: 0 };
    let held = Buffer.alloc(0);
    socket.on("data", (chunk: Uint8Array) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= held.readInt32LE(0)) {
        const message = held.subarray(0, held.readInt32LE(0));
        held = held.subarray(message.length);
        const command = readMessage(message);
        commands.push(typeof command === "string" ? command : Object.keys(command)[0] ?? "");
        if (typeof command === "string") return void socket.destroy();
        socket.write(encodeMessage(answerTo(command, state, options), message.readInt32LE(4)));
      }
    });
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address !== null ? address.port : 0,
        commands,
        [Symbol.asyncDispose]: () => {
          for (const socket of sockets) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      });
    })
  );
}

interface State {
  nonce: string;
  /** client-first-bare "," server-first. */
  exchanged: string;
  step: 0 | 1 | 2;
}

type Value = number | boolean | string | Buffer;
type Document = Readonly<Record<string, Value>>;

function answerTo(command: Document, state: State, options: MongodbOptions): Document {
  if (typeof command["$db"] !== "string") {
    return failure([40571, "Location40571", "OP_MSG requires a $db argument"]);
  }
  switch (Object.keys(command)[0]) {
    case "hello":
      return {
        isWritablePrimary: options.isWritablePrimary ?? true,
        maxBsonObjectSize: 16_777_216,
        minWireVersion: 0,
        maxWireVersion: 21,
        readOnly: false,
        ok: 1,
      };
    case "ping":
      return options.pingError === undefined ? { ok: 1 } : failure(options.pingError);
    case "saslStart":
      return startLogin(command, state, options);
    case "saslContinue":
      return continueLogin(command, state, options);
    default:
      return failure([59, "CommandNotFound", `no such command: '${Object.keys(command)[0]}'`]);
  }
}

function startLogin(command: Document, state: State, options: MongodbOptions): Document {
  const first = /^n,,(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+))$/.exec(String(command["payload"]));
  if (command["mechanism"] !== "SCRAM-SHA-256" || first === null) return failure(NO_LOGIN);
  if (first[2]?.replaceAll("=2C", ",").replaceAll("=3D", "=") !== options.login?.username) {
    return failure(NO_LOGIN);
  }
  state.nonce = `${first[3]}${randomBytes(18).toString("base64")}`;
  const payload = `r=${state.nonce},s=${SALT.toString("base64")},i=${ITERATIONS}`;
  state.exchanged = `${first[1]},${payload}`;
  state.step = 1;
  return { conversationId: 1, done: false, payload: Buffer.from(payload), ok: 1 };
}

function continueLogin(command: Document, state: State, options: MongodbOptions): Document {
  const payload = String(command["payload"]);
  if (command["conversationId"] !== 1 || state.step === 0) {
    return failure([17, "ProtocolError", "No SASL session state found"]);
  }
  if (state.step === 2) return payload === "" ? { ...DONE, payload: Buffer.alloc(0) } : failure(NO_LOGIN);
  const final = /^(c=biws,r=([^,]+)),p=([A-Za-z0-9+/=]+)$/.exec(payload);
  if (final === null || final[2] !== state.nonce) return failure(NO_LOGIN);
  const message = `${state.exchanged},${final[1]}`;
  const salted = pbkdf2Sync(options.login?.password ?? "", SALT, ITERATIONS, 32, "sha256");
  const storedKey = createHash("sha256").update(sign(salted, "Client Key")).digest();
  const signature = sign(storedKey, message);
  const clientKey = Buffer.from(final[3] as string, "base64").map((byte, index) =>
    byte ^ (signature[index] ?? 0)
  );
  if (!createHash("sha256").update(clientKey).digest().equals(storedKey)) return failure(NO_LOGIN);
  const proof = Buffer.from(`v=${sign(sign(salted, "Server Key"), message).toString("base64")}`);
  state.step = 2;
  return options.isOld === true ? { ...DONE, done: false, payload: proof } : { ...DONE, payload: proof };
}

const DONE = { conversationId: 1, done: true, ok: 1 };
const NO_LOGIN = [18, "AuthenticationFailed", "Authentication failed."] as const;

function failure([code, codeName, errmsg]: readonly [number, string, string]): Document {
  return { ok: 0, errmsg, code, codeName };
}

function sign(key: Uint8Array, message: string): Buffer {
  return createHmac("sha256", key).update(message).digest();
}

/** The command of an OP_MSG, or what is wrong with it. */
function readMessage(message: Buffer): Document | string {
  if (message.length < HEAD_BYTES + 10 || message.readInt32LE(12) !== OP_MSG) return "no OP_MSG";
  if (message.readInt32LE(8) !== 0) return "a request that answers something";
  if (message.readUInt32LE(HEAD_BYTES) !== 0) return "flags that were not expected";
  if (message[HEAD_BYTES + 4] !== 0) return "a section that is no body";
  return readDocument(message.subarray(HEAD_BYTES + 5)) ?? "malformed BSON";
}

/** Only the types that a command of a check has. */
function readDocument(bytes: Buffer): Document | undefined {
  if (bytes.readInt32LE(0) !== bytes.length || bytes.at(-1) !== 0) return undefined;
  const found: Record<string, Value> = {};
  let at = 4;
  while (at < bytes.length - 1) {
    const type = bytes[at];
    const nameEnd = bytes.indexOf(0, at);
    if (nameEnd < 0) return undefined;
    const name = bytes.toString("utf8", at + 1, nameEnd);
    const value = nameEnd + 1;
    const size = bytes.readInt32LE(value);
    if (type === 0x10) {
      found[name] = size;
      at = value + 4;
    } else if (type === 0x02 && size > 0 && bytes[value + 3 + size] === 0) {
      found[name] = bytes.toString("utf8", value + 4, value + 3 + size);
      at = value + 4 + size;
    } else if (type === 0x05 && size >= 0 && bytes[value + 4] === 0) {
      found[name] = Buffer.from(bytes.subarray(value + 5, value + 5 + size));
      at = value + 5 + size;
    } else return undefined;
  }
  return at === bytes.length - 1 ? found : undefined;
}

/** `ok` is a double, as servers send it; a nested document and an array stand before it, as they do there. */
function encodeMessage(document: Document, requestId: number): Buffer {
  const nested = element(0x03, "topologyVersion", Buffer.concat([int32(5), Buffer.of(0)]));
  const array = element(0x04, "saslSupportedMechs", Buffer.concat([int32(5), Buffer.of(0)]));
  const time = element(0x09, "localTime", Buffer.alloc(8));
  const elements = Object.entries(document).map(([name, value]) => {
    if (name === "ok") {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(Number(value));
      return element(0x01, name, bytes);
    }
    if (typeof value === "number") return element(0x10, name, int32(value));
    if (typeof value === "boolean") return element(0x08, name, Buffer.of(value ? 1 : 0));
    if (typeof value === "string") {
      return element(
        0x02,
        name,
        Buffer.concat([int32(Buffer.byteLength(value) + 1), Buffer.from(`${value}\0`)]),
      );
    }
    return element(0x05, name, Buffer.concat([int32(value.length), Buffer.of(0), value]));
  });
  const body = Buffer.concat([nested, array, time, ...elements, Buffer.of(0)]);
  const length = HEAD_BYTES + 5 + 4 + body.length;
  const head = [int32(length), int32(77), int32(requestId), int32(OP_MSG), int32(0), Buffer.of(0)];
  return Buffer.concat([...head, int32(body.length + 4), body]);
}

function element(type: number, name: string, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(type), Buffer.from(`${name}\0`), value]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
