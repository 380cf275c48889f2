/**
 * Judges the usual HTTP/1.x answer where it lies, without allocating: what net/http1.ts's ResponseReader does for any
 * answer, this does for the plain ones, and says "unsure" of all others, which then go through the reader. So it may
 * only err towards "unsure"; tests/net/raw/response_scan_test.ts holds it equal to the reader on mutated answers.
 * Load: one call per check, 100–2000 bytes, about 1 ns a byte.
 */
import { BODY_LIMIT_BYTES, HEAD_LIMIT_BYTES } from "../http1.ts";

export type Scan = typeof UNSURE | typeof COMPLETE | typeof SIZED | typeof UNTIL_CLOSE;
/** Not whole, or not plain: ask the reader. */
export const UNSURE = 0;
export const COMPLETE = 1;
/** The head is whole; complete after `leftBytes` more. */
export const SIZED = 2;
/** The head is whole; complete after `leftBytes` more or when the peer ends. */
export const UNTIL_CLOSE = 3;

/** What the last scan found; valid unless it was UNSURE. */
export class ResponseScan {
  status = 0;
  leftBytes = 0;
  /** A Location header was there. */
  hasLocation = false;
  /** The peer takes another request, provided that what is left comes and no more. As ResponseReader.keepsOpen. */
  keepsOpen = false;

  /** Scans the first bytes of an answer. `head`: it answers HEAD and has no body. */
  scan(bytes: Uint8Array, length: number, head: boolean): Scan {
    if (!this.#status(bytes, length)) return UNSURE;
    let contentLength = -1;
    let chunked = false;
    this.hasLocation = false;
    this.keepsOpen = this.#minor > 0;
    let hasConnection = false;
    let at = this.#afterStatus;
    const end = Math.min(length, HEAD_LIMIT_BYTES);
    while (true) {
      if (at + 1 >= end) return UNSURE;
      if (bytes[at] === CR) {
        if (bytes[at + 1] !== LF) return UNSURE;
        at += 2;
        break;
      }
      const nameAt = at;
      while (at < end && NAME[bytes[at] as number] === 1) at++;
      if (at === nameAt || at >= end || bytes[at] !== COLON) return UNSURE;
      const nameBytes = at - nameAt;
      const valueAt = ++at;
      while (at < end && VALUE[bytes[at] as number] === 1) at++;
      if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) return UNSURE;
      if (nameBytes === CONTENT_LENGTH.length && matches(bytes, nameAt, CONTENT_LENGTH)) {
        if (contentLength >= 0) return UNSURE;
        contentLength = decimal(bytes, valueAt, at);
        if (contentLength < 0) return UNSURE;
      } else if (nameBytes === TRANSFER_ENCODING.length && matches(bytes, nameAt, TRANSFER_ENCODING)) {
        const from = bytes[valueAt] === SPACE ? valueAt + 1 : valueAt;
        if (chunked || at - from !== CHUNKED.length || !matches(bytes, from, CHUNKED)) return UNSURE;
        chunked = true;
      } else if (nameBytes === LOCATION.length && matches(bytes, nameAt, LOCATION)) this.hasLocation = true;
      else if (nameBytes === CONNECTION.length && matches(bytes, nameAt, CONNECTION)) {
        let from = valueAt;
        let to = at;
        while (from < to && isBlank(bytes[from] as number)) from++;
        while (to > from && isBlank(bytes[to - 1] as number)) to--;
        // A second one is joined to the first by the reader, and means something else then.
        const isKeepAlive = to - from === KEEP_ALIVE.length && matches(bytes, from, KEEP_ALIVE);
        if (!isKeepAlive || hasConnection) this.keepsOpen = false;
        hasConnection = true;
      }
      at += 2;
    }
    if (chunked && (contentLength >= 0 || this.#minor === 0)) return UNSURE;
    const { status } = this;
    this.leftBytes = 0;
    if (head || status === 204 || status === 304) {
      if (at < length) this.keepsOpen = false;
      return COMPLETE;
    }
    if (chunked) {
      const bodyEnd = afterChunks(bytes, at, length);
      if (bodyEnd < 0) return UNSURE;
      if (bodyEnd < length) this.keepsOpen = false;
      return COMPLETE;
    }
    // One byte more than is read ends an answer that is too long.
    const wanted = contentLength < 0 ? BODY_LIMIT_BYTES + 1 : Math.min(contentLength, BODY_LIMIT_BYTES + 1);
    this.leftBytes = Math.max(0, wanted - (length - at));
    if (contentLength < 0 || contentLength > BODY_LIMIT_BYTES || length - at > wanted) this.keepsOpen = false;
    if (this.leftBytes === 0) return COMPLETE;
    return contentLength < 0 ? UNTIL_CLOSE : SIZED;
  }

  #minor = 1;
  #afterStatus = 0;

  /** "HTTP/1.x 200 reason" with a final status; the reason may be absent. */
  #status(bytes: Uint8Array, length: number): boolean {
    if (length < STATUS_LINE_LEAST || !matchesExactly(bytes, PREFIX)) return false;
    const minor = (bytes[7] as number) - ZERO;
    if ((minor !== 0 && minor !== 1) || bytes[8] !== SPACE) return false;
    const hundreds = (bytes[9] as number) - ZERO;
    const tens = (bytes[10] as number) - ZERO;
    const ones = (bytes[11] as number) - ZERO;
    if (hundreds < 2 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return false;
    let at = 12;
    if (bytes[at] === SPACE) {
      while (at < length && VALUE[bytes[at] as number] === 1) at++;
    }
    if (bytes[at] !== CR || bytes[at + 1] !== LF || at + 1 >= length) return false;
    this.status = hundreds * 100 + tens * 10 + ones;
    this.#minor = minor;
    this.#afterStatus = at + 2;
    return true;
  }
}

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const ZERO = 48;
const PREFIX = ascii("HTTP/1.");
const STATUS_LINE_LEAST = 14;
const CONTENT_LENGTH = ascii("content-length");
const TRANSFER_ENCODING = ascii("transfer-encoding");
const LOCATION = ascii("location");
const CONNECTION = ascii("connection");
const KEEP_ALIVE = ascii("keep-alive");
const CHUNKED = ascii("chunked");
/** Token characters (RFC 9110 §5.6.2). */
const NAME = table((code) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code)));
/** Field content: all but control characters, tab allowed. */
const VALUE = table((code) => code === TAB || (code >= SPACE && code !== 0x7f));

/** Where a whole chunked body ends that has one chunk line form, "HEX CRLF", no extensions, no trailers, within the limit; or -1. */
function afterChunks(bytes: Uint8Array, from: number, length: number): number {
  let at = from;
  let bodyBytes = 0;
  while (true) {
    let size = 0;
    let digits = 0;
    for (; at < length; at++, digits++) {
      const digit = HEX[bytes[at] as number] as number;
      if (digit === NO_DIGIT) break;
      size = size * 16 + digit;
    }
    if (digits === 0 || digits > 6 || !isLineEnd(bytes, at, length)) return -1;
    at += 2;
    if (size === 0) return isLineEnd(bytes, at, length) ? at + 2 : -1;
    bodyBytes += size;
    at += size;
    if (bodyBytes > BODY_LIMIT_BYTES || !isLineEnd(bytes, at, length)) return -1;
    at += 2;
  }
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function isLineEnd(bytes: Uint8Array, at: number, length: number): boolean {
  return at + 1 < length && bytes[at] === CR && bytes[at + 1] === LF;
}

/** Digits with blanks around; -1 when it is anything else. */
function decimal(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] === SPACE) at++;
  let value = 0;
  let digits = 0;
  for (; at < to; at++, digits++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  while (at < to && bytes[at] === SPACE) at++;
  return digits >= 1 && digits <= 15 && at === to ? value : -1;
}

/** `lower` in any case; letters and "-" only. */
function matches(bytes: Uint8Array, at: number, lower: Uint8Array): boolean {
  for (let i = 0; i < lower.length; i++) if (((bytes[at + i] as number) | 32) !== lower[i]) return false;
  return true;
}

function matchesExactly(bytes: Uint8Array, start: Uint8Array): boolean {
  for (let i = 0; i < start.length; i++) if (bytes[i] !== start[i]) return false;
  return true;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function table(holds: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => holds(code) ? 1 : 0);
}

const NO_DIGIT = 255;
const HEX = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? NO_DIGIT : digit;
});
