/**
 * Reads one HTTP/1.x answer from bytes as they come (RFC 9112): no socket, no clock, no encoding of the body.
 * For the http probe today and a raw-socket engine later; a typical answer is 200–2000 bytes in one or two pieces, and
 * however the bytes are cut into pieces the result is the same. Nothing a peer sends makes it hold more than
 * HEAD_LIMIT_BYTES + BODY_LIMIT_BYTES. It reads one final answer and ignores what follows it: one request per connection.
 */
import { Buffer } from "node:buffer";
import { assert } from "../base/assert.ts";

/** Status line, headers, interim (1xx) answers and trailers together. */
export const HEAD_LIMIT_BYTES = 32 * 1024;
/** Body bytes read; an answer that has more is complete there, with `truncated` set. */
export const BODY_LIMIT_BYTES = 64 * 1024;
/** Chunk sizes, extensions and line ends together: one-byte chunks with plain framing just fit. */
const FRAMING_LIMIT_BYTES = 512 * 1024;
const CHUNK_LINE_LIMIT_BYTES = 4096;

export type ReadState = "more" | "complete" | "malformed";

export interface ReaderOptions {
  /** The answer to HEAD has no body, whatever its headers say. */
  readonly head: boolean;
  /** False: the body is counted and checked, not kept. */
  readonly keepBody: boolean;
}

/** A class, because the pieces it holds between two feeds must fit together. */
export class ResponseReader {
  /** 0 until the status line of the final answer has been read. */
  status = 0;
  /** Names in lower case, in the order they came, obsolete folding undone. Latin-1 (RFC 9110 §5.5). */
  headers: [name: string, value: string][] = [];
  /** The body was longer than BODY_LIMIT_BYTES; what lies behind was not read. */
  truncated = false;
  /** What was malformed, for people; "" otherwise. Holds no bytes of the answer. */
  fault = "";
  /** Bytes of the body so far, decoded from chunks. */
  bodyBytes = 0;

  /** More came than the answer. */
  #excess = false;
  #phase: Phase = "status";
  #minor = 1;
  #headBytes = 0;
  #framingBytes = 0;
  /** Bytes left of the sized body or of the current chunk. */
  #left = 0;
  /** The beginning of a line whose end has not come yet. */
  #line = new Uint8Array(0);
  #lineBytes = 0;
  readonly #pieces: Uint8Array[] = [];
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  get state(): ReadState {
    return this.#phase === "complete" || this.#phase === "malformed" ? this.#phase : "more";
  }

  /** Takes the next bytes; copies what it keeps. After "complete" or "malformed" it takes nothing more. */
  feed(chunk: Uint8Array): ReadState {
    let at = 0;
    while (at < chunk.length && this.state === "more") {
      switch (this.#phase) {
        case "sized":
        case "chunk_data":
        case "until_close":
          at = this.#takeBody(chunk, at);
          break;
        default:
          at = this.#takeLine(chunk, at);
      }
    }
    this.#excess ||= at < chunk.length;
    return this.state;
  }

  /** The peer has ended its side: an answer that ends by that is complete, any other was cut off ("more"). */
  end(): ReadState {
    if (this.#phase === "until_close") this.#phase = "complete";
    return this.state;
  }

  /** Whether the peer takes another request on this connection, with nothing of this answer left in it (RFC 9112 §9.3). */
  get keepsOpen(): boolean {
    if (this.#phase !== "complete" || this.#minor === 0 || this.#excess || this.truncated) return false;
    const connection = this.header("connection")?.toLowerCase();
    return this.status !== 101 && (connection === undefined || connection === "keep-alive");
  }

  /** The value of a header, several of one name joined by ", " (RFC 9110 §5.3), undefined when there is none. */
  header(name: string): string | undefined {
    let joined: string | undefined;
    for (const [key, value] of this.headers) {
      if (key === name) joined = joined === undefined ? value : `${joined}, ${value}`;
    }
    return joined;
  }

  /** The body read so far; needs `keepBody`. */
  body(): Uint8Array {
    assert(this.#options.keepBody, "the body was not kept");
    const whole = new Uint8Array(Math.min(this.bodyBytes, BODY_LIMIT_BYTES));
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  #takeBody(chunk: Uint8Array, at: number): number {
    const unitBytes = this.#phase === "until_close" ? Infinity : this.#left;
    const end = at + Math.min(chunk.length - at, unitBytes, BODY_LIMIT_BYTES - this.bodyBytes);
    if (end === at) {
      // One byte more than is read: what follows may have no end.
      this.truncated = true;
      this.#phase = "complete";
      return at;
    }
    if (this.#options.keepBody) this.#pieces.push(chunk.slice(at, end));
    this.bodyBytes += end - at;
    if (this.#phase === "until_close") return end;
    this.#left -= end - at;
    if (this.#left === 0) this.#phase = this.#phase === "sized" ? "complete" : "chunk_end";
    return end;
  }

  /** Takes bytes up to and including the next LF; a line is handled when it is whole. */
  #takeLine(chunk: Uint8Array, at: number): number {
    const feedAt = chunk.indexOf(LF, at);
    const end = feedAt < 0 ? chunk.length : feedAt + 1;
    if (this.#phase === "status" && !this.#isStatusPrefix(chunk, at, end)) {
      return this.#refuse("not an HTTP/1.x status line", end);
    }
    if (!this.#countLine(end - at)) return end;
    if (feedAt < 0) {
      this.#keepLine(chunk, at, end);
      return end;
    }
    if (this.#lineBytes > 0) {
      this.#keepLine(chunk, at, end);
      const lineBytes = this.#lineBytes;
      this.#lineBytes = 0;
      this.#handleLine(latin1(this.#line, 0, lineEnd(this.#line, lineBytes)));
    } else {
      this.#handleLine(latin1(chunk, at, lineEnd(chunk, end)));
    }
    return end;
  }

  /** Garbage is told by its first bytes, not after 32 KiB without a line end. */
  #isStatusPrefix(chunk: Uint8Array, at: number, end: number): boolean {
    for (let i = at, k = this.#lineBytes; i < end && k < STATUS_PREFIX.length; i++, k++) {
      if (chunk[i] !== STATUS_PREFIX[k]) return false;
    }
    return true;
  }

  /** Counts bytes of a line against the bound of its kind; false when over. */
  #countLine(bytes: number): boolean {
    if (this.#phase === "chunk_size" || this.#phase === "chunk_end") {
      this.#framingBytes += bytes;
      if (this.#framingBytes > FRAMING_LIMIT_BYTES || this.#lineBytes + bytes > CHUNK_LINE_LIMIT_BYTES) {
        this.#refuse("chunk framing out of bounds", 0);
        return false;
      }
      return true;
    }
    this.#headBytes += bytes;
    if (this.#headBytes <= HEAD_LIMIT_BYTES) return true;
    this.#refuse(`headers larger than ${HEAD_LIMIT_BYTES} bytes`, 0);
    return false;
  }

  #keepLine(chunk: Uint8Array, at: number, end: number): void {
    const needed = this.#lineBytes + end - at;
    if (needed > this.#line.length) {
      const larger = new Uint8Array(Math.max(256, needed * 2));
      larger.set(this.#line.subarray(0, this.#lineBytes));
      this.#line = larger;
    }
    this.#line.set(chunk.subarray(at, end), this.#lineBytes);
    this.#lineBytes = needed;
  }

  #handleLine(line: string): void {
    switch (this.#phase) {
      case "status":
        return this.#handleStatus(line);
      case "header":
        return line === "" ? this.#chooseFraming() : this.#handleHeader(line);
      case "chunk_size":
        return this.#handleChunkSize(line);
      case "chunk_end":
        if (line !== "") return void this.#refuse("chunk longer than its size", 0);
        this.#phase = "chunk_size";
        return;
      default:
        // Trailers: checked like headers, then dropped; nothing in them is needed.
        if (line === "") this.#phase = "complete";
        else if (!isTrailer(line)) this.#refuse("malformed trailer", 0);
    }
  }

  #handleStatus(line: string): void {
    const match = STATUS_LINE.exec(line);
    if (match === null) return void this.#refuse("malformed status line", 0);
    this.#minor = Number(match[1]);
    this.status = Number(match[2]);
    this.#phase = "header";
  }

  #handleHeader(line: string): void {
    if (BAD_VALUE.test(line)) return void this.#refuse("control character in a header", 0);
    if (line.startsWith(" ") || line.startsWith("\t")) {
      const last = this.headers.at(-1);
      if (last === undefined) return void this.#refuse("folded line before the first header", 0);
      const more = trimOws(line);
      if (more !== "") last[1] = last[1] === "" ? more : `${last[1]} ${more}`;
      return;
    }
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) return void this.#refuse("malformed header name", 0);
    this.headers.push([name.toLowerCase(), trimOws(line.slice(colon + 1))]);
  }

  /** How the body ends: RFC 9112 §6.3, its cases in order; a message with both framings is refused (§6.3 item 3). */
  #chooseFraming(): void {
    if (this.status < 200 && this.status !== 101) {
      this.status = 0;
      this.headers = [];
      this.#phase = "status";
      return;
    }
    const coding = this.header("transfer-encoding")?.toLowerCase();
    const length = this.header("content-length");
    if (coding !== undefined && length !== undefined) return void this.#refuse("two lengths of the body", 0);
    if (coding !== undefined && this.#minor === 0) {
      return void this.#refuse("Transfer-Encoding in an HTTP/1.0 answer", 0);
    }
    const lengthBytes = length === undefined ? undefined : parseLength(length);
    if (lengthBytes === "malformed") return void this.#refuse("malformed Content-Length", 0);

    if (this.#options.head || this.status === 101 || this.status === 204 || this.status === 304) {
      this.#phase = "complete";
    } else if (coding !== undefined) {
      this.#phase = /(^|,)\s*chunked$/.test(coding) ? "chunk_size" : "until_close";
    } else if (lengthBytes !== undefined) {
      this.#left = lengthBytes;
      this.#phase = lengthBytes === 0 ? "complete" : "sized";
    } else {
      this.#phase = "until_close";
    }
  }

  #handleChunkSize(line: string): void {
    const match = CHUNK_SIZE.exec(line);
    if (match === null) return void this.#refuse("malformed chunk size", 0);
    this.#left = parseInt(match[1] as string, 16);
    this.#phase = this.#left === 0 ? "trailer" : "chunk_data";
  }

  #refuse(fault: string, at: number): number {
    this.fault = fault;
    this.#phase = "malformed";
    return at;
  }
}

type Phase =
  | "status"
  | "header"
  | "sized"
  | "until_close"
  | "chunk_size"
  | "chunk_data"
  | "chunk_end"
  | "trailer"
  | "complete"
  | "malformed";

const LF = 10;
const CR = 13;
const STATUS_PREFIX = [..."HTTP/1."].map((character) => character.charCodeAt(0));
const STATUS_LINE = /^HTTP\/1\.(\d) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// deno-lint-ignore no-control-regex
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;
/** Up to 4 GiB a chunk; leading zeros are legal. Extensions (RFC 9112 §7.1.1) are ignored. */
const CHUNK_SIZE = /^0*([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

/** Where the line ends before its LF and one CR; a bare LF ends a line too (RFC 9112 §2.2). */
function lineEnd(bytes: Uint8Array, afterLf: number): number {
  return bytes[afterLf - 2] === CR ? afterLf - 2 : afterLf - 1;
}

function latin1(bytes: Uint8Array, at: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.max(0, end - at)).toString("latin1");
}

/** Blanks and tabs only. By hand: a regular expression for it is quadratic in a value full of blanks. */
function trimOws(text: string): string {
  let from = 0;
  let end = text.length;
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  while (end > from && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(from, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function isTrailer(line: string): boolean {
  const colon = line.indexOf(":");
  return !BAD_VALUE.test(line) && colon > 0 && TOKEN.test(line.slice(0, colon));
}

/** Decimal digits; the same value repeated ("5, 5") is allowed (RFC 9110 §8.6). */
function parseLength(text: string): number | "malformed" {
  const [first, ...others] = text.split(",").map(trimOws);
  if (first === undefined || !/^\d{1,15}$/.test(first)) return "malformed";
  return others.every((other) => other === first) ? Number(first) : "malformed";
}
