/**
 * Who may read. A loopback address answers everyone who can reach it, and that is this machine; any other address asks for
 * the token, always, also from this machine, because a proxy in front would make all its visitors local.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { formatListenAddress, isLoopback, type ListenAddress } from "./listen_address.ts";

/** Why this address must not be listened on, or undefined. */
export function refuseListen(address: ListenAddress, token: string | undefined): string | undefined {
  if (isLoopback(address.hostname) || (token !== undefined && token !== "")) return undefined;
  return `Cannot listen on ${
    formatListenAddress(address)
  }: the address can be reached from outside and no token is set. ` +
    "Set a token, or listen on a loopback address such as localhost.";
}

export interface AccessRequest {
  readonly address: ListenAddress;
  readonly token: string | undefined;
  readonly authorization: string | undefined;
  readonly host: string | undefined;
}

export type Access =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly status: 401 | 421; readonly message: string };

const ALLOWED: Access = { allowed: true };

export function checkAccess({ address, token, authorization, host }: AccessRequest): Access {
  if (isLoopback(address.hostname)) {
    // A web page must not read from here by pointing its own name at 127.0.0.1 (DNS rebinding).
    if (host === undefined || isLoopback(hostWithoutPort(host))) return ALLOWED;
    const message =
      "Cannot answer under this host name: a loopback address is asked for as localhost, 127.0.0.1 or [::1]";
    return { allowed: false, status: 421, message };
  }
  if (token !== undefined && hasToken(authorization, token)) return ALLOWED;
  const found = authorization === undefined ? "none was given" : "the given one is not valid";
  return { allowed: false, status: 401, message: `A token is needed (Authorization: Bearer …): ${found}` };
}

/** Whether an Authorization header carries the token. */
export function hasToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  return given !== undefined && equalInConstantTime(given, token);
}

/** Compares digests: equal lengths, so that not even the token's length shows in the time it takes. */
function equalInConstantTime(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function hostWithoutPort(host: string): string {
  return host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1");
}
