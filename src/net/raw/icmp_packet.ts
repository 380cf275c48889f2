/**
 * Echo requests and what comes back, in bytes: ICMP (RFC 792) and ICMPv6 (RFC 4443). Pure; one write and one read per
 * echo, no garbage. A token in the payload says whose echo it is, so that an answer to another program's, a late one or a
 * forged one is told from ours:
 *
 *   type code checksum  identifier sequence | nonce  slot  check  index | filler
 *      1    1        2           2        2 |     4     4      4      4 |     40     bytes, 64 in all, as ping(8)
 */
export const ECHO_BYTES = 64;

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const UNREACHABLE = 3;
const TIME_EXCEEDED = 11;
const V6_UNREACHABLE = 1;
const V6_TIME_EXCEEDED = 3;
const V6_ECHO_REQUEST = 128;
const V6_ECHO_REPLY = 129;
const HEADER_BYTES = 8;
const TOKEN_BYTES = 16;
const IPV4_HEADER_LEAST = 20;
const IPV6_HEADER_BYTES = 40;

/** Types that are of use, for the kernel's filters. */
export const V4_TYPES: readonly number[] = [ECHO_REPLY, UNREACHABLE, TIME_EXCEEDED];
export const V6_TYPES: readonly number[] = [V6_ECHO_REPLY, V6_UNREACHABLE, V6_TIME_EXCEEDED];

export interface Echo {
  /** Of the socket; 0 where the kernel writes its own. */
  identifier: number;
  sequence: number;
  nonce: number;
  slot: number;
  check: number;
  index: number;
}

export function emptyEcho(): Echo {
  return { identifier: 0, sequence: 0, nonce: 0, slot: 0, check: 0, index: 0 };
}

/** ECHO_BYTES into `into`, whose filler is left as it is. The checksum of ICMPv6 is the kernel's work (RFC 3542 §3.1). */
export function writeEcho(into: Uint8Array, echo: Echo, family: 4 | 6): void {
  into[0] = family === 4 ? ECHO_REQUEST : V6_ECHO_REQUEST;
  into[1] = 0;
  into[2] = 0;
  into[3] = 0;
  write16(into, 4, echo.identifier);
  write16(into, 6, echo.sequence);
  write32(into, 8, echo.nonce);
  write32(into, 12, echo.slot);
  write32(into, 16, echo.check);
  write32(into, 20, echo.index);
  if (family === 4) write16(into, 2, checksum(into, 0, ECHO_BYTES));
}

/** "foreign": not for us, broken, or of no use. */
export type Answer = "reply" | "error" | "foreign";

/** What readAnswer() found. */
export interface Found {
  readonly echo: Echo;
  /** Of an error: as the network said it. */
  type: number;
  code: number;
  /** Of an error: the packet it quotes holds the whole token. Otherwise only identifier and sequence are known. */
  hasToken: boolean;
  /** Of an error: where in the bytes the quoted destination stands. */
  destinationAt: number;
}

export function emptyFound(): Found {
  return { echo: emptyEcho(), type: 0, code: 0, hasToken: false, destinationAt: 0 };
}

/** `hasIpHeader`: raw IPv4 sockets give it (raw(7)); then the kernel has not looked at the checksum yet. */
export function readAnswer(
  bytes: Uint8Array,
  { from, to, family, hasIpHeader }: {
    readonly from: number;
    readonly to: number;
    readonly family: 4 | 6;
    readonly hasIpHeader: boolean;
  },
  found: Found,
): Answer {
  let at = from;
  if (hasIpHeader) {
    at = afterIpv4(bytes, from, to);
    if (at < 0 || checksum(bytes, at, to) !== 0) return "foreign";
  }
  if (to - at < HEADER_BYTES) return "foreign";
  const type = bytes[at] as number;
  if (type === (family === 4 ? ECHO_REPLY : V6_ECHO_REPLY)) {
    if (bytes[at + 1] !== 0 || to - at !== ECHO_BYTES) return "foreign";
    return readEcho(bytes, at, to, found) && found.hasToken ? "reply" : "foreign";
  }
  const isError = family === 4
    ? type === UNREACHABLE || type === TIME_EXCEEDED
    : type === V6_UNREACHABLE || type === V6_TIME_EXCEEDED;
  if (!isError) return "foreign";
  found.type = type;
  found.code = bytes[at + 1] as number;
  const quoted = at + HEADER_BYTES;
  const inner = family === 4 ? afterIpv4(bytes, quoted, to) : afterIpv6(bytes, quoted, to);
  if (inner < 0 || to - inner < HEADER_BYTES) return "foreign";
  if (bytes[inner] !== (family === 4 ? ECHO_REQUEST : V6_ECHO_REQUEST)) return "foreign";
  found.destinationAt = quoted + (family === 4 ? 16 : 24);
  readEcho(bytes, inner, to, found);
  return "error";
}

/** From the ICMP header on; false when not even that is whole. */
export function readEcho(bytes: Uint8Array, at: number, to: number, found: Found): boolean {
  if (to - at < HEADER_BYTES) return false;
  const { echo } = found;
  echo.identifier = read16(bytes, at + 4);
  echo.sequence = read16(bytes, at + 6);
  found.hasToken = to - at >= HEADER_BYTES + TOKEN_BYTES;
  if (!found.hasToken) return true;
  echo.nonce = read32(bytes, at + 8);
  echo.slot = read32(bytes, at + 12);
  echo.check = read32(bytes, at + 16);
  echo.index = read32(bytes, at + 20);
  return true;
}

/** Where the payload of an IPv4 packet that carries ICMP begins; -1 when it is none. */
function afterIpv4(bytes: Uint8Array, at: number, to: number): number {
  const first = bytes[at] as number;
  const headerBytes = (first & 15) * 4;
  const PROTOCOL_ICMP = 1;
  if (to - at < IPV4_HEADER_LEAST || first >> 4 !== 4 || headerBytes < IPV4_HEADER_LEAST) return -1;
  return bytes[at + 9] === PROTOCOL_ICMP ? at + headerBytes : -1;
}

/** Extension headers do not occur: what is quoted is a packet that we sent. */
function afterIpv6(bytes: Uint8Array, at: number, to: number): number {
  const NEXT_ICMPV6 = 58;
  if (to - at < IPV6_HEADER_BYTES || (bytes[at] as number) >> 4 !== 6) return -1;
  return bytes[at + 6] === NEXT_ICMPV6 ? at + IPV6_HEADER_BYTES : -1;
}

/** RFC 1071: what makes the sum of a whole message 0. */
export function checksum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at + 1 < to; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  if ((to - from) % 2 === 1) sum += (bytes[to - 1] as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum ^ 0xffff;
}

function write16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value & 255;
}

function write32(into: Uint8Array, at: number, value: number): void {
  write16(into, at, value >>> 16);
  write16(into, at + 2, value & 0xffff);
}

function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function read32(bytes: Uint8Array, at: number): number {
  return ((read16(bytes, at) << 16) | read16(bytes, at + 2)) >>> 0;
}
