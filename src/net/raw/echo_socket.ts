/**
 * One socket for echo requests of one address family: a ping socket where net.ipv4.ping_group_range permits (icmp(7)), else
 * a raw one (raw(7), CAP_NET_RAW). Answers are read many at a time with the kernel's own time of arrival, so that a thread that
 * was busy does not add to a round trip. Used by one thread.
 *
 *                   ping socket                            raw socket
 *   identifier      the kernel's, answers are sorted by it  ours, every ICMP packet of the machine comes by
 *   IPv4 answers    without IP header, checksum verified    with IP header, checksum ours to verify
 *   ICMP errors     on the error queue                      among the answers
 */
import * as c from "../../host/libc.ts";
import type { Libc, Memory } from "../../host/libc.ts";
import { ECHO_BYTES, V4_TYPES, V6_TYPES } from "./icmp_packet.ts";
import { SOCKET_ADDRESS_BYTES, type SourceAddresses } from "./socket_address.ts";

export interface EchoSocketOptions {
  readonly libc: Libc;
  readonly family: 4 | 6;
  readonly source: string;
  readonly sources: SourceAddresses;
  readonly unprivileged: boolean;
  /** For a raw socket. */
  readonly identifier: number;
}

/** Its memory is shared by all sockets of a thread. */
export class Batch {
  readonly bytes: Uint8Array;
  readonly #headers: Memory;
  readonly #control: Memory;
  readonly #controlView: DataView;
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
    const data = libc.allocate(MESSAGES * MESSAGE_BYTES);
    const vectors = libc.allocate(MESSAGES * L.vectorWords * 4);
    this.#headers = libc.allocate(MESSAGES * L.headerWords * 4);
    this.#control = libc.allocate(MESSAGES * CONTROL_BYTES);
    this.#controlView = new DataView(this.#control.bytes.buffer, this.#control.bytes.byteOffset);
    this.bytes = data.bytes;
    for (let i = 0; i < MESSAGES; i++) {
      // struct iovec { base, bytes } and the pointers of struct msghdr: alike in glibc and musl on 64-bit machines.
      writePointer(vectors.words, i * L.vectorWords, data.address + i * MESSAGE_BYTES);
      vectors.words[i * L.vectorWords + 2] = MESSAGE_BYTES;
      const header = i * L.headerWords;
      writePointer(this.#headers.words, header + L.vectorsWord, vectors.address + i * L.vectorWords * 4);
      this.#headers.words[header + L.vectorCountWord] = 1;
      writePointer(this.#headers.words, header + L.controlWord, this.#control.address + i * CONTROL_BYTES);
    }
  }

  /** How many messages came; below 0: errno() has why. */
  receive(fd: number, flags: number): number {
    const { words, pointer } = this.#headers;
    for (let header = 0; header < MESSAGES * L.headerWords; header += L.headerWords) {
      words[header + L.controlBytesWord] = CONTROL_BYTES;
      words[header + L.flagsWord] = 0;
    }
    return this.#libc.recvmmsg(fd, pointer, MESSAGES, flags | c.MSG_DONTWAIT, null);
  }

  from(index: number): number {
    return index * MESSAGE_BYTES;
  }

  to(index: number): number {
    const bytes = this.#headers.words[index * L.headerWords + L.bytesWord] as number;
    return index * MESSAGE_BYTES + Math.min(bytes, MESSAGE_BYTES);
  }

  /** When the kernel got it, µs since 1970 (SO_TIMESTAMPNS, socket(7)); 0 = not told. */
  arrivedUs(index: number): number {
    const at = this.#controlAt(index, c.SOL_SOCKET, c.SO_TIMESTAMPNS);
    if (at < 0) return 0;
    const view = this.#controlView;
    const seconds = view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32;
    return seconds * 1e6 + Math.floor(view.getUint32(at + 8, true) / 1000);
  }

  /** Where in `control` struct sock_extended_err (ip(7)) lies; below 0: there is none. */
  extendedErrorAt(index: number, family: 4 | 6): number {
    return family === 4
      ? this.#controlAt(index, c.IPPROTO_IP, c.IP_RECVERR)
      : this.#controlAt(index, c.IPPROTO_IPV6, c.IPV6_RECVERR);
  }

  get control(): Uint8Array {
    return this.#control.bytes;
  }

  /** Data of the control message (cmsg(3)) of this level and type. */
  #controlAt(index: number, level: number, type: number): number {
    const view = this.#controlView;
    const begin = index * CONTROL_BYTES;
    const used = this.#headers.words[index * L.headerWords + L.controlBytesWord] as number;
    const end = begin + Math.min(used, CONTROL_BYTES);
    for (let at = begin; at + L.controlHeaderBytes <= end;) {
      const bytes = view.getUint32(at, true);
      if (bytes < L.controlHeaderBytes) return -1;
      if (view.getInt32(at + 8, true) === level && view.getInt32(at + 12, true) === type) {
        return at + L.controlHeaderBytes;
      }
      at += (bytes + 7) & ~7;
    }
    return -1;
  }
}

/** Messages read at once. */
const MESSAGES = 64;
/** Enough of an ICMP error for our packet in it: two IP headers with options, two ICMP headers, the token. */
const MESSAGE_BYTES = 256;
const CONTROL_BYTES = 128;
/**
 * struct mmsghdr { struct msghdr { name, nameBytes, vectors, vectorCount, control, controlBytes, flags }, bytes }, in words of 32
 * bits; struct iovec; struct cmsghdr; struct sock_extended_err and what else is read by place. Alike on all 64-bit machines.
 */
export const MESSAGE_LAYOUT = {
  headerWords: 16,
  vectorsWord: 4,
  vectorCountWord: 6,
  controlWord: 8,
  controlBytesWord: 10,
  flagsWord: 12,
  bytesWord: 14,
  vectorWords: 4,
  controlHeaderBytes: 16,
  extendedErrorBytes: 16,
  extendedOrigin: 4,
  extendedType: 5,
  extendedCode: 6,
  timespecBytes: 16,
  addressBytes: 28,
  drops: 8,
} as const;
const L = MESSAGE_LAYOUT;

/** Best effort: some thousand answers wait here while the thread is busy. */
const BUFFER_BYTES = 8 * 1024 * 1024;

export class EchoSocket {
  readonly fd: number;
  readonly family: 4 | 6;
  readonly raw: boolean;
  readonly identifier: number;
  readonly #libc: Libc;
  readonly #packet: Memory;
  readonly #address: Memory;
  readonly #info: Memory;
  readonly #infoBytes: Memory;
  #recentDrops = -1;

  /** The socket, or the errno. */
  static open(options: EchoSocketOptions): EchoSocket | number {
    const { libc, family, unprivileged } = options;
    const domain = family === 4 ? c.AF_INET : c.AF_INET6;
    const protocol = family === 4 ? c.IPPROTO_ICMP : c.IPPROTO_ICMPV6;
    const flags = c.SOCK_NONBLOCK | c.SOCK_CLOEXEC;
    let raw = false;
    let fd = libc.socket(domain, c.SOCK_DGRAM | flags, protocol);
    if (fd < 0 && !unprivileged && isRefusal(libc.errno())) {
      raw = true;
      fd = libc.socket(domain, c.SOCK_RAW | flags, protocol);
    }
    if (fd < 0) return libc.errno();
    const errno = options.source === "" ? 0 : options.sources.bind(fd, options.source);
    if (errno === 0) return new EchoSocket(options, fd, raw);
    libc.close(fd);
    return errno;
  }

  private constructor(options: EchoSocketOptions, fd: number, raw: boolean) {
    const { libc, family } = options;
    this.#libc = libc;
    this.fd = fd;
    this.family = family;
    this.raw = raw;
    this.identifier = raw ? options.identifier : 0;
    this.#packet = libc.allocate(ECHO_BYTES);
    for (let i = 24; i < ECHO_BYTES; i++) this.#packet.bytes[i] = i;
    this.#address = libc.allocate(SOCKET_ADDRESS_BYTES);
    this.#info = libc.allocate(INFO_WORDS * 4);
    this.#infoBytes = libc.allocate(4);
    this.#set(c.SOL_SOCKET, c.SO_TIMESTAMPNS, 1);
    // The first works for root without the sysctl's limit, the second for everybody up to it.
    if (!this.#set(c.SOL_SOCKET, c.SO_RCVBUFFORCE, BUFFER_BYTES)) {
      this.#set(c.SOL_SOCKET, c.SO_RCVBUF, BUFFER_BYTES);
    }
    if (!this.#set(c.SOL_SOCKET, c.SO_SNDBUFFORCE, BUFFER_BYTES)) {
      this.#set(c.SOL_SOCKET, c.SO_SNDBUF, BUFFER_BYTES);
    }
    if (raw) this.#filter();
    else if (family === 4) this.#set(c.IPPROTO_IP, c.IP_RECVERR, 1);
    else this.#set(c.IPPROTO_IPV6, c.IPV6_RECVERR, 1);
  }

  /** What send() sends, and where to. */
  get packet(): Uint8Array {
    return this.#packet.bytes;
  }
  get address(): Memory {
    return this.#address;
  }

  /** 0, or the errno of this packet: an error of an earlier one, which the kernel tells at the next call, is passed over. */
  send(addressBytes: number): number {
    const { pointer } = this.#packet;
    for (let tries = 0; tries < 3; tries++) {
      const sent = this.#libc.sendto(this.fd, pointer, ECHO_BYTES, 0, this.#address.pointer, addressBytes);
      if (sent >= 0) return 0;
      const errno = this.#libc.errno();
      if (errno !== c.EINTR && (this.raw || tries > 0)) return errno;
    }
    return c.EINTR;
  }

  /** Takes the pending error, so that epoll does not tell it again. */
  clearError(): void {
    this.#infoBytes.words[0] = 4;
    const { pointer } = this.#info;
    this.#libc.getsockopt(this.fd, c.SOL_SOCKET, c.SO_ERROR, pointer, this.#infoBytes.pointer);
  }

  /** As drops(), asked once between two calls of forgetDrops(). */
  get recentDrops(): number {
    if (this.#recentDrops < 0) this.#recentDrops = this.drops();
    return this.#recentDrops;
  }

  forgetDrops(): void {
    this.#recentDrops = -1;
  }

  /** Packets that the kernel threw away because this socket's buffer was full, since it was opened. */
  drops(): number {
    this.#info.words.fill(0, 0, INFO_WORDS);
    this.#infoBytes.words[0] = INFO_WORDS * 4;
    this.#libc.getsockopt(
      this.fd,
      c.SOL_SOCKET,
      c.SO_MEMINFO,
      this.#info.pointer,
      this.#infoBytes.pointer,
    );
    return this.#info.words[L.drops] as number;
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #set(level: number, option: number, value: number): boolean {
    this.#info.words[0] = value;
    return this.#libc.setsockopt(this.fd, level, option, this.#info.pointer, 4) === 0;
  }

  /** Only what is of use comes by: a bit that is set keeps a type out (icmp(7); RFC 3542 §3.2). */
  #filter(): void {
    const { words, pointer } = this.#info;
    if (this.family === 4) {
      this.#set(c.SOL_RAW, c.ICMP_FILTER, ~V4_TYPES.reduce((bits, type) => bits | (1 << type), 0) >>> 0);
      return;
    }
    const FILTER_WORDS = 8;
    words.fill(0xffffffff, 0, FILTER_WORDS);
    for (const type of V6_TYPES) words[type >> 5] = (words[type >> 5] as number) & ~(1 << (type & 31));
    this.#libc.setsockopt(this.fd, c.IPPROTO_ICMPV6, c.ICMPV6_FILTER, pointer, FILTER_WORDS * 4);
  }
}

const INFO_WORDS = 16;

/** Ping sockets are not permitted, or this kernel has none. */
function isRefusal(errno: number): boolean {
  return errno === c.EACCES || errno === c.EPERM || errno === c.EPROTONOSUPPORT;
}

function writePointer(words: Uint32Array, at: number, address: number): void {
  words[at] = address >>> 0;
  words[at + 1] = Math.floor(address / 2 ** 32);
}
