/**
 * Just enough of a server's HTTP/1.1 reader to be cheap (RFC 9112 §2 to §6): one request out of the bytes so far. What is
 * no HTTP at all is taken as talk to an echo service, so that every target also serves TCP checks with send and expect.
 * It does not judge what it does not need: a mock target is no conformance test for clients.
 */
import type { Buffer } from "node:buffer";

export interface TargetRequest {
  readonly protocol: "http" | "echo";
  /** Bytes of the connection this request took, body included. */
  readonly bytes: number;
  /** Without query; "" for echo. */
  readonly path: string;
  /** HEAD: the answer has no body. */
  readonly headOnly: boolean;
  /** The client wants the connection closed after the answer. */
  readonly close: boolean;
}

const MAX_HEAD_BYTES = 32_768;
const MAX_BODY_BYTES = 1 << 20;
const METHOD = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /;
const METHOD_BEGUN = /^[A-Z]{0,7}$/;
const LONGEST_METHOD = "OPTIONS ".length;

/** The first request in `bytes`; "more" when it is not complete yet, "bad" when it never will be. */
export function readRequest(bytes: Buffer): TargetRequest | "more" | "bad" {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return readUnfinished(bytes);
  const head = bytes.toString("latin1", 0, headEnd);
  if (!METHOD.test(head)) return echo(bytes);
  const lineEnd = head.indexOf("\r\n");
  const line = lineEnd < 0 ? head : head.slice(0, lineEnd);
  const version = line.lastIndexOf(" HTTP/1.");
  const target = line.slice(line.indexOf(" ") + 1, version);
  if (version < 0 || !/^[!-~]+$/.test(target)) return "bad";
  const bodyBytes = lineEnd < 0 ? 0 : bodyLength(head);
  if (bodyBytes === undefined) return "bad";
  const total = headEnd + 4 + bodyBytes;
  if (bytes.length < total) return "more";
  const query = target.indexOf("?");
  return {
    protocol: "http",
    bytes: total,
    path: query < 0 ? target : target.slice(0, query),
    headOnly: line.startsWith("HEAD "),
    close: wantsClose(head, line.endsWith("HTTP/1.0")),
  };
}

function readUnfinished(bytes: Buffer): TargetRequest | "more" | "bad" {
  const start = bytes.toString("latin1", 0, LONGEST_METHOD);
  if (!METHOD.test(start) && !METHOD_BEGUN.test(start)) return echo(bytes);
  return bytes.length > MAX_HEAD_BYTES ? "bad" : "more";
}

function echo(bytes: Buffer): TargetRequest {
  return { protocol: "echo", bytes: bytes.length, path: "", headOnly: false, close: false };
}

/** Undefined when the body is one this reader does not take: chunked, or beyond the limit. */
function bodyLength(head: string): number | undefined {
  if (/\r\ntransfer-encoding:/i.test(head)) return undefined;
  const field = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head);
  if (field === null) return 0;
  const length = Number(field[1]);
  return length <= MAX_BODY_BYTES ? length : undefined;
}

function wantsClose(head: string, http10: boolean): boolean {
  const field = /\r\nconnection:[ \t]*([^\r]*)/i.exec(head);
  if (field === null) return http10;
  const options = (field[1] as string).toLowerCase();
  return options.includes("close") || (http10 && !options.includes("keep-alive"));
}
