/**
 * Datagrams to a Unix socket by libc, which neither runtime's own API sends: the service manager's (sd_notify(3)). Never waits:
 * a datagram that finds no room is left out, and the next one tells the same or more.
 */
import { assert } from "../base/assert.ts";
import { type Libc, MSG_NOSIGNAL, openLibc, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "./libc.ts";

const AF_UNIX = 1;
/** sun_path of struct sockaddr_un, unix(7). */
const PATH_BYTES_MAX = 108;
const DATAGRAM_BYTES_MAX = 4096;
const CLOCK_MONOTONIC = 1;

export interface NotifySocket {
  /** False when it was not taken. */
  send(text: string): boolean;
  /** CLOCK_MONOTONIC, µs. */
  monotonicUs(): bigint;
  close(): void;
}

/** `address`: a path, or "@" and an abstract name. Undefined without libc, or when it is no such address. */
export async function openNotifySocket(address: string): Promise<NotifySocket | undefined> {
  const libc = await openLibc();
  const name = new TextEncoder().encode(address);
  if (libc === undefined || !/^[/@]./.test(address) || name.length > PATH_BYTES_MAX) return undefined;
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  return socketOf(libc, fd, name);
}

function socketOf(libc: Libc, fd: number, name: Uint8Array): NotifySocket {
  const to = libc.allocate(4 + PATH_BYTES_MAX);
  new DataView(to.bytes.buffer).setUint16(0, AF_UNIX, true);
  to.bytes.set(name, 2);
  if (name[0] === "@".charCodeAt(0)) to.bytes[2] = 0;
  const datagram = libc.allocate(DATAGRAM_BYTES_MAX);
  const time = libc.allocate(16);
  return {
    send(text) {
      const { written, read } = new TextEncoder().encodeInto(text, datagram.bytes);
      assert(read === text.length, "a notification fits into its datagram");
      return libc.sendto(fd, datagram.pointer, written, MSG_NOSIGNAL, to.pointer, 2 + name.length) ===
        written;
    },
    monotonicUs() {
      libc.clock_gettime(CLOCK_MONOTONIC, time.pointer);
      const view = new DataView(time.bytes.buffer);
      return view.getBigInt64(0, true) * 1_000_000n + view.getBigInt64(8, true) / 1000n;
    },
    close: () => void libc.close(fd),
  };
}
