// deno-lint-ignore-file camelcase -- functions as the manual spells them
/**
 * The C library by FFI, for the raw check engine: sockets, epoll, eventfd. One binding per thread, opened once; a call
 * costs 10–20 ns more than its system call. Only what Linux has; undefined elsewhere, and the portable engine is used.
 *
 * A pointer does not keep its buffer alive in either runtime, and buffers below about 1 KiB may move: so libc sees only
 * memory that came from allocate(), which lives as long as the thread.
 * Sizes and results are taken as 32 bit: no call here moves 2 GiB.
 */
import process from "node:process";
import { constants } from "node:os";
import { assert } from "../base/assert.ts";

/** An address as the runtime's FFI wants it. */
export type Pointer = { readonly brand: "pointer" };

/** Memory that libc may see: never freed, zeroed. */
export interface Memory {
  readonly pointer: Pointer;
  /** The pointer as a number, for structures that hold addresses: below 2^53 on every 64-bit Linux. */
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes. */
  readonly words: Uint32Array<ArrayBuffer>;
}

/** Results as in the manual's section 2: -1 and errno() on failure. errno() is that of the last call on this thread. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Pointer, bytes: number): number;
  connect(fd: number, address: Pointer, bytes: number): number;
  setsockopt(fd: number, level: number, option: number, value: Pointer, bytes: number): number;
  getsockopt(fd: number, level: number, option: number, value: Pointer, bytes: Pointer): number;
  send(fd: number, from: Pointer, bytes: number, flags: number): number;
  recv(fd: number, into: Pointer, bytes: number, flags: number): number;
  sendto(fd: number, from: Pointer, bytes: number, flags: number, to: Pointer, toBytes: number): number;
  /** Messages received into an array of struct mmsghdr; never waits here, so without a timeout. */
  recvmmsg(fd: number, messages: Pointer, most: number, flags: number, timeout: Pointer | null): number;
  clock_gettime(clock: number, into: Pointer): number;
  close(fd: number): number;
  write(fd: number, from: Pointer, bytes: number): number;
  eventfd(value: number, flags: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Pointer): number;
  epoll_wait(epoll: number, events: Pointer, most: number, timeoutMs: number): number;
  errno(): number;
  allocate(bytes: number): Memory;
}

/** The binding of this thread; undefined where there is no FFI, no such library or no epoll. Never rejects. */
export function openLibc(): Promise<Libc | undefined> {
  return opened ??= open().catch(() => undefined);
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SO_LINGER = 13;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_TIMESTAMPNS = 35;
export const SO_MEMINFO = 55;
export const IPPROTO_IP = 0;
export const IP_RECVERR = 11;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IPPROTO_ICMP = 1;
export const IPPROTO_IPV6 = 41;
export const IPV6_RECVERR = 25;
export const IPPROTO_ICMPV6 = 58;
export const ICMPV6_FILTER = 1;
export const SOL_RAW = 255;
export const ICMP_FILTER = 1;
export const CLOCK_REALTIME = 0;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const EFD_NONBLOCK_CLOEXEC = 0o2004000;
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 0x80000000;
export const {
  EAGAIN,
  EACCES,
  ECONNRESET,
  EINTR,
  EMFILE,
  EPERM,
  EPROTONOSUPPORT,
  EINPROGRESS,
  EHOSTUNREACH,
  ENETUNREACH,
  ETIMEDOUT,
} = constants.errno;

/** struct epoll_event in 32-bit words: packed on x86-64 only (epoll_ctl(2), sys/epoll.h). */
const EPOLL_EVENT = epollEventLayout(process.arch);
export const EPOLL_EVENT_WORDS = EPOLL_EVENT.words;
export const EPOLL_DATA_WORD = EPOLL_EVENT.dataWord;

export function epollEventLayout(arch: string): { readonly words: number; readonly dataWord: number } {
  return arch === "x64" ? { words: 3, dataWord: 1 } : { words: 4, dataWord: 2 };
}

/** Names of the C library, glibc's first, then musl's. */
export function libcNames(arch: string): readonly string[] {
  return ["libc.so.6", `libc.musl-${ARCHITECTURES[arch]}.so.1`, "libc.so"];
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
/** Buffers below this may live in a runtime's collected heap. */
const LEAST_BYTES = 1024;

let opened: Promise<Libc | undefined> | undefined;

const I = "i32";
const U = "u32";
const P = "pointer";
const SIGNATURES = {
  socket: [I, I, I],
  bind: [I, P, U],
  connect: [I, P, U],
  setsockopt: [I, I, I, P, U],
  getsockopt: [I, I, I, P, P],
  send: [I, P, U, I],
  recv: [I, P, U, I],
  sendto: [I, P, U, I, P, U],
  recvmmsg: [I, P, U, I, P],
  clock_gettime: [I, P],
  close: [I],
  write: [I, P, U],
  eventfd: [U, I],
  epoll_create1: [I],
  epoll_ctl: [I, I, I, P],
  epoll_wait: [I, P, I, I],
} as const;

/** What a runtime's FFI gives: the functions, where errno is, and a buffer's address, as a pointer and as a number. */
interface Binding {
  readonly symbols: Omit<Libc, "errno" | "allocate">;
  readonly errno: () => number;
  readonly addressOf: (bytes: Uint8Array<ArrayBuffer>) => Pick<Memory, "pointer" | "address">;
}

async function open(): Promise<Libc | undefined> {
  if (process.platform !== "linux" || !(process.arch in ARCHITECTURES)) return undefined;
  for (const name of libcNames(process.arch)) {
    try {
      return toLibc(typeof Deno === "undefined" ? await bindByBun(name) : bindByDeno(name));
    } catch {
      // Not this library: the next one.
    }
  }
  return undefined;
}

function toLibc({ symbols, errno, addressOf }: Binding): Libc {
  const kept: Memory[] = [];
  return {
    ...symbols,
    errno,
    allocate(bytes) {
      assert(bytes > 0 && bytes % 4 === 0, `${bytes} bytes of memory for libc`);
      const whole = new Uint8Array(Math.max(LEAST_BYTES, bytes));
      const memory = {
        ...addressOf(whole),
        bytes: whole,
        words: new Uint32Array(whole.buffer, 0, whole.length >> 2),
      };
      kept.push(memory);
      return memory;
    },
  };
}

async function bindByBun(library: string): Promise<Binding> {
  // Not a literal, so that Deno's type checker does not look for a module that only Bun has.
  const name = "bun:ffi";
  const ffi = await import(name) as {
    dlopen(
      library: string,
      symbols: Record<string, { args: readonly string[]; returns: string }>,
    ): { symbols: unknown };
    ptr(bytes: Uint8Array): unknown;
    read: { i32(pointer: unknown, offset: number): number };
  };
  const declared = Object.entries(SIGNATURES).map(([symbol, args]) =>
    [symbol, { args: args.map((arg) => arg === P ? "ptr" : arg), returns: "i32" }] as const
  );
  const { symbols } = ffi.dlopen(library, {
    ...Object.fromEntries(declared),
    __errno_location: { args: [], returns: "ptr" },
  });
  const functions = symbols as Binding["symbols"] & { __errno_location(): unknown };
  // The location is the thread's own, and a worker never changes its thread.
  const location = functions.__errno_location();
  return {
    symbols: functions,
    errno: () => ffi.read.i32(location, 0),
    // A pointer is a number in Bun.
    addressOf: (bytes) => ({ pointer: ffi.ptr(bytes) as Pointer, address: Number(ffi.ptr(bytes)) }),
  };
}

function bindByDeno(library: string): Binding {
  const declared = Object.entries(SIGNATURES).map(([symbol, args]) =>
    [symbol, { parameters: [...args], result: "i32" }] as const
  );
  const { symbols } = Deno.dlopen(library, {
    ...Object.fromEntries(declared),
    __errno_location: { parameters: [], result: "pointer" },
  } as Deno.ForeignLibraryInterface);
  const functions = symbols as unknown as Binding["symbols"] & { __errno_location(): Deno.PointerObject };
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(functions.__errno_location(), 4));
  return {
    symbols: functions,
    errno: () => errno[0] as number,
    addressOf: (bytes) => {
      const pointer = Deno.UnsafePointer.of(bytes);
      return { pointer: pointer as unknown as Pointer, address: Number(Deno.UnsafePointer.value(pointer)) };
    },
  };
}
