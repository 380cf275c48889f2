/**
 * What a check, a remedy or a delivery came to. Closed sets as tables; indices travel through rings and columns, so rows
 * are only ever appended. A check's text is rendered from (reason, value): no string crosses a ring.
 */
export const OUTCOMES = [
  /** The check proved the target healthy. */
  "pass",
  /** Evidence from the remote side that the target is not healthy: counts towards the threshold. */
  "fail",
  /** A failure that may be ours (descriptors, routes, resolver, our own lag or bug): never counts. */
  "local",
] as const;
export type Outcome = typeof OUTCOMES[number];
export const PASS = 0;
export const FAIL = 1;
export const LOCAL = 2;
/** Instead of an outcome in a result: the raw engine cannot finish this check, the hosted one is to run it. */
export const HANDED_OVER = 255;

/** reason → text; `%` stands for the value that travels with it. */
export const REASONS = {
  none: "ok",
  refused: "connection refused",
  reset: "connection reset by peer",
  unreachable: "host unreachable",
  connect_timeout: "no connection within % ms",
  response_timeout: "no complete answer within % ms",
  closed_early: "connection closed before the answer was complete",
  protocol: "malformed answer",
  status: "unexpected status %",
  header_mismatch: "header assertion failed",
  body_mismatch: "body assertion failed",
  json_mismatch: "JSON assertion failed",
  body_too_large: "answer larger than % bytes",
  too_slow: "answered after % ms, over the limit",
  redirect_limit: "more than % redirects",
  redirect_invalid: "redirect to an unusable location",
  expect_mismatch: "unexpected answer",
  tls_untrusted: "certificate not trusted",
  tls_expired: "certificate expired",
  tls_hostname: "certificate does not match the host name",
  tls_failed: "TLS handshake failed",
  name_not_found: "name does not exist",
  exit_code: "exit code %",
  killed: "killed by signal %",
  script_timeout: "script still running after % ms",
  spawn_failed: "cannot start: errno %",
  // Ours, never the target's.
  local_descriptors: "no file descriptor left (errno %)",
  local_buffers: "no buffer or port left (errno %)",
  local_route: "no local route (errno %)",
  local_permission: "not permitted here (errno %)",
  local_resolver: "resolver failed",
  local_fault: "fault in the check itself",
  worker_lost: "check thread lost",
  // The target's again.
  no_socket: "no such socket",
  missing: "does not exist",
  state: "not in the wanted state",
  members: "only % of its monitors up",
  reported: "failure reported, exit code %",
  unfinished: "begun % s ago and not finished",
  silent: "no signal for % s",
  dns_answer: "unexpected DNS answer",
  tls_expires: "certificate valid for % days only",
  proxy_refused: "proxy answered %",
  local_proxy: "proxy failed",
  // Of a passed check whose value is the day since 1970 on which the certificate it was shown ends.
  certificate: "ok",
  // Of services that are asked in their own protocol.
  login_refused: "login refused",
  not_serving: "answers that it does not serve",
  tls_not_offered: "TLS not offered",
  packet_loss: "% percent of the echoes lost",
  ttl_exceeded: "time to live exceeded on the way",
} as const;
export type Reason = keyof typeof REASONS;
export const REASON_NAMES = Object.keys(REASONS) as readonly Reason[];
const REASON_INDEX: ReadonlyMap<Reason, number> = new Map(REASON_NAMES.map((name, index) => [name, index]));

/** 0..255, the form a reason takes in columns and rings. */
export function reasonIndex(reason: Reason): number {
  return REASON_INDEX.get(reason) as number;
}

export function reasonAt(index: number): Reason {
  return REASON_NAMES[index] ?? "local_fault";
}

export function reasonText(reason: Reason, value: number): string {
  return REASONS[reason].replace("%", String(value));
}
