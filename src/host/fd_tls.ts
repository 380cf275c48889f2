// deno-lint-ignore-file camelcase -- fields of a certificate as Node names them
/**
 * TLS on a descriptor that is being connected, where the runtime can: Bun, with libc by FFI. About half the CPU of node:tls on
 * node:net (230 instead of 400 µs a handshake on an idle machine), and no error of this box can be mistaken for one of the
 * target: socket() and connect() are ours, and tell the kernel's errno.
 * Elsewhere undefined, and net/tls.ts does it.
 */
import { constants } from "node:os";
import {
  type Libc,
  type Memory,
  openLibc,
  SO_LINGER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./libc.ts";

export interface FdTlsOptions {
  /** struct sockaddr, and its length in it. */
  readonly address: Uint8Array;
  /** PEM of the only authorities to trust; undefined: those of the runtime. */
  readonly ca: string | undefined;
  /** For SNI and verification; undefined for an address, whose certificate the caller must then hold against it. */
  readonly serverName: string | undefined;
}

/** What becomes of it; exactly one of `failed` and `ended` comes last, unless it was freed before. */
export interface FdTlsEvents {
  /** `problem`: what is wrong with the certificate, a code of Node's; undefined = nothing. */
  secured(problem: string | undefined): void;
  data(chunk: Uint8Array): void;
  /** A code such as ECONNREFUSED; before `secured` of the connection or the handshake. */
  failed(code: string): void;
  /** The peer has ended it in good order. */
  ended(): void;
}

export interface FdTlsSocket {
  /** After `secured`. */
  write(bytes: Uint8Array): void;
  /** As node:tls gives it. */
  certificate(): { readonly valid_from: string; readonly valid_to: string };
  /** Whether the TCP connection came about: tells a silent host from a silent server. */
  isConnected(): boolean;
  /** Closes with a reset, at any time, more than once. */
  free(): void;
}

/** Undefined when it cannot be done here. */
export type FdTls = (options: FdTlsOptions, events: FdTlsEvents) => FdTlsSocket;

export function openFdTls(): Promise<FdTls | undefined> {
  return opened ??= open();
}

let opened: Promise<FdTls | undefined> | undefined;

/** The part of Bun's socket that is used (bun.sh/docs/api/tcp). */
interface BunSocket {
  write(bytes: Uint8Array): number;
  terminate(): void;
  getPeerCertificate(): { readonly valid_from: string; readonly valid_to: string };
}

interface BunHandlers {
  open(socket: BunSocket): void;
  handshake(socket: BunSocket, success: boolean, problem: unknown): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  error(socket: BunSocket, error: unknown): void;
  close(socket: BunSocket, error: unknown): void;
  connectError(socket: BunSocket, error: unknown): void;
}

type BunConnect = (options: {
  readonly fd: number;
  readonly tls: Readonly<Record<string, unknown>>;
  readonly socket: BunHandlers;
}) => Promise<unknown>;

const ALTNAME = "ERR_TLS_CERT_ALTNAME_INVALID";
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** include/net/tcp_states.h; the first byte of struct tcp_info is the state. */
const TCP_SYN_SENT = 2;
const ADDRESS_BYTES = 28;
const AF_INET6 = 10;

async function open(): Promise<FdTls | undefined> {
  const bun = (globalThis as { readonly Bun?: { readonly connect: BunConnect } }).Bun;
  const libc = await openLibc();
  if (bun === undefined || libc === undefined) return undefined;
  const memory = {
    address: libc.allocate(ADDRESS_BYTES),
    linger: libc.allocate(8),
    info: libc.allocate(256),
    length: libc.allocate(4),
  };
  // struct linger { on = 1, seconds = 0 }: close() resets (socket(7)).
  memory.linger.words[0] = 1;
  return (options, events) => new Connection({ libc, connect: bun.connect, memory }, options, events);
}

interface Means {
  readonly libc: Libc;
  readonly connect: BunConnect;
  readonly memory: Readonly<Record<"address" | "linger" | "info" | "length", Memory>>;
}

class Connection implements FdTlsSocket {
  readonly #means: Means;
  readonly #events: FdTlsEvents;
  readonly #fd: number;
  #socket: BunSocket | undefined;
  #unsent: Uint8Array | undefined;
  #isOver = false;
  #isSecured = false;

  constructor(means: Means, { address, ca, serverName }: FdTlsOptions, events: FdTlsEvents) {
    this.#means = means;
    this.#events = events;
    const { libc, memory } = means;
    memory.address.bytes.set(address);
    const family = address[0] as number;
    this.#fd = libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) {
      this.#failSoon(libc.errno());
      return;
    }
    libc.setsockopt(this.#fd, SOL_SOCKET, SO_LINGER, memory.linger.pointer, 8);
    const length = family === AF_INET6 ? ADDRESS_BYTES : 16;
    if (libc.connect(this.#fd, memory.address.pointer, length) < 0) {
      const errno = libc.errno();
      if (errno !== constants.errno.EINPROGRESS && errno !== constants.errno.EINTR) {
        libc.close(this.#fd);
        this.#failSoon(errno);
        return;
      }
    }
    // Verification is not left out: its result comes with the handshake, before anything is sent.
    const tls = {
      rejectUnauthorized: false,
      ...(ca === undefined ? {} : { ca }),
      ...(serverName === undefined ? {} : { serverName }),
    };
    means.connect({ fd: this.#fd, tls, socket: this.#handlers() }).catch((error) =>
      this.#fail(codeOf(error))
    );
  }

  write(bytes: Uint8Array): void {
    const sent = (this.#socket as BunSocket).write(bytes);
    this.#unsent = sent < bytes.length ? bytes.subarray(Math.max(0, sent)) : undefined;
  }

  certificate() {
    return (this.#socket as BunSocket).getPeerCertificate();
  }

  isConnected(): boolean {
    if (this.#isSecured) return true;
    if (this.#isOver) return false;
    const { libc, memory: { info, length } } = this.#means;
    length.words[0] = info.bytes.length;
    const told = libc.getsockopt(this.#fd, IPPROTO_TCP, TCP_INFO, info.pointer, length.pointer);
    return told === 0 && info.bytes[0] !== TCP_SYN_SENT;
  }

  free(): void {
    this.#isOver = true;
    this.#socket?.terminate();
  }

  #handlers(): BunHandlers {
    return {
      open: (socket) => {
        this.#socket = socket;
        if (this.#isOver) socket.terminate();
      },
      handshake: (_socket, success, problem) => {
        if (this.#isOver) return;
        const code = codeOf(problem);
        // A certificate that is not accepted is no failure here, but for its name.
        if (!success && code !== ALTNAME) return this.#fail(code === "" ? "EPROTO" : code);
        this.#isSecured = true;
        this.#events.secured(code === "" ? undefined : code);
      },
      data: (_socket, chunk) => {
        if (!this.#isOver) this.#events.data(chunk);
      },
      drain: () => {
        if (this.#unsent !== undefined && !this.#isOver) this.write(this.#unsent);
      },
      error: (_socket, error) => this.#fail(codeOf(error)),
      connectError: (_socket, error) => this.#fail(codeOf(error)),
      close: (_socket, error) => {
        const code = codeOf(error);
        if (code !== "") this.#fail(code);
        else if (!this.#isOver) {
          this.#isOver = true;
          this.#events.ended();
        }
      },
    };
  }

  /** Never before the constructor has returned. */
  #failSoon(errno: number): void {
    queueMicrotask(() => this.#fail(NAMES.get(errno) ?? `errno ${errno}`));
  }

  #fail(code: string): void {
    if (this.#isOver) return;
    this.free();
    this.#events.failed(code);
  }
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, errno]) => [errno, name]),
);

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
