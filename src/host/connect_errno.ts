/**
 * Why a connect() of node:net really failed. Bun 1.4 says ECONNREFUSED when no descriptor is left and when there is no
 * route; taken at its word, a fault of this box would be a red alert for the fleet. Deno says those truly, but neither
 * tells EHOSTUNREACH of a local route from that of a silent host.
 * The kernel is asked again in a way that puts nothing on the wire: connect() on a datagram socket looks up the route and
 * sends nothing (udp(7)). Only after a failure, about 30 µs. Where libc cannot be called the code stays as told.
 */
import { isIP } from "node:net";
import { constants } from "node:os";
import { AF_INET, AF_INET6, type Libc, type Memory, openLibc, SOCK_CLOEXEC, SOCK_DGRAM } from "./libc.ts";

export interface Peer {
  /** IPv4 or IPv6; a zone ("%eth0") is not understood, and the code then stays as told. */
  readonly address: string;
  readonly port: number;
}

/** The code to believe: `code` itself, or that of the local fault behind it. Never rejects. */
export async function connectCode(code: string, peer: Peer): Promise<string> {
  if (!ASKED_AGAIN.has(code)) return code;
  const opened = await asker;
  const address = socketAddress(peer);
  if (opened === undefined || address === undefined) return code;
  // No route is the same to the reader, whether the kernel says it of a network or of a host.
  return LOCAL_NAMES.get(routeErrno(opened, address)) ?? code;
}

const IPV4_ADDRESS_BYTES = 16;
const IPV6_ADDRESS_BYTES = 28;
const ASKED_AGAIN: ReadonlySet<string> = new Set(["ECONNREFUSED", "EHOSTUNREACH"]);

const LOCAL_NAMES: ReadonlyMap<number, string> = new Map([
  [constants.errno.EMFILE, "EMFILE"],
  [constants.errno.ENFILE, "ENFILE"],
  [constants.errno.ENOBUFS, "ENOBUFS"],
  [constants.errno.ENOMEM, "ENOMEM"],
  [constants.errno.ENETUNREACH, "ENETUNREACH"],
  [constants.errno.EHOSTUNREACH, "ENETUNREACH"],
  [constants.errno.ENETDOWN, "ENETUNREACH"],
  [constants.errno.EADDRNOTAVAIL, "EADDRNOTAVAIL"],
  [constants.errno.EACCES, "EACCES"],
  [constants.errno.EPERM, "EPERM"],
]);

interface Asker {
  readonly libc: Libc;
  /** For one address at a time. */
  readonly address: Memory;
}

/** Opened with the module, since without a free descriptor it no longer can be; undefined where it cannot be at all. */
const asker: Promise<Asker | undefined> = openLibc().then((libc) =>
  libc && { libc, address: libc.allocate(IPV6_ADDRESS_BYTES) }
);

/** 0 when the kernel would send to it. */
function routeErrno({ libc, address }: Asker, peer: Uint8Array): number {
  address.bytes.set(peer);
  const fd = libc.socket(peer[0] as number, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return libc.errno();
  const errno = libc.connect(fd, address.pointer, peer.length) === 0 ? 0 : libc.errno();
  libc.close(fd);
  return errno;
}

/** struct sockaddr_in or sockaddr_in6: the family in the machine's order (little-endian on every target), the rest in the network's. */
function socketAddress(peer: Peer): Uint8Array<ArrayBuffer> | undefined {
  const isV4 = isIP(peer.address) === 4;
  const bytes = new Uint8Array(isV4 ? IPV4_ADDRESS_BYTES : IPV6_ADDRESS_BYTES);
  bytes[0] = isV4 ? AF_INET : AF_INET6;
  bytes[2] = peer.port >> 8;
  bytes[3] = peer.port & 255;
  if (isV4) {
    bytes.set(peer.address.split(".").map(Number), 4);
    return bytes;
  }
  if (!URL.canParse(`http://[${peer.address}]/`)) return undefined;
  // The URL parser writes an address in its one canonical form, hexadecimal groups with at most one "::" (WHATWG URL).
  const [head = "", tail = ""] = new URL(`http://[${peer.address}]/`).hostname.slice(1, -1).split("::");
  const groupsBefore = head.split(":").filter((group) => group !== "");
  const groupsAfter = tail.split(":").filter((group) => group !== "");
  const write = (group: string, index: number) => {
    const value = parseInt(group, 16);
    bytes[8 + index * 2] = value >> 8;
    bytes[9 + index * 2] = value & 255;
  };
  groupsBefore.forEach(write);
  groupsAfter.forEach((group, index) => write(group, 8 - groupsAfter.length + index));
  return bytes;
}
