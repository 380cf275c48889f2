/**
 * Opens one TCP connection for a check: name, addresses in turn, and every socket freed when the signal fires.
 * Load: one per check, some thousand a second. Over node:net, so it runs where FFI does not. No pool, no keep-alive: a
 * check that reuses a connection does not check that one can be made. TLS on top of it is net/tls.ts.
 */
import { lookup } from "node:dns";
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connectCode } from "../host/connect_errno.ts";
import { codeOf, type Failure, failureOfCode } from "./failure.ts";

export interface ConnectRequest {
  /** A name, or an IPv4 or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** When the attempt began (performance.now()) and how long it has, ms: for the phases and to share time among addresses. */
  readonly startedMs: number;
  readonly timeoutMs: number;
}

/** Phases from the start of the attempt, µs; absent when not reached or, for dnsUs, when there was no name to resolve. */
export interface ConnectPhases {
  dnsUs?: number;
  connectUs?: number;
}

export type Connected =
  | { readonly kind: "connected"; readonly socket: Socket; readonly phases: ConnectPhases }
  | { readonly kind: "failed"; readonly failure: Failure; readonly phases: ConnectPhases };

/** Never rejects. When `signal` fires it settles at once, with a failure, and holds nothing. */
export async function connect(request: ConnectRequest, signal: AbortSignal): Promise<Connected> {
  const phases: ConnectPhases = {};
  let addresses: readonly string[] = [request.host];
  if (isIP(request.host) === 0) {
    const found = await resolve(request.host, signal);
    if (!Array.isArray(found)) return { kind: "failed", failure: found as Failure, phases };
    addresses = found;
    phases.dnsUs = microsSince(request.startedMs);
  }
  let failure: Failure = failureOfCode("ENOTFOUND");
  for (let i = 0; i < addresses.length && i < ADDRESSES_MAX; i++) {
    const leftMs = request.timeoutMs - (performance.now() - request.startedMs);
    const end = await connectOnce({
      address: addresses[i] as string,
      port: request.port,
      // An address that swallows packets must leave time for the next one; the last has all that is left.
      shareMs: i + 1 < addresses.length ? leftMs / (addresses.length - i) : Infinity,
    }, signal);
    if (typeof end !== "string") {
      phases.connectUs = microsSince(request.startedMs);
      return { kind: "connected", socket: end, phases };
    }
    failure = failureOfConnect(end, request);
    if (signal.aborted) break;
  }
  return { kind: "failed", failure, phases };
}

/** Closes so that nothing stays: no TIME_WAIT, no wait for a peer that does not read. Safe to call twice. */
export function freeSocket(socket: Socket): void {
  // Bun leaks the descriptor of a socket that is reset while it connects.
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

export function microsSince(startedMs: number): number {
  return Math.round((performance.now() - startedMs) * 1000);
}

/** More addresses than this are not tried within one check. */
const ADDRESSES_MAX = 4;

/** A lookup cannot be cancelled in either runtime: it goes on behind us, holding no descriptor of ours, and is ignored. */
function resolve(host: string, signal: AbortSignal): Promise<readonly string[] | Failure> {
  return new Promise((settle) => {
    const onAbort = () =>
      settle({ outcome: "local", reason: "local_resolver", value: 0, text: "no answer in time" });
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    lookup(host, { all: true, verbatim: true }, (error, found) => {
      signal.removeEventListener("abort", onAbort);
      if (error === null || error === undefined) settle(found.map((entry) => entry.address));
      else settle({ ...failureOfCode(codeOf(error) || "EAI_FAIL"), text: host });
    });
  });
}

interface Try {
  readonly address: string;
  readonly port: number;
  readonly shareMs: number;
}

/** A connected socket, or an error code; ETIMEDOUT when its share ran out or the signal fired. */
function connectOnce(attempt: Try, signal: AbortSignal): Promise<Socket | string> {
  if (signal.aborted) return Promise.resolve("ETIMEDOUT");
  return new Promise((settle) => {
    let socket: Socket;
    try {
      socket = connectSocket({ host: attempt.address, port: attempt.port });
    } catch (error) {
      return settle(codeOf(error));
    }
    const give = (end: Socket | string) => {
      signal.removeEventListener("abort", onTimeout);
      clearTimeout(timer);
      settle(end);
    };
    const onTimeout = () => {
      freeSocket(socket);
      give("ETIMEDOUT");
    };
    const timer = attempt.shareMs === Infinity
      ? undefined
      : setTimeout(onTimeout, Math.max(1, attempt.shareMs));
    signal.addEventListener("abort", onTimeout, { once: true });
    socket.once("connect", () => give(socket));
    // Stays: an error after the connection is made is told by whoever uses the socket, and must never be uncaught.
    socket.on("error", (error) => void connectCode(codeOf(error), attempt).then(give));
  });
}

function failureOfConnect(code: string, request: ConnectRequest): Failure {
  if (code === "ETIMEDOUT") {
    return { outcome: "fail", reason: "connect_timeout", value: Math.round(request.timeoutMs) };
  }
  return failureOfCode(code);
}
