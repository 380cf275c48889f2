/**
 * Looks at the memory of the process every few seconds. Past the soft limit what can be collected is, and the log says so. Past
 * the hard one all workers are replaced, which gives back what they hold; if that does not help the process ends in order,
 * to be started again by its supervisor: better than being killed at a moment that somebody else chooses.
 */
import type { Logger } from "../base/log.ts";

export interface MemoryWatchOptions {
  /** null: none. */
  readonly softBytes: number | null;
  readonly hardBytes: number | null;
  /** Resident memory of the process. */
  readonly residentBytes: () => number;
  /** Stops this thread for some ten ms. */
  readonly collect: () => void;
  readonly renewWorkers: () => void;
  /** Ends the process in order. */
  readonly giveUp: () => void;
  readonly log: Logger;
}

export const LOOK_MS = 5000;
/** Looks from the replacement of the workers until the process is given up. */
const LOOKS_AFTER_RENEWAL = 6;
/** Below this part of a limit it is said to be over. */
const CALM = 0.9;
/** Looks between two collections while it stays above. */
const LOOKS_PER_COLLECTION = 12;

export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  #aboveSoft = 0;
  /** Looks since the workers were replaced; 0: they were not. */
  #renewed = 0;
  #gaveUp = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
  }

  /** Every LOOK_MS. */
  look(): void {
    const { softBytes, hardBytes, residentBytes, collect, log } = this.#options;
    let resident = residentBytes();
    if (softBytes !== null && resident > softBytes) {
      if (this.#aboveSoft++ % LOOKS_PER_COLLECTION === 0) {
        collect();
        const before = resident;
        resident = residentBytes();
        log.warn("Memory is past its soft limit: what could be collected was", {
          limit: megabytes(softBytes),
          before: megabytes(before),
          after: megabytes(resident),
        });
      }
    } else if (softBytes !== null && this.#aboveSoft > 0 && resident < softBytes * CALM) {
      this.#aboveSoft = 0;
      log.info("Memory is below its soft limit again", { now: megabytes(resident) });
    }
    if (hardBytes !== null) this.#lookAtHard(resident, hardBytes);
  }

  #lookAtHard(resident: number, hardBytes: number): void {
    const { log, renewWorkers, giveUp } = this.#options;
    const figures = { limit: megabytes(hardBytes), now: megabytes(resident) };
    if (resident <= hardBytes) {
      if (this.#renewed === 0 || resident >= hardBytes * CALM) return;
      this.#renewed = 0;
      log.info("Memory is below its hard limit again", figures);
    } else if (this.#renewed === 0) {
      this.#renewed = 1;
      log.error("Memory is past its hard limit: all workers are replaced", figures);
      renewWorkers();
    } else if (++this.#renewed > LOOKS_AFTER_RENEWAL && !this.#gaveUp) {
      this.#gaveUp = true;
      log.error("Memory is past its hard limit still: cpra ends, to be started again", figures);
      giveUp();
    }
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)}M`;
}
