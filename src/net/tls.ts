/**
 * TLS on a connected socket, for checks: the certificate is verified against the system's or a given authority and against the
 * host's name, and what was wrong with it is told apart. Nothing is sent before the verdict.
 * About 300 µs of CPU a handshake; no session is resumed, since a check is to see the full one.
 */
import type { Socket } from "node:net";
import { isIP } from "node:net";
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { freeSocket } from "./connect.ts";
import { codeOf, type Failure } from "./failure.ts";

export interface TlsOptions {
  /** The name or address the certificate must be for. */
  readonly host: string;
  readonly context: SecureContext;
  /** True: every certificate will do. */
  readonly insecure: boolean;
  /** Protocols offered (RFC 7301); absent: HTTP/1.1. */
  readonly alpn?: readonly string[];
}

export type Secured =
  | { readonly kind: "secured"; readonly socket: TLSSocket }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "aborted" };

export const TLS_VERSIONS = ["1.2", "1.3"] as const;
export type TlsVersion = typeof TLS_VERSIONS[number];

export interface TlsContextOptions {
  /** PEM of the client's certificate and its key, both or none. */
  readonly cert?: string;
  readonly key?: string;
  readonly minVersion?: TlsVersion;
}

/** `ca`: PEM of the only authorities to trust; undefined: those of the runtime. Throws on a PEM that holds no certificate. */
export function createTlsContext(ca: string | undefined, options: TlsContextOptions = {}): SecureContext {
  const { cert, key, minVersion } = options;
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(minVersion === undefined ? {} : { minVersion: `TLSv${minVersion}` as const }),
  });
}

/** When the certificate that the peer has shown ends to be valid, ms since 1970; undefined when it cannot be told. 60 µs. */
export function certificateEndMs(socket: TLSSocket): number | undefined {
  const endMs = Date.parse(socket.getPeerCertificate().valid_to);
  return Number.isNaN(endMs) ? undefined : endMs;
}

/** Never rejects. Unless it is secured, both sockets are freed. */
export function startTls(below: Socket, options: TlsOptions, signal: AbortSignal): Promise<Secured> {
  if (signal.aborted) {
    freeSocket(below);
    return Promise.resolve({ kind: "aborted" });
  }
  return new Promise((settle) => {
    // Verification is not left out: the runtimes do it and say the result in `authorized`, with the certificate at hand
    // to tell expired from untrusted, which Deno's error alone does not.
    const socket = connect({
      socket: below,
      host: options.host,
      servername: isIP(options.host) === 0 ? options.host : "",
      secureContext: options.context,
      ALPNProtocols: [...options.alpn ?? ["http/1.1"]],
      rejectUnauthorized: false,
    });
    const give = (end: Secured) => {
      signal.removeEventListener("abort", onAbort);
      below.removeListener("close", onClose);
      if (end.kind !== "secured") freeTls(socket, below);
      settle(end);
    };
    const onAbort = () => give({ kind: "aborted" });
    const onClose = () => give(failed("closed_early", "in the TLS handshake"));
    signal.addEventListener("abort", onAbort, { once: true });
    below.once("close", onClose);
    socket.once("secureConnect", () => {
      if (options.insecure || socket.authorized) give({ kind: "secured", socket });
      else {give({
          kind: "failed",
          failure: failureOfCertificate(problemOf(socket), socket.getPeerCertificate()),
        });}
    });
    // Stays, so that no later error is uncaught.
    socket.on(
      "error",
      (error) => give({ kind: "failed", failure: failureOfHandshake(codeOf(error)) }),
    );
  });
}

/** The lower one first: the upper one would end it in good order, and leave it in TIME_WAIT or waiting for the peer. */
export function freeTls(socket: Socket, below: Socket): void {
  freeSocket(below);
  socket.destroy();
}

function failed(reason: Failure["reason"], text: string): Secured {
  return { kind: "failed", failure: { outcome: "fail", reason, value: 0, text } };
}

/** Typed as Error by Node's types; both runtimes give a code's text or an Error. */
function problemOf(socket: TLSSocket): string {
  const problem: unknown = socket.authorizationError;
  return problem instanceof Error ? codeOf(problem) : String(problem);
}

/** What went wrong before there was a certificate to judge. */
export function failureOfHandshake(code: string): Failure {
  if (code === "ECONNRESET" || code === "EPIPE") {
    return { outcome: "fail", reason: "reset", value: 0, text: "in the TLS handshake" };
  }
  return { outcome: "fail", reason: "tls_failed", value: 0, text: code };
}

/** `code`: of Node's TLS documentation, "X509 certificate error codes". */
export function failureOfCertificate(
  code: string,
  certificate: { readonly valid_from: string; readonly valid_to: string },
): Failure {
  const notBefore = Date.parse(certificate.valid_from);
  const notAfter = Date.parse(certificate.valid_to);
  const nowMs = Date.now();
  const base = { outcome: "fail", value: 0 } as const;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return { ...base, reason: "tls_hostname" };
  if (code === "CERT_HAS_EXPIRED" || notAfter < nowMs) {
    return { ...base, reason: "tls_expired", text: `valid until ${certificate.valid_to}` };
  }
  if (code === "CERT_NOT_YET_VALID" || notBefore > nowMs) {
    return { ...base, reason: "tls_untrusted", text: `not valid before ${certificate.valid_from}` };
  }
  return { ...base, reason: "tls_untrusted", text: code };
}
