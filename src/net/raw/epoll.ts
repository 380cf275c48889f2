/** One epoll descriptor: numbers in, numbers out, no objects per event. Used by one thread. */
import { EINTR, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_DATA_WORD, EPOLL_EVENT_WORDS } from "../../host/libc.ts";
import { EPOLLET, EPOLLIN, type Libc, type Memory } from "../../host/libc.ts";

const EVENTS_MOST = 256;
/** The number under which the wake-up descriptor is registered; sockets have smaller ones. */
const WAKE = 0xffffffff;

export class Epoll {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #event: Memory;
  readonly #events: Memory;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#event = libc.allocate(EPOLL_EVENT_WORDS * 4);
    this.#events = libc.allocate(EPOLL_EVENT_WORDS * 4 * EVENTS_MOST);
    this.#fd = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw new Error(`Cannot open an epoll descriptor: errno ${libc.errno()}`);
  }

  /** 0, or the errno. Closing the descriptor takes it out again. */
  add(fd: number, events: number, number: number): number {
    const { words, pointer } = this.#event;
    words[0] = events;
    words[EPOLL_DATA_WORD] = number;
    return this.#libc.epoll_ctl(this.#fd, EPOLL_CTL_ADD, fd, pointer) < 0 ? this.#libc.errno() : 0;
  }

  /** Edges of this descriptor end a poll() and are not visited. */
  watchWake(fd: number): void {
    const errno = this.add(fd, (EPOLLIN | EPOLLET) >>> 0, WAKE);
    if (errno !== 0) throw new Error(`Cannot watch the wake-up descriptor: errno ${errno}`);
  }

  /**
   * Waits at most `waitMs` and visits what came. A visit may close descriptors: one number is in a batch at most once, so
   * no event of a closed one follows.
   */
  poll(waitMs: number, visit: (number: number, events: number) => void): void {
    const count = waitForEvents(this.#libc, { epoll: this.#fd, into: this.#events, waitMs });
    if (count < 0) {
      const errno = this.#libc.errno();
      // A signal, Bun's collector among them: as if nothing had come.
      if (errno === EINTR) return;
      throw new Error(`Cannot wait for events: errno ${errno}`);
    }
    const { words } = this.#events;
    for (let index = 0, at = 0; index < count; index++, at += EPOLL_EVENT_WORDS) {
      const number = words[at + EPOLL_DATA_WORD] as number;
      if (number !== WAKE) visit(number, words[at] as number);
    }
  }

  close(): void {
    this.#libc.close(this.#fd);
  }
}

/** Of its own, by this name: profiles take its time for idle (telemetry/cpu_samples.ts). */
function waitForEvents(
  libc: Libc,
  wait: { readonly epoll: number; readonly into: Memory; readonly waitMs: number },
): number {
  return libc.epoll_wait(wait.epoll, wait.into.pointer, EVENTS_MOST, wait.waitMs);
}
