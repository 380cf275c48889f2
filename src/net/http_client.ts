/**
 * One HTTP call for an action: a web hook, an alert channel, the Docker Engine. A few a second at most, each on a connection of
 * its own. Never follows redirects, always verifies certificates, keeps 64 KiB of the answer unless told otherwise.
 * Nothing it returns holds the URL, a header or the body that was sent, so that secrets in them cannot leak through an error.
 * Not for checks: those need phase timings and their own sockets.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
  type RequestOptions,
} from "node:http";
import { request as requestHttps } from "node:https";
import { codeOf } from "./failure.ts";

export interface HttpCall {
  readonly method: string;
  /** Absolute http: or https: URL; user and password in it become Basic authentication. */
  readonly url: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  /** A unix socket to connect to instead of the URL's host. */
  readonly socketPath?: string;
  /** Bytes of the answer's body that are kept; the rest is not read. */
  readonly answerLimitBytes?: number;
  /** PEM texts: authorities to trust instead of the usual ones, and a certificate to show. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface HttpAnswer {
  readonly kind: "answer";
  readonly status: number;
  /** Lower-case names; of a repeated field the first value. */
  readonly headers: Readonly<Record<string, string>>;
  /** UTF-8, broken sequences replaced. */
  readonly body: string;
  readonly truncated: boolean;
}

export interface HttpFailure {
  readonly kind: "failure";
  /** For people, one line, no secrets: "connection refused". */
  readonly text: string;
  /** Of the runtime's error, such as "ECONNREFUSED"; "" when it has none. */
  readonly code: string;
  /** True when `signal` ended the call: whether the other end acted on it is unknown. */
  readonly cancelled: boolean;
}

export const ANSWER_LIMIT_BYTES = 65536;

/** Never rejects. When `signal` fires the socket is freed and the call settles at once as a failure. */
export function callHttp(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer | HttpFailure> {
  if (signal.aborted) return Promise.resolve(CANCELLED);
  return new Promise((resolve) => {
    let request: ClientRequest | undefined;
    const settle = (result: HttpAnswer | HttpFailure) => {
      signal.removeEventListener("abort", onAbort);
      resolve(result);
      request?.destroy();
    };
    const fail = (error: unknown) =>
      settle({ kind: "failure", text: failureText(error), code: codeOf(error), cancelled: false });
    const onAbort = () => settle(CANCELLED);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const url = new URL(call.url);
      const open = url.protocol === "https:" ? requestHttps : requestHttp;
      request = open(requestOptions(call, url));
      request.on("error", fail);
      request.on("response", (response: IncomingMessage) => readAnswer(response, call, settle));
      request.end(call.body);
    } catch (error) {
      // A header or path the runtime refuses to write.
      fail(error);
    }
  });
}

const CANCELLED: HttpFailure = {
  kind: "failure",
  text: "no complete answer in time",
  code: "",
  cancelled: true,
};

function requestOptions(call: HttpCall, url: URL): RequestOptions {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of call.headers ?? []) {
    const key = name.toLowerCase();
    const present = headers[key];
    headers[key] = present === undefined
      ? value
      : Array.isArray(present)
      ? [...present, value]
      : [present, value];
  }
  headers["user-agent"] ??= "cpra";
  if (call.body !== undefined) headers["content-length"] = String(Buffer.byteLength(call.body));
  const options: RequestOptions & { rejectUnauthorized: boolean; ca?: string; cert?: string; key?: string } =
    {
      method: call.method,
      path: `${url.pathname}${url.search}`,
      headers,
      // No pool: a kept connection that the other end has closed would turn a first try into a needless failure.
      agent: false,
      // Stated, so that no environment variable can turn verification off.
      rejectUnauthorized: true,
      ...call.tls,
    };
  if (call.socketPath !== undefined) return { ...options, socketPath: call.socketPath };
  if (url.username !== "") {
    options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  }
  if (url.port !== "") options.port = Number(url.port);
  return { ...options, hostname: url.hostname.replace(/^\[(.*)\]$/, "$1") };
}

function readAnswer(
  response: IncomingMessage,
  call: HttpCall,
  settle: (result: HttpAnswer | HttpFailure) => void,
): void {
  const limitBytes = call.answerLimitBytes ?? ANSWER_LIMIT_BYTES;
  const chunks: Uint8Array[] = [];
  let keptBytes = 0;
  const answer = (truncated: boolean): HttpAnswer => ({
    kind: "answer",
    status: response.statusCode ?? 0,
    headers: firstValues(response),
    body: Buffer.concat(chunks).toString("utf8"),
    truncated,
  });
  const cutOff = () =>
    settle({
      kind: "failure",
      text: "connection closed before the answer was complete",
      code: "",
      cancelled: false,
    });
  response.on("data", (chunk: Uint8Array) => {
    const head = chunk.subarray(0, limitBytes - keptBytes);
    chunks.push(head);
    keptBytes += head.length;
    if (head.length < chunk.length) settle(answer(true));
  });
  response.on("end", () => settle(answer(false)));
  // Settling twice does nothing: "close" also follows a complete answer.
  response.on("aborted", cutOff);
  response.on("error", cutOff);
  response.on("close", cutOff);
}

function firstValues(response: IncomingMessage): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    headers[(response.rawHeaders[i] as string).toLowerCase()] ??= response.rawHeaders[i + 1] as string;
  }
  return headers;
}

/** What people read; codes of Node's documentation (errors, TLS), which Deno and Bun share in part. */
const FAILURE_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ConnectionRefused: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  ENOTFOUND: "host name does not exist",
  EAI_AGAIN: "host name could not be resolved",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ENOENT: "no such socket",
  FailedToOpenSocket: "no such socket",
  EACCES: "not permitted to connect",
  EPERM: "not permitted to connect",
  EMFILE: "no file descriptor left",
  CERT_HAS_EXPIRED: "certificate expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate does not match the host name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate not trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate not trusted",
};

function failureText(error: unknown): string {
  const code = codeOf(error);
  const known = FAILURE_TEXTS[code];
  if (known !== undefined) return known;
  // Deno's TLS says it in words only.
  if (error instanceof Error && /certificate/i.test(error.message)) return "certificate not trusted";
  if (code.startsWith("HPE_")) return "malformed answer";
  return /^\w+$/.test(code) ? `call failed (${code})` : "call failed";
}
