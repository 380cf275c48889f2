/**
 * What a failed network call says about whom: the target (fail) or this box (local). DOWN needs evidence from the remote
 * side, so a code that is not in the table is taken as ours.
 * Codes are those of Node's `error.code`, which Deno and Bun share. What each runtime tells truly (measured):
 *
 * | fault                   | Deno 2.9                                  | Bun 1.4                                              |
 * |-------------------------|-------------------------------------------|------------------------------------------------------|
 * | no descriptor left      | EMFILE                                    | ECONNREFUSED; put right by host/connect_errno.ts     |
 * | no route                | ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL | ECONNREFUSED; put right by host/connect_errno.ts     |
 * | host silent on its link | EHOSTUNREACH after 1–3 s                  | ECONNREFUSED after 1–3 s: "refused", a fail all the same |
 * | name does not exist     | ENOTFOUND                                 | ENOTFOUND                                            |
 * | resolver not reached    | EAI_AGAIN                                 | EAI_AGAIN                                            |
 * | certificate expired     | "unable to verify"; told by its dates     | CERT_HAS_EXPIRED                                     |
 */
import { constants } from "node:os";
import type { Outcome, Reason } from "../model/outcome.ts";

export interface Failure {
  readonly outcome: Exclude<Outcome, "pass">;
  readonly reason: Reason;
  /** The number in the reason's text. */
  readonly value: number;
  /** More for people; never bytes of the peer unescaped, never a secret. */
  readonly text?: string;
}

export function failureOfCode(code: string): Failure {
  const reason = REASON_OF_CODE[code];
  if (reason === undefined) return { outcome: "local", reason: "local_fault", value: 0, text: code };
  if (!reason.startsWith("local_")) return { outcome: "fail", reason, value: 0 };
  return { outcome: "local", reason, value: errnoOf(code) };
}

/**
 * Of a call over a unix socket or HTTP that brought no answer. Such a socket belongs to the service that is asked, so a
 * missing one is evidence.
 */
export function failureOfCall(
  call: { readonly code: string; readonly cancelled: boolean },
  timeoutMs: number,
): Failure {
  const base = { outcome: "fail", value: 0 } as const;
  if (call.cancelled) return { ...base, reason: "response_timeout", value: Math.round(timeoutMs) };
  if (call.code === "") return { ...base, reason: "closed_early" };
  if (call.code === "ENOENT") return { ...base, reason: "no_socket" };
  if (call.code.startsWith("HPE_") || MALFORMED.includes(call.code)) return { ...base, reason: "protocol" };
  const tls = REASON_OF_TLS_CODE[call.code];
  return tls === undefined ? failureOfCode(call.code) : { ...base, reason: tls };
}

/** Our own word for it, and Bun's. */
const MALFORMED: readonly string[] = ["protocol", "Malformed_HTTP_Response"];

/** Codes of Node's TLS documentation, "X509 certificate error codes". */
const REASON_OF_TLS_CODE: Readonly<Record<string, Reason>> = {
  CERT_HAS_EXPIRED: "tls_expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls_hostname",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls_untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "tls_untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls_untrusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls_untrusted",
  CERT_NOT_YET_VALID: "tls_untrusted",
};

/** The code of anything thrown or emitted by node:net, node:tls or node:dns; "" when it has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

function errnoOf(code: string): number {
  return (constants.errno as Readonly<Record<string, number>>)[code] ?? 0;
}

const REASON_OF_CODE: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  // Linux gives it for a host that does not answer ARP or for which a router sent ICMP "host unreachable"; a local route of type
  // "unreachable" gives it too and is told apart by host/connect_errno.ts where the runtime can.
  EHOSTUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENOTFOUND: "name_not_found",
  ENODATA: "name_not_found",

  EMFILE: "local_descriptors",
  ENFILE: "local_descriptors",
  ENOBUFS: "local_buffers",
  ENOMEM: "local_buffers",
  EADDRNOTAVAIL: "local_buffers",
  EADDRINUSE: "local_buffers",
  EAGAIN: "local_buffers",
  ENETUNREACH: "local_route",
  ENETDOWN: "local_route",
  // Linux for a route of type "blackhole".
  EINVAL: "local_route",
  EAFNOSUPPORT: "local_route",
  EPERM: "local_permission",
  EACCES: "local_permission",
  EAI_AGAIN: "local_resolver",
  EAI_FAIL: "local_resolver",
  EAI_MEMORY: "local_resolver",
  EAI_SYSTEM: "local_resolver",
  ESERVFAIL: "local_resolver",
  EREFUSED: "local_resolver",
  ETIMEOUT: "local_resolver",
};
