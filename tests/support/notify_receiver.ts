/** The service manager's end of NOTIFY_SOCKET, by libc: what came, as text. */
import assert from "node:assert/strict";
import { openLibc, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../../src/host/libc.ts";

export interface NotifyReceiver extends Disposable {
  /** The oldest datagram that was not taken yet; undefined: none is there. */
  next(): string | undefined;
}

const AF_UNIX = 1;

/** `address` as in NOTIFY_SOCKET. */
export async function openNotifyReceiver(address: string): Promise<NotifyReceiver> {
  const libc = await openLibc();
  assert.ok(libc !== undefined, "this test needs libc by FFI");
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const at = libc.allocate(112);
  new DataView(at.bytes.buffer).setUint16(0, AF_UNIX, true);
  const { written } = new TextEncoder().encodeInto(address, at.bytes.subarray(2));
  if (address.startsWith("@")) at.bytes[2] = 0;
  assert.equal(libc.bind(fd, at.pointer, 2 + written), 0, `bind: errno ${libc.errno()}`);
  const into = libc.allocate(8192);
  return {
    next() {
      const bytes = libc.recv(fd, into.pointer, 8192, 0);
      return bytes < 0 ? undefined : new TextDecoder().decode(into.bytes.slice(0, bytes));
    },
    [Symbol.dispose]: () => void libc.close(fd),
  };
}
