/**
 * The directory of a process's state: who may use it, and what lies in it. Directory 0700, files 0600.
 *
 *   journal.db, -wal, -shm   the journal
 *   journal.db.damaged-…     journals that could not be read any more, the last three
 *   lock, owner              held by the process that uses the directory; its process number, for people
 *   ballast                  see ballast.ts
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { sqliteFault } from "./sqlite_fault.ts";

const DAMAGED_KEPT = 3;

export class StateLockedError extends Error {
  override readonly name = "StateLockedError";
}

export class StateFolder {
  readonly path: string;
  readonly journal: string;
  readonly ballast: string;
  #lock: DatabaseSync | undefined;

  constructor(path: string) {
    this.path = path;
    this.journal = join(path, "journal.db");
    this.ballast = join(path, "ballast");
  }

  /**
   * Makes the directory, and it this process's own until close(). Throws StateLockedError, or what the system throws.
   * The lock is SQLite's (a transaction that never ends): the kernel takes it back however the process ends.
   */
  claim(): void {
    if (this.#lock !== undefined) return;
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const path = join(this.path, "lock");
    touch(path);
    const lock = new DatabaseSync(path);
    try {
      lock.exec("PRAGMA busy_timeout = 0");
      lock.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      lock.close();
      if (sqliteFault(error) !== "locked") throw error;
      throw new StateLockedError(
        `Cannot use the state directory ${JSON.stringify(this.path)}: ${this.#owner()} uses it; ` +
          "stop that one, or give this one a directory of its own with --state DIR",
      );
    }
    this.#lock = lock;
    writeFileSync(join(this.path, "owner"), `${process.pid}\n`, { mode: 0o600 });
    // SQLite gives the files beside the database its mode.
    touch(this.journal);
  }

  /** Puts the journal's files aside, under a name with `stamp`. Returns the new name. */
  quarantine(stamp: string): string {
    const damaged = `${this.journal}.damaged-${stamp}`;
    renameSync(this.journal, damaged);
    for (const suffix of ["-wal", "-shm"]) {
      try {
        renameSync(this.journal + suffix, damaged + suffix);
      } catch {
        // There was none.
      }
    }
    touch(this.journal);
    this.#dropOldDamaged();
    return damaged;
  }

  release(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }

  #dropOldDamaged(): void {
    const stamps = readdirSync(this.path)
      .map((name) => /^journal\.db\.damaged-(\w+)$/.exec(name)?.[1])
      .filter((stamp) => stamp !== undefined)
      .sort();
    for (const stamp of stamps.slice(0, -DAMAGED_KEPT)) {
      for (const suffix of ["", "-wal", "-shm"]) {
        rmSync(`${this.journal}.damaged-${stamp}${suffix}`, { force: true });
      }
    }
  }

  #owner(): string {
    try {
      return `another cpra (process ${readFileSync(join(this.path, "owner"), "utf8").trim()})`;
    } catch {
      return "another cpra";
    }
  }
}

function touch(path: string): void {
  closeSync(openSync(path, "a", 0o600));
}
