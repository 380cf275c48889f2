/**
 * Checks a gRPC server by the health protocol every gRPC library brings (grpc.health.v1.Health/Check,
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md), over the runtime's HTTP/2. Its two messages have one field each.
 */
import { Buffer } from "node:buffer";
import { type ClientHttp2Session, connect } from "node:http2";
import { z } from "../base/schema.ts";
import { codeOf, failureOfCode } from "../net/failure.ts";
import { Stop, stop, type Wire } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const PATH = "/grpc.health.v1.Health/Check";
const ANSWER_BYTES_MAX = 1024;
const HEAD_BYTES = 5;
/** HealthCheckResponse.ServingStatus. */
const STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING = 1;

export const GRPC = streamProbe({
  kind: "grpc",
  summary: "gRPC server or service, by the health protocol",
  port: 50051,
  alpn: ["h2"],
  estimateMs: 10,
  fields: {
    /** "" = the server as a whole. */
    service: z.string().max(256).default(""),
    /** What is asked for as host; "" = the host itself. */
    authority: z.string().regex(/^[\x21-\x7e]*$/).default(""),
  },
  example: `name: inventory
pulse_check:
  type: grpc
  interval: 15s
  timeout: 3s
  config:
    host: inventory.example.com
    service: shop.Inventory
`,
  async converse(wire, { config, host }) {
    const answer = await call(wire, {
      authority: config.authority === "" ? host : config.authority,
      scheme: config.tls ? "https" : "http",
      message: encodeRequest(config.service),
    });
    const { status } = answer;
    if (status !== 200) throw stop("status", undefined, status);
    // Codes of https://grpc.io/docs/guides/status-codes: 5 is a service without a state, 12 a server without the protocol.
    if (answer.grpcStatus !== 0) {
      throw stop("not_serving", `gRPC status ${answer.grpcStatus} ${answer.grpcMessage}`);
    }
    const serving = decodeResponse(answer.data);
    if (serving === undefined) throw stop("protocol");
    if (serving !== SERVING) throw stop("not_serving", STATUSES[serving] ?? `status ${serving}`);
  },
});

interface Call {
  readonly authority: string;
  readonly scheme: string;
  readonly message: Uint8Array;
}

interface Answer {
  readonly status: number;
  readonly grpcStatus: number;
  readonly grpcMessage: string;
  readonly data: Buffer;
}

/** One unary call on one connection; throws Stop when there is no complete answer. */
async function call(wire: Wire, { authority, scheme, message }: Call): Promise<Answer> {
  const { socket, signal } = wire.handOver();
  // The library makes an origin of the name in TLS, which an address does not have; false says so.
  if ("servername" in socket && socket.servername === "") Object.assign(socket, { servername: false });
  // The real authority travels as a header.
  const session = connect(`${scheme}://localhost`, { createConnection: () => socket });
  const onAbort = { current: () => {} };
  try {
    return await new Promise<Answer>((settle, fail) => {
      onAbort.current = () => fail(new Stop(wire.timedOut()));
      signal.addEventListener("abort", onAbort.current, { once: true });
      const onError = (error: unknown) => fail(stopOf(error, wire));
      session.on("error", onError);
      session.on("close", () => fail(stop("closed_early")));
      socket.on("close", () => fail(stop("closed_early")));
      session.on("goaway", (code) => fail(stop("closed_early", `GOAWAY ${code}`)));
      request(session, { authority, message, settle, fail, onError });
      if (signal.aborted) onAbort.current();
    });
  } finally {
    signal.removeEventListener("abort", onAbort.current);
    session.on("error", () => {});
    session.destroy();
  }
}

interface Request {
  readonly authority: string;
  readonly message: Uint8Array;
  readonly settle: (answer: Answer) => void;
  readonly fail: (reason: Stop) => void;
  readonly onError: (error: unknown) => void;
}

function request(session: ClientHttp2Session, { authority, message, settle, fail, onError }: Request): void {
  const stream = session.request({
    ":method": "POST",
    ":path": PATH,
    ":authority": authority,
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "cpra",
  });
  let status = 0;
  let grpcStatus = -1;
  let grpcMessage = "";
  const chunks: Buffer[] = [];
  let bytes = 0;
  const takeTrailers = (headers: Readonly<Record<string, unknown>>) => {
    if (headers["grpc-status"] === undefined) return;
    grpcStatus = Number(headers["grpc-status"]);
    grpcMessage = decodePercent(String(headers["grpc-message"] ?? ""));
  };
  stream.on("error", onError);
  stream.on("response", (headers) => {
    status = Number(headers[":status"]);
    takeTrailers(headers);
  });
  stream.on("trailers", takeTrailers);
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) fail(stop("body_too_large", undefined, ANSWER_BYTES_MAX));
    else chunks.push(chunk);
  });
  stream.on("close", () => {
    if (status === 0) fail(stop("closed_early"));
    else if (status === 200 && grpcStatus === -1) fail(stop("protocol", "no grpc-status"));
    else settle({ status, grpcStatus, grpcMessage, data: Buffer.concat(chunks) });
  });
  stream.end(message);
}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Percent-Encoded"; what is not is left as it is. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What the library has to say is about the peer, unless it is a code of the network's. */
function stopOf(error: unknown, wire: Wire): Stop {
  const code = codeOf(error);
  if (code === "ETIMEDOUT") return new Stop(wire.timedOut());
  const failure = failureOfCode(code);
  return failure.reason === "local_fault" ? stop("protocol", code) : new Stop(failure);
}

/** HealthCheckRequest { string service = 1; } behind the five bytes of a gRPC message (no compression, length). */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const length = name.length < 128 ? [name.length] : [name.length & 0x7f | 0x80, name.length >> 7];
  const body = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, ...length), name]);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** HealthCheckResponse { ServingStatus status = 1; }: a field that is absent is 0. */
function decodeResponse(data: Buffer): number | undefined {
  if (data.length < HEAD_BYTES || data[0] !== 0 || data.readUInt32BE(1) !== data.length - HEAD_BYTES) {
    return undefined;
  }
  const body = data.subarray(HEAD_BYTES);
  if (body.length === 0) return 0;
  return body.length === 2 && body[0] === 0x08 && (body[1] as number) < 128 ? body[1] : undefined;
}
