/** Address literals to struct sockaddr_in and sockaddr_in6, from bytes and without garbage: once per connection. */
import { isIP } from "node:net";
import { Buffer } from "node:buffer";
import { AF_INET, AF_INET6, IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP } from "../../host/libc.ts";
import type { Libc, Memory } from "../../host/libc.ts";
import type { Place } from "../../model/raw_probe.ts";

export const SOCKET_ADDRESS_BYTES = 28;
const IPV4_BYTES = 16;

/** Whether writeSocketAddress() reads this host: an address without zone, and without IPv4 inside IPv6. */
export function isPlainAddress(host: string): boolean {
  const version = isIP(host);
  return version === 4 || (version === 6 && !/[.%]/.test(host));
}

/**
 * Bytes written into `into` for the literal at `place` of the ASCII text, which isPlainAddress() must accept. The family is
 * in the machine's order (little-endian wherever this runs), the rest in the network's (ip(7), ipv6(7)).
 */
export function writeSocketAddress(text: Uint8Array, place: Place, into: Uint8Array): number {
  const { hostFrom: from, hostTo: to, port } = place;
  into.fill(0, 0, SOCKET_ADDRESS_BYTES);
  into[2] = port >> 8;
  into[3] = port & 255;
  for (let at = from; at < to; at++) {
    if (text[at] === COLON) {
      into[0] = AF_INET6;
      writeIpv6(text, from, to, into);
      return SOCKET_ADDRESS_BYTES;
    }
  }
  into[0] = AF_INET;
  let byte = 0;
  let at4 = 4;
  for (let at = from; at < to; at++) {
    const code = text[at] as number;
    if (code === DOT) {
      into[at4++] = byte;
      byte = 0;
    } else byte = byte * 10 + code - ZERO;
  }
  into[at4] = byte;
  return IPV4_BYTES;
}

/** The address for people, from struct sockaddr_in or sockaddr_in6; "" when it is neither. */
export function formatSocketAddress(bytes: Uint8Array): string {
  if (bytes[0] === AF_INET) return bytes.subarray(4, 8).join(".");
  if (bytes[0] !== AF_INET6) return "";
  const groups = Array.from({ length: 8 }, (_, i) => {
    const at = IPV6_AT + 2 * i;
    return (((bytes[at] as number) << 8) | (bytes[at + 1] as number)).toString(16);
  });
  // The URL parser writes the one canonical form (RFC 5952).
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** The addresses that checks are sent from, each written once; for one thread. */
export class SourceAddresses {
  readonly #libc: Libc;
  readonly #scratch: Memory;
  readonly #one: Memory;
  readonly #known = new Map<string, Uint8Array>();

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#scratch = libc.allocate(SOCKET_ADDRESS_BYTES);
    this.#one = libc.allocate(4);
    this.#one.words[0] = 1;
  }

  /** SOCKET_ADDRESS_BYTES for a plain address, port 0; zeroes for "". */
  of(source: string): Uint8Array {
    let bytes = this.#known.get(source);
    if (bytes === undefined) {
      bytes = new Uint8Array(SOCKET_ADDRESS_BYTES);
      const text = Buffer.from(source);
      if (source !== "") writeSocketAddress(text, { hostFrom: 0, hostTo: text.length, port: 0 }, bytes);
      this.#known.set(source, bytes);
    }
    return bytes;
  }

  /** 0, or the errno: EADDRNOTAVAIL when this machine does not have the address. */
  bind(fd: number, source: string): number {
    const bytes = this.of(source);
    this.#scratch.bytes.set(bytes);
    const length = bytes[0] === AF_INET ? IPV4_BYTES : SOCKET_ADDRESS_BYTES;
    // The port is then chosen at connect(), per target, and does not run out (ip(7)).
    this.#libc.setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, this.#one.pointer, 4);
    return this.#libc.bind(fd, this.#scratch.pointer, length) < 0 ? this.#libc.errno() : 0;
  }
}

const COLON = 58;
const DOT = 46;
const ZERO = 48;
const IPV6_AT = 8;
const IPV6_END = 24;

/** RFC 4291 §2.2: groups of hexadecimal digits, at most one "::" for as many zero groups as are missing. */
function writeIpv6(text: Uint8Array, from: number, to: number, into: Uint8Array): void {
  let place = IPV6_AT;
  let gapAt = -1;
  let at = from;
  while (at < to) {
    if (text[at] === COLON) {
      if (at + 1 < to && text[at + 1] === COLON) {
        gapAt = place;
        at += 2;
      } else at++;
      continue;
    }
    let group = 0;
    while (at < to && text[at] !== COLON) group = group * 16 + hexDigit(text[at++] as number);
    into[place++] = group >> 8;
    into[place++] = group & 255;
  }
  if (gapAt < 0) return;
  const moved = place - gapAt;
  into.copyWithin(IPV6_END - moved, gapAt, place);
  into.fill(0, gapAt, IPV6_END - moved);
}

function hexDigit(code: number): number {
  return code <= 57 ? code - ZERO : (code | 32) - 87;
}
