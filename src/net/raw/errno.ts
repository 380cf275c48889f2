/** The kernel's errno as a failure: net/failure.ts's table, looked up by number. */
import { constants } from "node:os";
import { AF_INET, EHOSTUNREACH, ENETUNREACH, type Libc, SOCK_CLOEXEC, SOCK_DGRAM } from "../../host/libc.ts";
import type { Pointer } from "../../host/libc.ts";
import { type Failure, failureOfCode } from "../failure.ts";

/** ENETUNREACH's failure is "no local route", EHOSTUNREACH's "host unreachable": see localErrno(). */
export function failureOfErrno(errno: number): Failure {
  let failure = FAILURES.get(errno);
  if (failure === undefined) {
    failure = failureOfCode(NAMES.get(errno) ?? `errno ${errno}`);
    FAILURES.set(errno, failure);
  }
  return failure;
}

/**
 * EHOSTUNREACH is told of a silent host as of a local route of type "unreachable". A datagram socket's connect() looks up
 * the route and sends nothing (udp(7)): when that fails too, it is ours.
 */
export function localErrno(
  libc: Libc,
  errno: number,
  address: { readonly pointer: Pointer; readonly bytes: Uint8Array; readonly length: number },
): number {
  if (errno !== EHOSTUNREACH) return errno;
  const fd = libc.socket(address.bytes[0] ?? AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const refused = libc.connect(fd, address.pointer, address.length) < 0 && libc.errno() === EHOSTUNREACH;
  libc.close(fd);
  return refused ? ENETUNREACH : errno;
}

const FAILURES = new Map<number, Failure>();
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, errno]) => [errno, name]),
);
