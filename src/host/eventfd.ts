/**
 * A descriptor that one thread writes to end another's epoll_wait (eventfd(2)). Same process, so the number is all the
 * other thread needs; it watches for edges and never reads.
 */
import { assert } from "../base/assert.ts";
import { EFD_NONBLOCK_CLOEXEC, type Libc, openLibc } from "./libc.ts";

export interface EventFd {
  readonly fd: number;
  ring(): void;
  close(): void;
}

export const NO_RAW_ENGINE =
  "Checks run on the runtime's sockets: the C library cannot be called here, so the raw engine is off";

/** How this thread makes them, undefined where libc cannot be called: then nothing sleeps in epoll either. */
export async function openWakes(): Promise<(() => EventFd) | undefined> {
  const libc = await openLibc();
  return libc === undefined ? undefined : () => createEventFd(libc);
}

/** Throws when no descriptor is left. */
function createEventFd(libc: Libc): EventFd {
  const fd = libc.eventfd(0, EFD_NONBLOCK_CLOEXEC);
  if (fd < 0) throw new Error(`Cannot open an event descriptor: errno ${libc.errno()}`);
  const one = libc.allocate(8);
  one.words[0] = 1;
  let open = true;
  return {
    fd,
    ring() {
      // EAGAIN, the only failure there is, means 2^64 - 2 rings that nobody read: an edge all the same.
      if (open) libc.write(fd, one.pointer, 8);
    },
    close() {
      assert(open, "event descriptor closed twice");
      open = false;
      libc.close(fd);
    },
  };
}
