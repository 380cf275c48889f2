/**
 * The journal thread: takes batches, stores all that have come in one transaction, says how far it got. The only thread of
 * cpra that waits for a disk. What cannot be stored is kept and tried again every second; the engine bounds how much that is.
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { JournalRecord } from "../model/journal_record.ts";
import { Ballast } from "./ballast.ts";
import type { FromJournal, ToJournal } from "./messages.ts";
import { salvageStanding } from "./reader.ts";
import { NewerSchemaError } from "./schema.ts";
import { sqliteFault } from "./sqlite_fault.ts";
import { StateFolder, StateLockedError } from "./state_folder.ts";
import { type RetentionLimits, Store } from "./store.ts";

export interface JournalScope {
  onmessage: ((event: MessageEvent<ToJournal>) => void) | null;
  postMessage(message: FromJournal): void;
}

/** Longest wait of what nothing waits for, so that it shares a commit. */
const GROUP_MS = 10;
const RETRY_MS = 1000;
/** A batch that fails this often for no reason that passes would stand in the way for ever. */
const TRIES_MAX = 5;
const PRUNE_EVERY_MS = 60_000;
const PRUNE_PAUSE_MS = 50;

export function startJournalThread(scope: JournalScope): void {
  let journal: JournalThread | undefined;
  scope.onmessage = ({ data }) => {
    if (data.type === "open") {
      journal = new JournalThread({
        ...data,
        post: (message) => scope.postMessage(message),
        host: SYSTEM_HOST,
      });
      journal.start();
    } else journal?.take(data);
  };
}

type Work = Exclude<ToJournal, { readonly type: "open" | "close" }>;

/** What it needs of its surroundings: time and a file, both parameters, so that a simulation can be either. */
export interface JournalHost {
  wallMs(): number;
  monoMs(): number;
  after(ms: number, act: () => void): JournalTimer;
  /** Once what has come already is taken. */
  soon(act: () => void): void;
  openStore(path: string, nowMs: number): JournalStore;
}

export interface JournalTimer {
  cancel(): void;
}

export type JournalStore = Pick<Store, "commit" | "replace" | "restore" | "prune" | "close">;

export const SYSTEM_HOST: JournalHost = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (act) => void setImmediate(act),
  openStore: (path, nowMs) => new Store(path, nowMs),
};

export interface JournalThreadOptions {
  readonly folder: string;
  readonly retention: RetentionLimits;
  readonly post: (message: FromJournal) => void;
  readonly host: JournalHost;
}

export class JournalThread {
  readonly #options: JournalThreadOptions;
  readonly #folder: StateFolder;
  readonly #ballast: Ballast;
  #store: JournalStore | undefined;
  #waiting: Work[] = [];
  #failing = false;
  #tries = 0;
  #opened = false;
  #closing = false;
  #flushSoon = false;
  /** Of the last work that was stored. */
  #number = 0;
  #timer: JournalTimer | undefined;
  #pruneTimer: JournalTimer | undefined;

  constructor(options: JournalThreadOptions) {
    this.#options = options;
    this.#folder = new StateFolder(options.folder);
    this.#ballast = new Ballast(this.#folder.ballast);
  }

  start(): void {
    try {
      this.#folder.claim();
      this.#openStore();
    } catch (error) {
      if (error instanceof StateLockedError) {
        return this.#options.post({ type: "locked", error: error.message });
      }
      if (this.#makeRoom(error)) return this.start();
      return this.#fail(error);
    }
    this.#pruneTimer = this.#options.host.after(PRUNE_EVERY_MS, () => this.#prune());
  }

  take(message: Exclude<ToJournal, { readonly type: "open" }>): void {
    if (message.type === "close") {
      this.#closing = true;
      return this.#flush();
    }
    this.#waiting.push(message);
    if (this.#failing) return;
    if (message.type === "replace" || message.urgent) this.#flushNow();
    else this.#timer ??= this.#options.host.after(GROUP_MS, () => this.#flush());
  }

  /** After whatever came with it: what arrives while a commit runs is stored by the next one, together. */
  #flushNow(): void {
    if (this.#flushSoon) return;
    this.#flushSoon = true;
    this.#options.host.soon(() => this.#flush());
  }

  #flush(): void {
    this.#flushSoon = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    const recovering = this.#failing;
    if (this.#store !== undefined || this.#reopen()) {
      const began = this.#options.host.monoMs();
      const some = this.#waiting.length > 0;
      const number = this.#waiting.at(-1)?.number ?? this.#number;
      if (this.#write() && (some || recovering)) this.#succeed(number, this.#options.host.monoMs() - began);
    }
    if (this.#closing) this.#close();
  }

  /** True when nothing is left to write. */
  #write(): boolean {
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0] as Work;
      const last = this.#waiting.findIndex((work) => work.type === "replace");
      const work = this.#waiting.slice(0, last < 0 ? undefined : Math.max(1, last));
      try {
        if (first.type === "replace") this.#store?.replace(first.standing, this.#options.host.wallMs());
        else this.#store?.commit(recordsOf(work));
      } catch (error) {
        if (!this.#makeRoom(error)) {
          this.#fail(error);
          if (sqliteFault(error) === "other") this.#giveUpSometimes(error);
          return false;
        }
        continue;
      }
      this.#tries = 0;
      this.#waiting = this.#waiting.slice(work.length);
    }
    return true;
  }

  #giveUpSometimes(error: unknown): void {
    const number = this.#waiting.at(-1)?.number;
    if (++this.#tries < TRIES_MAX || number === undefined) return;
    this.#tries = 0;
    this.#waiting = [];
    this.#options.post({ type: "dropped", number, error: textOf(error) });
  }

  /** Gives up the ballast when the disk is full; true when it is worth trying again at once. */
  #makeRoom(error: unknown): boolean {
    if (sqliteFault(error) !== "full" || !this.#ballast.free()) return false;
    const message = "The disk is full: the ballast was given up to go on writing; make room";
    this.#options.post({ type: "note", message });
    return true;
  }

  #succeed(number: number, ms: number): void {
    this.#failing = false;
    this.#number = number;
    this.#options.post({ type: "committed", number, us: Math.round(ms * 1000) });
  }

  #fail(error: unknown): void {
    this.#options.post(this.#failing ? { type: "still-failing" } : { type: "failing", error: textOf(error) });
    this.#failing = true;
    this.#closeStore();
    if (sqliteFault(error) === "damaged") {
      try {
        this.#quarantine(error);
      } catch (second) {
        this.#options.post({
          type: "note",
          message: `The damaged journal cannot be put aside: ${textOf(second)}`,
        });
      }
    }
    if (!this.#closing) this.#timer ??= this.#options.host.after(RETRY_MS, () => this.#flush());
  }

  /** After a failure. */
  #reopen(): boolean {
    try {
      this.#folder.claim();
      this.#openStore();
      this.#failing = false;
      return true;
    } catch (error) {
      if (this.#makeRoom(error)) return this.#reopen();
      this.#fail(error);
      return false;
    }
  }

  #openStore(): void {
    try {
      this.#store = this.#options.host.openStore(this.#folder.journal, this.#options.host.wallMs());
    } catch (error) {
      const unusable = sqliteFault(error) === "damaged" || error instanceof NewerSchemaError;
      if (!unusable) throw error;
      this.#quarantine(error);
      this.#store = this.#options.host.openStore(this.#folder.journal, this.#options.host.wallMs());
    }
    if (this.#opened) return;
    const restored = this.#store.restore();
    this.#ballast.ensure(this.#folder.path);
    this.#opened = true;
    this.#options.post({ type: "opened", restored, late: this.#failing });
  }

  #quarantine(error: unknown): void {
    const stamp = new Date(this.#options.host.wallMs()).toISOString().replace(/\W/g, "");
    const standing = salvageStanding(this.#folder.journal);
    const file = this.#folder.quarantine(stamp);
    if (standing !== undefined) {
      const store = this.#options.host.openStore(this.#folder.journal, this.#options.host.wallMs());
      store.replace(standing, this.#options.host.wallMs());
      store.close();
    }
    this.#options.post({ type: "damaged", file, error: textOf(error), salvaged: standing !== undefined });
  }

  #prune(): void {
    let removed = 0;
    try {
      removed = this.#store?.prune(this.#options.retention, this.#options.host.wallMs()) ?? 0;
      this.#ballast.ensure(this.#folder.path);
    } catch (error) {
      if (!this.#makeRoom(error)) this.#fail(error);
    }
    this.#pruneTimer = this.#options.host.after(
      removed > 0 ? PRUNE_PAUSE_MS : PRUNE_EVERY_MS,
      () => this.#prune(),
    );
  }

  #closeStore(): void {
    try {
      this.#store?.close();
    } catch {
      // Nothing is lost by it: what was committed is on disk.
    }
    this.#store = undefined;
  }

  #close(): void {
    this.#timer?.cancel();
    this.#pruneTimer?.cancel();
    this.#closeStore();
    this.#folder.release();
    this.#options.post({ type: "closed" });
  }
}

function recordsOf(work: readonly Work[]): JournalRecord[] {
  return work.flatMap((each) => each.type === "commit" ? each.records : []);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
