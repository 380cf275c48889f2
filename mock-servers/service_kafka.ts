/**
 * A Kafka broker as far as checks go, for tests where none can be had: reads every byte of a request, refuses what the protocol
 * does not allow by closing, as the broker does, and answers with its error codes.
 * Source: https://kafka.apache.org/protocol (request header v1, ApiVersions v0, SaslHandshake v1, SaslAuthenticate v0).
 */
import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";

export interface KafkaService extends AsyncDisposable {
  readonly port: number;
  /** API keys in the order they were asked for; what was malformed is a text that says how. */
  readonly requests: readonly (number | string)[];
}

export interface KafkaOptions {
  /** The listener wants SASL: all but the handshake and ApiVersions end the connection before. */
  readonly login?: { readonly username: string; readonly password: string };
  /** Default PLAIN. */
  readonly mechanisms?: readonly string[];
  /** Answer to ApiVersions. */
  readonly apiVersionsError?: number;
}

const API_KEYS: readonly (readonly [key: number, min: number, max: number])[] = [
  [0, 0, 11],
  [1, 4, 17],
  [3, 0, 12],
  [17, 0, 1],
  [18, 0, 4],
  [36, 0, 2],
];
const ILLEGAL_SASL_STATE = 34;
const UNSUPPORTED_SASL_MECHANISM = 33;
const SASL_AUTHENTICATION_FAILED = 58;

export function startKafkaService(options: KafkaOptions = {}): Promise<KafkaService> {
  const requests: (number | string)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    const state: State = { mechanism: undefined, isLoggedIn: false };
    let held = Buffer.alloc(0);
    socket.on("data", (chunk: Uint8Array) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const request = held.subarray(4, 4 + held.readInt32BE(0));
        held = held.subarray(4 + request.length);
        const answer = answerTo(request, state, options);
        requests.push(typeof answer === "string" ? answer : request.readInt16BE(0));
        if (typeof answer === "string") return void socket.destroy();
        socket.write(Buffer.concat([int32(answer.length + 4), request.subarray(4, 8), answer]));
      }
    });
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address !== null ? address.port : 0,
        requests,
        [Symbol.asyncDispose]: () => {
          for (const socket of sockets) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      });
    })
  );
}

interface State {
  mechanism: string | undefined;
  isLoggedIn: boolean;
}

/** The body of the answer, or what is wrong with the request. */
function answerTo(request: Buffer, state: State, options: KafkaOptions): Buffer | string {
  if (request.length < 10) return "a request without a whole header";
  const [api, version] = [request.readInt16BE(0), request.readInt16BE(2)];
  const nameBytes = request.readInt16BE(8);
  if (nameBytes < -1 || 10 + nameBytes > request.length) return "a client id beyond its request";
  const body = request.subarray(10 + Math.max(0, nameBytes));
  switch (api) {
    case 18: {
      if (version !== 0 || body.length > 0) return "ApiVersions is of another version, or has a body";
      const keys = API_KEYS.map(([key, min, max]) => Buffer.concat([int16(key), int16(min), int16(max)]));
      return Buffer.concat([int16(options.apiVersionsError ?? 0), int32(keys.length), ...keys]);
    }
    case 17: {
      if (version !== 1) return "SaslHandshake is of another version";
      const [mechanism, rest] = readText(body);
      if (mechanism === undefined || rest.length > 0) return "a malformed SaslHandshake";
      const mechanisms = options.mechanisms ?? ["PLAIN"];
      const list = Buffer.concat([int32(mechanisms.length), ...mechanisms.map(text)]);
      if (options.login === undefined) return Buffer.concat([int16(ILLEGAL_SASL_STATE), list]);
      if (!mechanisms.includes(mechanism)) return Buffer.concat([int16(UNSUPPORTED_SASL_MECHANISM), list]);
      state.mechanism = mechanism;
      return Buffer.concat([int16(0), list]);
    }
    case 36:
      return authenticate(body, { version, state, options });
    default:
      return state.isLoggedIn || options.login === undefined ? `API ${api} is not here` : "not logged in";
  }
}

function authenticate(
  body: Buffer,
  { version, state, options }: { version: number; state: State; options: KafkaOptions },
): Buffer | string {
  if (version !== 0 || body.length < 4 || body.readInt32BE(0) !== body.length - 4) {
    return "a malformed SaslAuthenticate";
  }
  if (state.mechanism !== "PLAIN") return "SaslAuthenticate before its handshake";
  // RFC 4616: authorization identity, name, password.
  const parts = body.toString("utf8", 4).split("\0");
  if (parts.length !== 3 || parts[0] !== "") return "a malformed PLAIN message";
  state.isLoggedIn = parts[1] === options.login?.username && parts[2] === options.login?.password;
  if (state.isLoggedIn) return Buffer.concat([int16(0), int16(-1), int32(0)]);
  const message = "Authentication failed: Invalid username or password";
  return Buffer.concat([int16(SASL_AUTHENTICATION_FAILED), text(message), int32(0)]);
}

function readText(bytes: Buffer): readonly [text: string | undefined, rest: Buffer] {
  const length = bytes.length < 2 ? -1 : bytes.readInt16BE(0);
  if (length < 0 || bytes.length < 2 + length) return [undefined, bytes];
  return [bytes.toString("utf8", 2, 2 + length), bytes.subarray(2 + length)];
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
