/**
 * The engine's sleep between two ticks, ended early by any worker that has results. Written and read by all threads; a
 * wake at an awake engine costs one load, so workers call it after every result.
 */
import { Doorbell } from "./doorbell.ts";
import { createLayout } from "./layout.ts";

const LAYOUT = createLayout({ asleep: { type: "i32", length: 1 } });

/** Created once, by the engine; the buffer goes to every worker in its boot message. */
export function createEngineWake(): SharedArrayBuffer {
  return LAYOUT.allocate();
}

export class EngineWake {
  readonly #bell: Doorbell;

  constructor(buffer: SharedArrayBuffer) {
    this.#bell = new Doorbell(LAYOUT.attach(buffer).asleep);
  }

  /**
   * Engine only. Settles after `timeoutMs`, on a wake, or at once when `news` says that something came since the last
   * look: a result pushed between the last drain and the sleep is not missed.
   */
  sleep(timeoutMs: number, news: () => boolean): Promise<void> {
    return this.#bell.sleep(timeoutMs, news);
  }

  /** Any thread, after it has published what the engine shall see. */
  wake(): void {
    this.#bell.ring();
  }
}
