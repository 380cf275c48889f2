/** The bytes of one HTTP request of a check. */
import { Buffer } from "node:buffer";
import { VERSION } from "../base/version.ts";

export interface RequestParts {
  readonly method: string;
  readonly url: URL;
  /** The user's; they win over those set here. */
  readonly headers: readonly (readonly [string, string])[];
  readonly authorization: string;
  readonly body: string;
  /** Asks for the connection to stay open; absent: for its end. */
  readonly persistent?: boolean;
  /** To a proxy: the whole URL stands in the request line (RFC 9112 §3.2.2), with its Proxy-Authorization if not "". */
  readonly byProxy?: { readonly authorization: string };
  /** False: after a redirect to another origin, which is shown no identity of ours. */
  readonly isOwnOrigin?: boolean;
  /** Codings of the body that can be undone; absent: none. */
  readonly accept?: string;
}

/** UTF-8. One request per connection (RFC 9112 §9.6) unless it is persistent, and no coding of the body that assertions could not read. */
export function encodeRequest(parts: RequestParts): string {
  const { method, url, headers, authorization, body } = parts;
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const authority = parts.byProxy === undefined ? "" : url.origin;
  let text = `${method} ${authority}${url.pathname}${url.search} HTTP/1.1\r\n`;
  const add = (name: string, value: string) => {
    if (!given.has(name.toLowerCase())) text += `${name}: ${value}\r\n`;
  };
  add("Host", url.host);
  add("User-Agent", `cpra/${VERSION}`);
  add("Accept", "*/*");
  add("Accept-Encoding", parts.accept ?? "identity");
  const proxied = parts.byProxy?.authorization ?? "";
  if (proxied !== "") text += `Proxy-Authorization: ${proxied}\r\n`;
  if (authorization !== "") add("Authorization", authorization);
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  if (body !== "" || METHODS_WITH_BODY.has(method)) text += `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${text}Connection: ${parts.persistent === true ? "keep-alive" : "close"}\r\n\r\n${body}`;
}

/** They say a length even of nothing (RFC 9110 §8.6). */
export const METHODS_WITH_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);
