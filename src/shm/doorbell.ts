/**
 * How one thread sleeps on its event loop until another has news for it, without polling. One sleeper, any number of
 * ringers, over one shared word. Up to some tens of thousands of rings a second; a ring at an awake sleeper is one load.
 *
 *   sleeper: word = ASLEEP → look for news once more → waitAsync(word)
 *   ringer:  publish the news → read word → if ASLEEP: word = AWAKE, notify
 *
 * Both orders are sequentially consistent, so one of the two always sees the other: no news is slept through.
 * It does not say what the news is, and a sleeper may wake without any: it must look.
 */
import { assert } from "../base/assert.ts";

const AWAKE = 0;
const ASLEEP = 1;

export class Doorbell {
  readonly #word: Int32Array<SharedArrayBuffer>;
  readonly #notify: () => void;

  /** `notify`: how a ringer wakes a sleeper that sleeps elsewhere, between lieDown() and rise(); absent = by Atomics. */
  constructor(word: Int32Array<SharedArrayBuffer>, notify?: () => void) {
    this.#word = word;
    this.#notify = notify ?? (() => void Atomics.notify(word, 0));
  }

  /**
   * Sleeper only, one sleep at a time. Settles on a ring, after `timeoutMs`, or at once when `news` says that there is
   * something to do already; it is asked after the flag is up, so that nothing falls between.
   */
  async sleep(timeoutMs: number, news: () => boolean): Promise<void> {
    assert(Atomics.exchange(this.#word, 0, ASLEEP) === AWAKE, "doorbell: two sleeps at a time");
    if (!news()) {
      const waiting = Atomics.waitAsync(this.#word, 0, ASLEEP, timeoutMs);
      if (waiting.async) await waiting.value;
    }
    Atomics.store(this.#word, 0, AWAKE);
  }

  /**
   * Sleeper only, for a sleep in the kernel: true = nobody has news, ringers notify from now on. Otherwise it stays awake.
   * rise() ends it.
   */
  lieDown(news: () => boolean): boolean {
    assert(Atomics.exchange(this.#word, 0, ASLEEP) === AWAKE, "doorbell: two sleeps at a time");
    if (!news()) return true;
    this.rise();
    return false;
  }

  /** Sleeper only: ringers need not notify any more. */
  rise(): void {
    Atomics.store(this.#word, 0, AWAKE);
  }

  /** Any thread, the sleeper's own included. */
  ring(): void {
    if (Atomics.load(this.#word, 0) === AWAKE) return;
    // Of several ringers exactly one notifies; a sleeper that is just about to wait finds the word changed.
    if (Atomics.compareExchange(this.#word, 0, ASLEEP, AWAKE) === ASLEEP) this.#notify();
  }
}
