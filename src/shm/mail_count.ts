/**
 * Tells threads that never return to their event loop that a message waits at their port: one shared word that counts up.
 * Written by the server thread after it has posted, read by any number of others with one load per look. What the message
 * is, and for whom, is not said: a looker that finds a new count asks its own port.
 */
import { createLayout } from "./layout.ts";

const LAYOUT = createLayout({ count: { type: "i32", length: 1 } });

/** Created once per process; the buffer goes to every thread in its boot message. */
export function createMailCount(): SharedArrayBuffer {
  return LAYOUT.allocate();
}

export class MailCount {
  readonly #word: Int32Array<SharedArrayBuffer>;
  #seen = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#word = LAYOUT.attach(buffer).count;
  }

  /** Any thread, after it has posted. */
  add(): void {
    Atomics.add(this.#word, 0, 1);
  }

  /** True once per change since this object's last look (the first look counts from zero). */
  changed(): boolean {
    const count = Atomics.load(this.#word, 0);
    if (count === this.#seen) return false;
    this.#seen = count;
    return true;
  }
}
