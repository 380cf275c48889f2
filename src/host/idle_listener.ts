/**
 * A TCP port that listens and never accepts: what a process looks like from outside when it is stopped or its backlog is
 * full. For the mock targets' fault "unaccepted". node:net always accepts, so each runtime needs its own way to a bare
 * listening socket: Deno.listen accepts only when asked to, Bun has none and calls libc.
 * Linux only: other kernels count the backlog differently and may answer a full queue with a reset.
 */
import { connect, type Socket } from "node:net";

export interface IdleListener {
  readonly port: number;
  close(): void;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * Listens with a backlog of 0, which on Linux holds one connection (net/core/sock.c, sk_acceptq_is_full), and takes that
 * one place itself: every later SYN is dropped, so a client hangs in connect() until its own deadline.
 * `port` 0 lets the kernel choose. Throws when the port is taken or the platform cannot do it.
 */
export async function openIdleListener(place: Place): Promise<IdleListener> {
  const bare = typeof Deno === "undefined" ? await listenByLibc(place) : listenByDeno(place);
  try {
    const filler = await fill({ host: place.host, port: bare.port });
    return {
      port: bare.port,
      close() {
        filler.destroy();
        bare.close();
      },
    };
  } catch (error) {
    bare.close();
    throw error;
  }
}

function fill(place: Place): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(place.port, place.host);
    socket.once("connect", () => {
      // Closing the listener resets this connection; that is no news.
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

function listenByDeno(place: Place): IdleListener {
  const options = { hostname: place.host, port: place.port, transport: "tcp", tcpBacklog: 0 } as const;
  const listener = Deno.listen(options);
  return { port: listener.addr.port, close: () => listener.close() };
}

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  close(fd: number): number;
}

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SOCKADDR_IN_BYTES = 16;

async function listenByLibc(place: Place): Promise<IdleListener> {
  const libc = await openLibc();
  const fd = libc.socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
  const address = socketAddress(place);
  const one = new Uint8Array([1, 0, 0, 0]);
  const length = new Uint8Array([SOCKADDR_IN_BYTES, 0, 0, 0]);
  const done = fd >= 0 &&
    libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, one.length) === 0 &&
    libc.bind(fd, address, address.length) === 0 &&
    libc.listen(fd, 0) === 0 &&
    libc.getsockname(fd, address, length) === 0;
  if (!done) {
    if (fd >= 0) libc.close(fd);
    throw new Error(
      `Cannot listen on ${place.host}:${place.port}: the address is taken or not of this machine`,
    );
  }
  return { port: ((address[2] as number) << 8) | (address[3] as number), close: () => void libc.close(fd) };
}

/** struct sockaddr_in: family (host order, little-endian here), port and address in network order, 8 bytes of padding. */
function socketAddress(place: Place): Uint8Array {
  const address = new Uint8Array(SOCKADDR_IN_BYTES);
  address[0] = AF_INET;
  address[2] = place.port >> 8;
  address[3] = place.port & 255;
  address.set(place.host.split(".").map(Number), 4);
  return address;
}

async function openLibc(): Promise<Libc> {
  if (process.platform !== "linux") {
    throw new Error(`Cannot leave connections unaccepted on ${process.platform}: Linux only`);
  }
  // Not a literal, so that Deno's type checker does not look for a module that only Bun has.
  const name = "bun:ffi";
  const ffi = await import(name) as {
    dlopen(
      library: string,
      symbols: Record<string, { args: string[]; returns: string }>,
    ): { symbols: unknown };
  };
  const int = "i32";
  const library = ffi.dlopen("libc.so.6", {
    socket: { args: [int, int, int], returns: int },
    setsockopt: { args: [int, int, int, "ptr", int], returns: int },
    bind: { args: [int, "ptr", int], returns: int },
    listen: { args: [int, int], returns: int },
    getsockname: { args: [int, "ptr", "ptr"], returns: int },
    close: { args: [int], returns: int },
  });
  return library.symbols as Libc;
}
