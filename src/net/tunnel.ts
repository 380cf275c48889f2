/** A tunnel through an HTTP proxy (RFC 9110 §9.3.6): CONNECT, and the answer's head. */
import type { Socket } from "node:net";
import { freeSocket } from "./connect.ts";
import { codeOf, type Failure, failureOfCode } from "./failure.ts";
import { ResponseReader } from "./http1.ts";

export interface TunnelOptions {
  /** Where to, with port: "example.com:443". */
  readonly authority: string;
  /** Value of Proxy-Authorization; "" = none. */
  readonly authorization: string;
}

/** Undefined when the socket is a tunnel now; otherwise it is freed. "aborted" when the signal fired. Never rejects. */
export function openTunnel(
  socket: Socket,
  { authority, authorization }: TunnelOptions,
  signal: AbortSignal,
): Promise<Failure | "aborted" | undefined> {
  const reader = new ResponseReader({ head: true, keepBody: false });
  return new Promise((settle) => {
    const give = (end: Failure | "aborted" | undefined) => {
      signal.removeEventListener("abort", onAbort);
      socket.off("data", onData);
      socket.off("close", onClose);
      socket.off("error", onError);
      if (end === undefined) socket.pause();
      else freeSocket(socket);
      settle(end);
    };
    const onAbort = () => give("aborted");
    const onData = (chunk: Uint8Array) => {
      const state = reader.feed(chunk);
      if (state === "malformed") give(proxyFault(`malformed answer: ${reader.fault}`));
      else if (state === "complete") give(failureOfStatus(reader.status));
    };
    const onClose = () => give(proxyFault("closed the connection"));
    const onError = (error: Error) => give(proxyFailure(failureOfCode(codeOf(error))));
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("data", onData);
    socket.on("close", onClose);
    socket.on("error", onError);
    const proof = authorization === "" ? "" : `Proxy-Authorization: ${authorization}\r\n`;
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${proof}\r\n`);
  });
}

/** A proxy that cannot be used says nothing of the target: ours. */
export function proxyFailure(failure: Failure): Failure {
  return failure.outcome === "local" ? failure : proxyFault(failure.reason);
}

function proxyFault(text: string): Failure {
  return { outcome: "local", reason: "local_proxy", value: 0, text };
}

/** 5xx is the proxy's word about the target (RFC 9110 §15.6.3 ff.); anything else about the way it was asked. */
function failureOfStatus(status: number): Failure | undefined {
  if (status >= 200 && status < 300) return undefined;
  return { outcome: status >= 500 ? "fail" : "local", reason: "proxy_refused", value: status };
}
