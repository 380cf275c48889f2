/** HTTP answers for fuzzing: whole ones of every framing, then mutated, and cut into pieces. Everything follows the seed. */
import { Buffer } from "node:buffer";
import type { Random } from "../../../src/base/prng.ts";

export interface FuzzedAnswer {
  readonly bytes: Uint8Array;
  /** Where it is cut, rising. */
  readonly cuts: readonly number[];
  /** It answers HEAD. */
  readonly head: boolean;
}

const pick = <Item>(random: Random, items: readonly Item[]): Item =>
  items[Math.floor(random() * items.length)] as Item;

export function fuzzedAnswer(random: Random): FuzzedAnswer {
  let bytes = Buffer.from(answer(random), "latin1");
  for (let mutations = pick(random, [0, 0, 0, 0, 1, 2, 5]); mutations > 0; mutations--) {
    bytes = mutated(bytes, random);
  }
  const cuts = new Set<number>();
  for (let pieces = pick(random, [0, 0, 0, 1, 2, 8]); pieces > 0; pieces--) {
    cuts.add(Math.floor(random() * bytes.length));
  }
  return { bytes, cuts: [...cuts].sort((left, right) => left - right), head: random() < 0.05 };
}

function answer(random: Random): string {
  const line = pick(random, [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 503 Service Unavailable",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 302 Found",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 200",
    "HTTP/1.1 200 ",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1 600 sch\xf6n",
    "HTTP/1.7 200 OK",
  ]);
  const interim = random() < 0.05 ? "HTTP/1.1 100 Continue\r\n\r\n" : "";
  const headers: string[] = [];
  for (let more = Math.floor(random() * 5); more > 0; more--) {
    headers.push(pick(random, [
      "Server: mock",
      "Content-Type: text/plain; charset=utf-8",
      "Date:Tue, 15 Nov 1994 08:12:31 GMT",
      "X-Empty:",
      "X-Blank: \t ",
      "Location: /elsewhere",
      "Connection: close",
      "Connection: keep-alive",
      "connection:Keep-Alive",
      "Connection:\t keep-alive \t",
      "Connection:",
      "Connection: keep-alive, te",
      "Set-Cookie: a=b",
      "X-Folded: a\r\n b",
      "X-Latin: \xe4\xf6",
      "Content-Lengths: 5",
    ]));
  }
  const body = "x".repeat(pick(random, [0, 1, 3, 20, 200]));
  const [framing, sent] = framed(body, random);
  headers.splice(Math.floor(random() * (headers.length + 1)), 0, ...framing);
  const feed = random() < 0.03 ? "\n" : "\r\n";
  return `${interim}${[line, ...headers].join(feed)}${feed}${feed}${sent}`;
}

function framed(body: string, random: Random): [headers: string[], sent: string] {
  const extra = random() < 0.1 ? "HTTP/1.1 404 Next\r\n\r\n" : "";
  const sized = `Content-Length: ${body.length}`;
  switch (Math.floor(random() * 10)) {
    case 0:
    case 1:
    case 2:
      return [[sized], body + extra];
    case 3:
      return [[
        pick(random, ["content-length:", "CONTENT-LENGTH: ", "Content-Length:\t"]) + body.length + " ",
      ], body];
    case 4:
      return [[], body];
    case 5:
    case 6:
      return [["Transfer-Encoding: chunked"], chunked(body, random) + extra];
    case 7:
      return [[
        pick(random, [
          "transfer-encoding:CHUNKED",
          "Transfer-Encoding: gzip, chunked",
          "Transfer-Encoding: gzip",
        ]),
      ], chunked(body, random)];
    case 8:
      return [[sized, pick(random, [sized, "Content-Length: 7", "Transfer-Encoding: chunked"])], body];
    default:
      return [[
        `Content-Length: ${
          pick(random, ["-1", "+5", "5, 5", "0x5", "00005", "", "99999999999999999999", "5 5"])
        }`,
      ], body];
  }
}

function chunked(body: string, random: Random): string {
  let sent = "";
  for (let at = 0; at < body.length;) {
    const size = 1 + Math.floor(random() * 40);
    const part = body.slice(at, at + size);
    sent += `${part.length.toString(16)}${pick(random, ["", "", "", ";x=y", " "])}\r\n${part}\r\n`;
    at += part.length;
  }
  return `${sent}${pick(random, ["0", "0", "0", "00"])}\r\n${random() < 0.1 ? "X-Trailer: 1\r\n" : ""}\r\n`;
}

const NASTY = [0, 9, 10, 13, 32, 45, 48, 57, 58, 59, 127, 128, 255];

function mutated(bytes: Buffer, random: Random): Buffer<ArrayBuffer> {
  const at = Math.floor(random() * (bytes.length + 1));
  const some = Math.floor(random() * 12);
  switch (Math.floor(random() * 6)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = random() < 0.6 ? pick(random, NASTY) : Math.floor(random() * 256);
      return copy;
    }
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + some)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([pick(random, NASTY)]), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - some))]);
    case 4:
      return Buffer.from(bytes.subarray(0, at));
    default: {
      const copy = Buffer.from(bytes);
      for (let i = 0; i < copy.length; i++) if (random() < 0.01) copy[i] = (copy[i] as number) ^ 0x20;
      return copy;
    }
  }
}
