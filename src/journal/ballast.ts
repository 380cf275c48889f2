/**
 * Disk space kept for bad days: a file of zeros that is given up when the disk is full, so that the journal can go on writing
 * while somebody makes room, and made again when there is plenty.
 */
import { closeSync, existsSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";

const BALLAST_BYTES = 8 << 20;
const CHUNK_BYTES = 1 << 20;
/** Not made unless this many times its size is free. */
const FREE_FACTOR = 4;

export class Ballast {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Makes the file unless it is there or space is short; false when it is not there afterwards. */
  ensure(folder: string): boolean {
    if (existsSync(this.#path)) return true;
    try {
      const { bavail, bsize } = statfsSync(folder);
      if (bavail * bsize < BALLAST_BYTES * FREE_FACTOR) return false;
      const file = openSync(this.#path, "wx", 0o600);
      try {
        const zeros = new Uint8Array(CHUNK_BYTES);
        for (let bytes = 0; bytes < BALLAST_BYTES; bytes += CHUNK_BYTES) writeSync(file, zeros);
      } finally {
        closeSync(file);
      }
      return true;
    } catch {
      this.free();
      return false;
    }
  }

  /** True when there was something to give up. */
  free(): boolean {
    if (!existsSync(this.#path)) return false;
    rmSync(this.#path, { force: true });
    return true;
  }
}
