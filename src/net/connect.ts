/**
 * Opens one TCP connection for a check: name, addresses in turn, and every socket freed when the signal fires.
 * Load: one per check, some thousand a second. Over node:net, so it runs where FFI does not. No pool, no keep-alive: a
 * check that reuses a connection does not check that one can be made. TLS on top of it is net/tls.ts.
 */
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connectCode } from "../host/connect_errno.ts";
import type { IpPreference } from "../base/ip_preference.ts";
import { codeOf, type Failure, failureOfCode } from "./failure.ts";
import { lookUpName } from "./names.ts";

export interface ConnectRequest {
  /** A name, or an IPv4 or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** When the attempt began (performance.now()) and how long it has, ms: for the phases and to share time among addresses. */
  readonly startedMs: number;
  readonly timeoutMs: number;
  /** Of a name's addresses; absent = as the settings say. */
  readonly prefer?: IpPreference | undefined;
  /** Address to connect from; "" or absent = the kernel's choice. */
  readonly source?: string;
  /** Path of a unix socket to connect to instead; "" or absent = none. */
  readonly unixSocket?: string;
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
  const path = request.unixSocket ?? "";
  let addresses: readonly string[] = [path === "" ? request.host : path];
  if (path === "" && isIP(request.host) === 0) {
    const found = await lookUpName(request.host, request.prefer, signal);
    if ("reason" in found) return { kind: "failed", failure: found, phases };
    addresses = found;
    phases.dnsUs = microsSince(request.startedMs);
  }
  let failure: Failure | undefined;
  for (let i = 0; i < addresses.length; i++) {
    const leftMs = request.timeoutMs - (performance.now() - request.startedMs);
    const end = await connectOnce({
      address: addresses[i] as string,
      port: path === "" ? request.port : UNIX,
      source: request.source ?? "",
      // An address that swallows packets must leave time for the next one; the last has all that is left.
      shareMs: i + 1 < addresses.length ? leftMs / (addresses.length - i) : Infinity,
    }, signal);
    if (typeof end !== "string") {
      phases.connectUs = microsSince(request.startedMs);
      return { kind: "connected", socket: end, phases };
    }
    // What one address said of the target stands, even if this box cannot reach the next one at all.
    if (failure?.outcome !== "fail") failure = failureOfConnect(end, request);
    if (signal.aborted) break;
  }
  return { kind: "failed", failure: failure as Failure, phases };
}

/** Closes so that nothing stays: no TIME_WAIT, no wait for a peer that does not read. Safe to call twice. */
export function freeSocket(socket: Socket): void {
  // Bun leaks the descriptor of a socket that is reset while it connects.
  if (socket.connecting || UNIX_SOCKETS.has(socket)) socket.destroy();
  else socket.resetAndDestroy();
}

export function microsSince(startedMs: number): number {
  return Math.round((performance.now() - startedMs) * 1000);
}

/** Instead of a port: the address is the path of a unix socket. */
const UNIX = -1;
/** They know no reset. */
const UNIX_SOCKETS = new WeakSet<Socket>();

interface Try {
  readonly address: string;
  readonly port: number;
  readonly source: string;
  readonly shareMs: number;
}

/** A connected socket, or an error code; ETIMEDOUT when its share ran out or the signal fired. */
function connectOnce(attempt: Try, signal: AbortSignal): Promise<Socket | string> {
  if (signal.aborted) return Promise.resolve("ETIMEDOUT");
  // Bun says "refused" then.
  const crossed = attempt.source !== "" && isIP(attempt.source) !== isIP(attempt.address);
  if (crossed) return Promise.resolve("EAFNOSUPPORT");
  return new Promise((settle) => {
    let socket: Socket;
    try {
      const from = attempt.source === "" ? {} : { localAddress: attempt.source };
      const isUnix = attempt.port === UNIX;
      socket = connectSocket(
        isUnix ? { path: attempt.address } : { host: attempt.address, port: attempt.port, ...from },
      );
      if (isUnix) UNIX_SOCKETS.add(socket);
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
  // Of a unix socket alone.
  if (code === "ENOENT") return { outcome: "fail", reason: "no_socket", value: 0 };
  const failure = failureOfCode(code);
  if (failure.outcome === "fail" || request.source === undefined || request.source === "") return failure;
  return { ...failure, text: `cannot send from ${request.source}` };
}
