/**
 * The http probe on the raw engine: plain http. Requests are written from a template, the usual
 * answer is judged where it lies (net/raw/response_scan.ts); assertions on headers or body, and answers in unusual framing,
 * go through the same reader and the same checks as in http.ts. A redirect that is to be followed is handed over.
 */
import { Buffer } from "node:buffer";
import type { IpPreference } from "../base/ip_preference.ts";
import {
  type Exchange,
  type Place,
  type RawProbe,
  REQUEST_BYTES_MOST,
  type StreamPlan,
  TARGET_BYTES_MOST,
} from "../model/raw_probe.ts";
import { ResponseReader } from "../net/http1.ts";
import { COMPLETE, ResponseScan, UNSURE, UNTIL_CLOSE } from "../net/raw/response_scan.ts";
import { isPlainName } from "../net/raw/raw_names.ts";
import { isPlainAddress } from "../net/raw/socket_address.ts";
import { statusExpected } from "./expected_status.ts";
import { type Assertions, checkAnswer, prepareAssertions } from "./http_assertions.ts";
import { type HttpConfig, needsEventLoop } from "./http_config.ts";
import { REDIRECTS } from "./http_redirects.ts";
import { encodeRequest } from "./http_request.ts";

type SharedConfig = Omit<HttpConfig, "url">;

export const HTTP_RAW: RawProbe<SharedConfig> = {
  suits(target, config, { names }) {
    if (target.length > TARGET_BYTES_MOST || needsEventLoop(config)) return false;
    // As the URL parser writes it; an empty query is written but not sent.
    const host = /^http:\/\/(?:\[([0-9a-f:]+)\]|([a-z0-9._-]+))(?::[1-9]\d*)?\/[!-~]*$/.exec(target);
    if (host === null || target.endsWith("?")) return false;
    const written = host[1] ?? (host[2] as string);
    if (!isPlainAddress(written) && !(names && isPlainName(written))) return false;
    return requestBytesMost(config) <= REQUEST_BYTES_MOST;
  },
  plan: (config) => new HttpPlan(config),
};

/** "http://".length: where the host, or its bracket, begins. */
const AUTHORITY_AT = 7;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const COLON = 58;
const SLASH = 47;
const ZERO = 48;

/** Bits of an exchange's flags. */
const LOCATION = 1;
const ENDS_BY_CLOSE = 2;
const KEEPS_OPEN = 4;

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

class HttpPlan implements StreamPlan {
  readonly transport = "stream";
  readonly source: string;
  readonly prefer: IpPreference | undefined;
  readonly keepAlive: boolean;
  readonly #assertions: Assertions;
  readonly #template: Template;
  readonly #isHead: boolean;
  /** Status and latency are all that is judged: no header and no byte of the body is needed. */
  readonly #isPlain: boolean;
  readonly #scan = new ResponseScan();

  constructor(config: SharedConfig) {
    this.prefer = config.ip === "" ? undefined : config.ip;
    this.source = config.source;
    // Others must not be sent again when the connection turns out dead (RFC 9112 §9.3.1).
    this.keepAlive = config.keepAlive && SAFE_METHODS.has(config.method);
    this.#assertions = prepareAssertions(config);
    this.#template = cutTemplate(config, this.keepAlive);
    this.#isHead = config.method === "HEAD";
    this.#isPlain = !this.#assertions.needsBody && config.header.length === 0;
  }

  readonly locate = (target: Uint8Array, bytes: number, into: Place): void => {
    let at = AUTHORITY_AT;
    if (target[at] === OPEN_BRACKET) {
      into.hostFrom = ++at;
      while (target[at] !== CLOSE_BRACKET) at++;
      into.hostTo = at++;
    } else {
      into.hostFrom = at;
      while (target[at] !== COLON && target[at] !== SLASH) at++;
      into.hostTo = at;
    }
    into.port = 80;
    if (target[at] !== COLON) return;
    into.port = 0;
    for (at++; at < bytes && target[at] !== SLASH; at++) {
      into.port = into.port * 10 + (target[at] as number) - ZERO;
    }
  };

  readonly request = (target: Uint8Array, bytes: number, into: Uint8Array): number => {
    const { head, middle, tail, namesHost } = this.#template;
    let pathAt = AUTHORITY_AT;
    while (target[pathAt] !== SLASH) pathAt++;
    let at = copy(head, { from: 0, to: head.length }, into, 0);
    at = copy(target, { from: pathAt, to: bytes }, into, at);
    at = copy(middle, { from: 0, to: middle.length }, into, at);
    if (namesHost) at = copy(target, { from: AUTHORITY_AT, to: pathAt }, into, at);
    return copy(tail, { from: 0, to: tail.length }, into, at);
  };

  sent(): boolean {
    return false;
  }

  received(exchange: Exchange, bytes: Uint8Array, length: number): boolean {
    if (exchange.status > 0) {
      exchange.leftBytes -= length;
      return exchange.leftBytes <= 0 && this.#judge(exchange);
    }
    if (exchange.state === undefined && this.#isPlain) {
      const scan = this.#scan;
      const found = scan.scan(bytes, length, this.#isHead);
      if (found !== UNSURE) {
        exchange.status = scan.status;
        exchange.leftBytes = scan.leftBytes;
        exchange.flags = (scan.hasLocation ? LOCATION : 0) | (found === UNTIL_CLOSE ? ENDS_BY_CLOSE : 0) |
          (scan.keepsOpen ? KEEPS_OPEN : 0);
        return found === COMPLETE && this.#judge(exchange);
      }
    }
    const reader = this.#readerOf(exchange);
    return reader.feed(bytes.subarray(0, length)) !== "more" && this.#judgeReader(exchange, reader);
  }

  closed(exchange: Exchange): void {
    if (exchange.status > 0) {
      if (exchange.flags & ENDS_BY_CLOSE) this.#judge(exchange);
      else exchange.settle("fail", "closed_early", 0);
      return;
    }
    const reader = this.#readerOf(exchange);
    if (reader.end() === "complete") this.#judgeReader(exchange, reader);
    else exchange.settle("fail", "closed_early", 0);
  }

  #readerOf(exchange: Exchange): ResponseReader {
    const { needsBody: keepBody } = this.#assertions;
    exchange.state ??= new ResponseReader({ head: this.#isHead, keepBody });
    return exchange.state as ResponseReader;
  }

  #judge(exchange: Exchange): true {
    const { config } = this.#assertions;
    const { status } = exchange;
    exchange.reusable = (exchange.flags & KEEPS_OPEN) !== 0 && exchange.leftBytes === 0;
    if (!statusExpected(config.expectedStatus, status)) {
      const redirects = config.redirectsMax > 0 && exchange.flags & LOCATION && REDIRECTS.has(status);
      if (redirects) exchange.settle("handed_over", "none", 0);
      else exchange.settle("fail", "status", status);
      return true;
    }
    return this.#pass(exchange);
  }

  #judgeReader(exchange: Exchange, reader: ResponseReader): true {
    const { config } = this.#assertions;
    exchange.reusable = reader.keepsOpen;
    if (reader.state === "malformed") {
      exchange.settle("fail", "protocol", 0, reader.fault);
      return true;
    }
    const redirects = config.redirectsMax > 0 && REDIRECTS.has(reader.status) &&
      !statusExpected(config.expectedStatus, reader.status) && reader.header("location") !== undefined;
    if (redirects) {
      exchange.settle("handed_over", "none", 0);
      return true;
    }
    const failure = checkAnswer(reader, this.#assertions);
    if (failure === undefined) return this.#pass(exchange);
    exchange.settle(failure.outcome, failure.reason, failure.value, failure.text);
    return true;
  }

  #pass(exchange: Exchange): true {
    const { maxLatencyMs } = this.#assertions.config;
    const tookMs = maxLatencyMs === 0 ? 0 : exchange.elapsedMs();
    if (tookMs > maxLatencyMs) exchange.settle("fail", "too_slow", Math.ceil(tookMs));
    else exchange.settle("pass", "none", 0);
    return true;
  }
}

/** The request's bytes around what a target brings: head, path, middle, host (if `namesHost`), tail. */
interface Template {
  readonly head: Uint8Array;
  readonly middle: Uint8Array;
  readonly tail: Uint8Array;
  readonly namesHost: boolean;
}

/** Bound of what is sent for any target: a UTF-16 unit is at most three bytes. Asked for each monitor, so without encoding. */
function requestBytesMost({ headers, authorization, body }: SharedConfig): number {
  const GENERATED_BYTES = 512;
  let units = authorization.length + body.length;
  for (const [name, value] of headers) units += name.length + value.length + 4;
  return GENERATED_BYTES + 2 * TARGET_BYTES_MOST + 3 * units;
}

/** Cut from a request that the portable probe would send, so that both send the same. */
function cutTemplate(config: SharedConfig, persistent: boolean): Template {
  const request = encodeRequest({ ...config, url: new URL("http://h/"), persistent });
  const pathAt = config.method.length + 1;
  const generated = " HTTP/1.1\r\nHost: h\r\n";
  // A Host of the user's own stands further down, after the generated headers.
  const namesHost = request.startsWith(generated, pathAt + 1);
  const hostAt = namesHost ? pathAt + 1 + generated.length - "h\r\n".length : pathAt + 1;
  return {
    head: Buffer.from(request.slice(0, pathAt)),
    middle: Buffer.from(request.slice(pathAt + 1, hostAt)),
    tail: Buffer.from(request.slice(namesHost ? hostAt + 1 : hostAt)),
    namesHost,
  };
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Where the copy ends. Byte by byte: for some hundred bytes faster than set(subarray()), and without an object. */
function copy(source: Uint8Array, { from, to }: Range, into: Uint8Array, at: number): number {
  for (let i = from; i < to; i++) into[at++] = source[i] as number;
  return at;
}
