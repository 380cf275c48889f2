/**
 * One datagram to a unix socket such as /dev/log, by libc: neither runtime has such sockets. It never waits: a receiver that is
 * behind (EAGAIN) is the caller's to try again.
 */
import { constants } from "node:os";
import {
  type Libc,
  type Memory,
  MSG_NOSIGNAL,
  openLibc,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
} from "../host/libc.ts";

const AF_UNIX = 1;
/** sun_path of struct sockaddr_un, with its final NUL. */
const PATH_BYTES_MAX = 108;
const FAMILY_BYTES = 2;
export const UNIX_DATAGRAM_BYTES_MAX = 16_384;

/** "" when the kernel has taken it, else an error code: "ENOENT"; "ENOSYS" where libc cannot be called. */
export async function sendUnixDatagram(path: string, bytes: Uint8Array): Promise<string> {
  const libc = await openLibc();
  if (libc === undefined) return "ENOSYS";
  const pathBytes = Buffer.from(path);
  if (pathBytes.length >= PATH_BYTES_MAX) return "ENAMETOOLONG";
  if (bytes.length > UNIX_DATAGRAM_BYTES_MAX) return "EMSGSIZE";
  // From here on nothing is awaited: the memory is shared by all sends of this thread.
  const { address, data } = memory ??= {
    // More than it needs: libc must see no smaller piece.
    address: libc.allocate(1024),
    data: libc.allocate(UNIX_DATAGRAM_BYTES_MAX),
  };
  address.bytes.fill(0);
  address.bytes[0] = AF_UNIX;
  address.bytes.set(pathBytes, FAMILY_BYTES);
  data.bytes.set(bytes);
  return sendOver(libc, {
    address,
    addressBytes: FAMILY_BYTES + pathBytes.length + 1,
    data,
    dataBytes: bytes.length,
  });
}

let memory: { readonly address: Memory; readonly data: Memory } | undefined;

interface Datagram {
  readonly address: Memory;
  readonly addressBytes: number;
  readonly data: Memory;
  readonly dataBytes: number;
}

function sendOver(libc: Libc, { address, addressBytes, data, dataBytes }: Datagram): string {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errorCode(libc);
  let code = "";
  if (libc.connect(fd, address.pointer, addressBytes) < 0) code = errorCode(libc);
  else if (libc.send(fd, data.pointer, dataBytes, MSG_NOSIGNAL) < 0) code = errorCode(libc);
  libc.close(fd);
  return code;
}

function errorCode(libc: Libc): string {
  const number = libc.errno();
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}
