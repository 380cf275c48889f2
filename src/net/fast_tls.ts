/**
 * One exchange over TLS the fast way (host/fd_tls.ts): addresses in turn, handshake, verdict on the certificate, then what is to
 * be said. Says the same of the same faults as net/connect.ts, net/tls.ts and net/talk.ts together.
 */
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { FdTls, FdTlsSocket } from "../host/fd_tls.ts";
import { type ConnectPhases, microsSince } from "./connect.ts";
import { codeOf, type Failure, failureOfCode } from "./failure.ts";
import { lookUpName } from "./names.ts";
import type { IpPreference } from "../base/ip_preference.ts";
import { SOCKET_ADDRESS_BYTES, writeSocketAddress } from "./raw/socket_address.ts";
import type { TalkEnd } from "./talk.ts";
import { failureOfCertificate, failureOfHandshake } from "./tls.ts";

export interface FastTlsRequest {
  readonly host: string;
  readonly port: number;
  /** The name the certificate must be for. */
  readonly serverName: string;
  readonly ca: string | undefined;
  readonly insecure: boolean;
  readonly startedMs: number;
  readonly timeoutMs: number;
  readonly prefer: IpPreference | undefined;
  readonly send: string;
  readonly take: (chunk: Uint8Array) => boolean;
  /** The certificate was accepted; asked for its end only when this is given. */
  readonly certificateEnds?: (endMs: number) => void;
}

export type FastTlsEnd =
  | { readonly kind: "talked"; readonly end: TalkEnd; readonly phases: ConnectPhases }
  | { readonly kind: "failed"; readonly failure: Failure; readonly phases: ConnectPhases }
  /** The signal fired before the handshake was over. */
  | { readonly kind: "aborted"; readonly phases: ConnectPhases };

/** Never rejects. When `signal` fires it settles at once, and holds nothing. */
export async function exchangeFast(
  fdTls: FdTls,
  request: FastTlsRequest,
  signal: AbortSignal,
): Promise<FastTlsEnd> {
  const phases: ConnectPhases = {};
  let addresses: readonly string[] = [request.host];
  if (isIP(request.host) === 0) {
    const found = await lookUpName(request.host, request.prefer, signal);
    if ("reason" in found) return { kind: "failed", failure: found, phases };
    addresses = found;
    phases.dnsUs = microsSince(request.startedMs);
  }
  let failure: Failure | undefined;
  for (const [i, address] of addresses.entries()) {
    const leftMs = request.timeoutMs - (performance.now() - request.startedMs);
    const shareMs = i + 1 < addresses.length ? leftMs / (addresses.length - i) : Infinity;
    const end = await new Exchange({ fdTls, request, phases, signal }, { address, shareMs }).ended;
    if (end.kind !== "unreached") return { ...end, phases };
    if (failure?.outcome !== "fail") failure = end.failure;
    if (signal.aborted) break;
  }
  return { kind: "failed", failure: failure as Failure, phases };
}

type End =
  | { readonly kind: "talked"; readonly end: TalkEnd }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "aborted" }
  /** No TCP connection: the next address may have one. */
  | { readonly kind: "unreached"; readonly failure: Failure };

interface Context {
  readonly fdTls: FdTls;
  readonly request: FastTlsRequest;
  readonly phases: ConnectPhases;
  readonly signal: AbortSignal;
}

/** With one address. */
class Exchange {
  readonly ended: Promise<End>;
  readonly #context: Context;
  readonly #socket: FdTlsSocket;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onAbort = (): void => this.#abort();
  #settle: (end: End) => void = () => {};
  #isSecured = false;

  constructor(
    context: Context,
    { address, shareMs }: { readonly address: string; readonly shareMs: number },
  ) {
    this.#context = context;
    const { fdTls, request: { port, serverName, ca }, signal } = context;
    this.ended = new Promise((settle) => this.#settle = settle);
    this.#socket = fdTls({
      address: socketAddress(address, port),
      ca,
      serverName: isIP(serverName) === 0 ? serverName : undefined,
    }, {
      secured: (problem) => this.#secured(problem),
      data: (chunk) => {
        if (this.#isSecured && context.request.take(chunk)) this.#talked({ kind: "enough" });
      },
      failed: (code) => this.#failed(code),
      ended: () => {
        if (this.#isSecured) this.#talked({ kind: "ended" });
        else this.#give({ kind: "failed", failure: CLOSED_EARLY });
      },
    });
    this.#timer = shareMs === Infinity ? undefined : setTimeout(() => {
      if (!this.#socket.isConnected()) this.#give({ kind: "unreached", failure: this.#timeout() });
    }, Math.max(1, shareMs));
    if (signal.aborted) this.#abort();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  #secured(problem: string | undefined): void {
    const { request, phases } = this.#context;
    if (!request.insecure) {
      const failure = this.#refusal(problem);
      if (failure !== undefined) return this.#give({ kind: "failed", failure });
    }
    phases.connectUs ??= microsSince(request.startedMs);
    this.#isSecured = true;
    if (request.certificateEnds !== undefined) {
      const endMs = Date.parse(this.#socket.certificate().valid_to);
      if (!Number.isNaN(endMs)) request.certificateEnds(endMs);
    }
    this.#socket.write(Buffer.from(request.send));
  }

  /** The runtime holds a name against the certificate, not an address. */
  #refusal(problem: string | undefined): Failure | undefined {
    const { serverName } = this.#context.request;
    const isAddress = isIP(serverName) !== 0;
    if (problem !== undefined && !(isAddress && problem === ALTNAME)) {
      return failureOfCertificate(problem, this.#socket.certificate());
    }
    if (!isAddress) return undefined;
    const certificate = this.#socket.certificate();
    const other = checkServerIdentity(serverName, certificate as PeerCertificate);
    return other === undefined ? undefined : failureOfCertificate(codeOf(other), certificate);
  }

  #failed(code: string): void {
    if (this.#isSecured) return this.#talked({ kind: "error", code });
    if (code === "ETIMEDOUT") return this.#give({ kind: "unreached", failure: this.#timeout() });
    const failure = failureOfCode(code);
    const isHandshake = failure.reason === "reset" || failure.reason === "local_fault";
    if (isHandshake) this.#give({ kind: "failed", failure: failureOfHandshake(code) });
    else this.#give({ kind: "unreached", failure });
  }

  #timeout(): Failure {
    return { outcome: "fail", reason: "connect_timeout", value: Math.round(this.#context.request.timeoutMs) };
  }

  #abort(): void {
    if (this.#isSecured) this.#talked({ kind: "aborted" });
    else if (this.#socket.isConnected()) this.#give({ kind: "aborted" });
    else this.#give({ kind: "unreached", failure: this.#timeout() });
  }

  #talked(end: TalkEnd): void {
    this.#give({ kind: "talked", end });
  }

  #give(end: End): void {
    clearTimeout(this.#timer);
    this.#context.signal.removeEventListener("abort", this.#onAbort);
    this.#socket.free();
    this.#settle(end);
  }
}

const ALTNAME = "ERR_TLS_CERT_ALTNAME_INVALID";
const CLOSED_EARLY: Failure = {
  outcome: "fail",
  reason: "closed_early",
  value: 0,
  text: "in the TLS handshake",
};

function socketAddress(address: string, port: number): Uint8Array {
  const text = Buffer.from(address);
  const into = new Uint8Array(SOCKET_ADDRESS_BYTES);
  writeSocketAddress(text, { hostFrom: 0, hostTo: text.length, port }, into);
  return into;
}
