/**
 * How a mock target answers one request under its fault: the bytes, and the manner of sending them. Every branch ends with
 * `done` (the connection goes on), or the connection is ended, reset or left hanging and `done` never comes.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { unreachable } from "../src/base/assert.ts";
import type { Random } from "../src/base/prng.ts";
import type { SteadyFault } from "./target_faults.ts";
import type { TargetRequest } from "./target_request.ts";

/** What an http target and a tcp target say when all is well. */
export const HEALTHY_BODY = "ok\n";

export interface Exchange {
  readonly socket: Socket;
  readonly request: TargetRequest;
  /** The bytes of the request: what an echo sends back. */
  readonly received: Buffer;
  readonly fault: SteadyFault;
  readonly random: Random;
  /** The answer is out and the connection stays open. */
  readonly done: () => void;
}

const HEALTHY = httpAnswer({ status: "200 OK", body: HEALTHY_BODY });
const HEALTHY_CLOSE = httpAnswer({ status: "200 OK", body: HEALTHY_BODY, fields: "Connection: close\r\n" });

export function answer(exchange: Exchange): void {
  const { socket, fault } = exchange;
  switch (fault.kind) {
    case "up":
    case "status":
    case "body":
    case "redirect":
      return send(exchange, answerBytes(exchange));
    case "refused":
    case "unaccepted":
      // The listening socket is gone; this connection is older than that and is about to be reset.
      return;
    case "hang":
      return;
    case "slow":
      return sendSlowly(exchange, { delayMs: fault.delayMs, dripMs: fault.dripMs });
    case "reset":
      return fault.at === "answer"
        ? sendHalf(exchange, () => socket.resetAndDestroy())
        : void socket.resetAndDestroy();
    case "half_close":
      return fault.at === "answer" ? sendHalf(exchange, () => void socket.end()) : void socket.end();
    case "garbage":
      return void socket.end(randomBytes(fault.bytes, exchange.random));
    case "endless_body":
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n");
      socket.write(fault.chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
      return flood(socket, fault.chunked ? FLOOD_CHUNK : FLOOD_BODY);
    case "endless_headers":
      socket.write("HTTP/1.1 200 OK\r\n");
      return flood(socket, FLOOD_HEADERS);
    default:
      return unreachable(fault);
  }
}

function answerBytes(exchange: Exchange): Uint8Array {
  const { fault, request, received } = exchange;
  if (request.protocol === "echo") return fault.kind === "body" ? Buffer.from(fault.text) : received;
  if (fault.kind === "up" && !request.headOnly) return request.close ? HEALTHY_CLOSE : HEALTHY;
  const closing = request.close ? "Connection: close\r\n" : "";
  const headOnly = request.headOnly;
  switch (fault.kind) {
    case "status":
      return httpAnswer({ status: `${fault.code} Fault`, body: "fault\n", fields: closing, headOnly });
    case "body":
      return httpAnswer({ status: "200 OK", body: fault.text, fields: closing, headOnly });
    case "redirect": {
      const fields = `Location: ${fault.to ?? request.path}\r\n${closing}`;
      return httpAnswer({ status: "302 Found", body: "", fields, headOnly });
    }
    default:
      return httpAnswer({ status: "200 OK", body: HEALTHY_BODY, fields: closing, headOnly });
  }
}

interface HttpAnswer {
  readonly status: string;
  readonly body: string;
  /** Further header lines, each with its CR LF. */
  readonly fields?: string;
  readonly headOnly?: boolean;
}

function httpAnswer(parts: HttpAnswer): Buffer {
  const length = Buffer.byteLength(parts.body);
  const head = `HTTP/1.1 ${parts.status}\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n${
    parts.fields ?? ""
  }\r\n`;
  return Buffer.from(parts.headOnly === true ? head : head + parts.body);
}

function send(exchange: Exchange, bytes: Uint8Array): void {
  if (exchange.request.close) return void exchange.socket.end(bytes);
  exchange.socket.write(bytes);
  exchange.done();
}

function sendHalf(exchange: Exchange, then: () => void): void {
  const bytes = answerBytes(exchange);
  exchange.socket.write(bytes.subarray(0, bytes.length >> 1), then);
}

function sendSlowly(exchange: Exchange, pace: { readonly delayMs: number; readonly dripMs: number }): void {
  const { socket } = exchange;
  const bytes = answerBytes(exchange);
  let sent = 0;
  const next = () => {
    if (pace.dripMs === 0) return send(exchange, bytes);
    socket.write(bytes.subarray(sent, sent + 1));
    sent++;
    if (sent < bytes.length) timer = setTimeout(next, pace.dripMs);
    else if (exchange.request.close) socket.end();
    else exchange.done();
  };
  socket.setNoDelay(true);
  let timer = setTimeout(next, pace.delayMs);
  socket.once("close", () => clearTimeout(timer));
}

function randomBytes(count: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i++) bytes[i] = random() * 256;
  return bytes;
}

const FLOOD_BODY = Buffer.alloc(16_384, "all work and no play makes a dull target\n");
const FLOOD_CHUNK = Buffer.concat([Buffer.from("4000\r\n"), FLOOD_BODY, Buffer.from("\r\n")]);
const FLOOD_HEADERS = Buffer.from(`X-Filler: ${"f".repeat(116)}\r\n`.repeat(128));
const FLOOD_WRITES_AT_ONCE = 4;

/** Writes the same bytes until the connection is gone; between bursts other targets get their turn. */
function flood(socket: Socket, bytes: Uint8Array): void {
  const pour = () => {
    if (socket.destroyed) return;
    let room = true;
    for (let i = 0; i < FLOOD_WRITES_AT_ONCE && room; i++) room = socket.write(bytes);
    if (room) setImmediate(pour);
    else socket.once("drain", pour);
  };
  pour();
}
