/**
 * The journal as the engine sees it: batches go to the journal thread, acknowledgements come back. Engine thread only; it
 * never waits. When the journal cannot keep up or cannot write, decisions act without it after a deadline, and say so: an
 * alert that is not on disk is better than none. Once it writes again everything it missed is given to it.
 *
 *   durable ──(oldest batch waits > 2 s)──► direct ──(all written)──► durable
 *                                             └─(missed some, or a new file)─► standing sent whole ─(written)─► durable
 *
 * A thread that dies is replaced, sooner the first time than later on; the new one is given the standing whole.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import {
  type JournalRecord,
  NOTHING_RESTORED,
  type Restored,
  type Standing,
} from "../model/journal_record.ts";
import type { FromJournal, ToJournal } from "./messages.ts";
import type { RetentionLimits } from "./store.ts";

/** The part of a Web Worker that is used. */
export interface JournalThreadPort {
  onmessage: ((event: MessageEvent<FromJournal>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToJournal): void;
  terminate(): void;
}

/** What the engine lends to its journal. */
export interface JournalUser {
  /** Everything that stands now. */
  standing(): Standing;
  /** What an earlier process left, found only now that this one runs. */
  takeLate(restored: Restored): void;
}

export interface JournalLinkOptions {
  readonly make: () => JournalThreadPort;
  readonly folder: string;
  readonly retention: RetentionLimits;
  readonly clock: Clock;
  readonly log: Logger;
  /** Something was acknowledged: the engine has work. */
  readonly wake: () => void;
  readonly observe: { health(healthy: boolean): void; commit(us: number): void };
}

interface Batch {
  readonly number: number;
  readonly sentMs: number;
  readonly records: number;
  /** Undefined once called. */
  acknowledge: (() => void) | undefined;
}

const ACKNOWLEDGE_MS_MAX = 2000;
/** Records on their way to a thread that does not take them: past this they are dropped, and the standing is sent later. */
const RECORDS_WAITING_MAX = 100_000;
const OPEN_MS_MAX = 60_000;
/** From the death of a thread to its replacement, doubled each time until one has opened the journal. */
const RESPAWN_BASE_MS = 1000;
const RESPAWN_CAP_MS = 60_000;
/** A thread that cannot write says so every second; one that is silent for so long hangs. */
const SILENT_MS = 10_000;

/** `failing`: it says itself that it cannot write. `silent`: it does not answer, or is dead. */
export type JournalCondition = "writing" | "failing" | "silent";

/** The directory is another process's: this one must not run. */
export class JournalLockedError extends Error {
  override readonly name = "JournalLockedError";
}

export class JournalLink {
  readonly #options: JournalLinkOptions;
  #thread: JournalThreadPort | undefined;
  #user: JournalUser | undefined;
  #waiting: Batch[] = [];
  #recordsWaiting = 0;
  #number = 0;
  /** Decisions do not wait for the disk. */
  #direct = false;
  /** The journal lacks something that only `standing` can give. */
  #missed = false;
  #opened = false;
  /** open() has been answered: what is opened from then on comes late. */
  #answered = false;
  #heardMs = 0;
  #respawnAtMs = Infinity;
  #respawnWaitMs = RESPAWN_BASE_MS;
  /** The present thread took the place of one that died: what it restores is known here better. */
  #replacement = false;
  #late: Restored | undefined;
  #openedWith: ((restored: Restored) => void) | undefined;
  #refused: ((error: Error) => void) | undefined;
  #closed: (() => void) | undefined;

  constructor(options: JournalLinkOptions) {
    this.#options = options;
  }

  /** What an earlier process left; nothing when the journal cannot be opened now. Rejects with JournalLockedError. */
  open(): Promise<Restored> {
    const { clock } = this.#options;
    this.#spawn();
    this.#options.observe.health(true);
    const startedMs = clock.monoMs();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#goDirect(`not open after ${Math.round(clock.monoMs() - startedMs)} ms`);
        this.#answer(NOTHING_RESTORED);
      }, OPEN_MS_MAX);
      this.#openedWith = (restored) => {
        clearTimeout(timer);
        resolve(restored);
      };
      this.#refused = (error) => {
        clearTimeout(timer);
        reject(error);
      };
    });
  }

  /** The engine is there. */
  use(user: JournalUser): void {
    this.#user = user;
    if (this.#late !== undefined) user.takeLate(this.#late);
    if (this.#missed && this.#opened && this.#waiting.length === 0) this.#sendStanding();
  }

  get condition(): JournalCondition {
    if (!this.#direct) return "writing";
    const silentMs = this.#options.clock.monoMs() - this.#heardMs;
    return this.#thread !== undefined && silentMs < SILENT_MS ? "failing" : "silent";
  }

  /** Everything that was committed is on disk. */
  get durable(): boolean {
    return !this.#direct && this.#waiting.length === 0;
  }

  commit(records: readonly JournalRecord[], acknowledge: () => void): void {
    if (this.#recordsWaiting + records.length > RECORDS_WAITING_MAX && this.#waiting.length > 0) {
      this.#goDirect("it is too far behind");
      this.#missed = true;
    }
    if (!this.#missed) {
      const urgent = records.some(({ type }) => type === "decision");
      const batch: Batch = {
        number: ++this.#number,
        sentMs: this.#options.clock.monoMs(),
        records: records.length,
        acknowledge,
      };
      this.#waiting.push(batch);
      this.#recordsWaiting += records.length;
      this.#thread?.postMessage({ type: "commit", number: batch.number, urgent, records });
      if (this.#direct) acknowledgeOnce(batch);
    } else acknowledge();
  }

  /** Lets decisions act that have waited too long, and replaces a dead thread. Call it some times a second. */
  check(): void {
    if (this.#options.clock.monoMs() >= this.#respawnAtMs) this.#respawn();
    const oldest = this.#waiting[0];
    if (oldest === undefined || this.#direct) return;
    const waitedMs = this.#options.clock.monoMs() - oldest.sentMs;
    if (waitedMs > ACKNOWLEDGE_MS_MAX) this.#goDirect(`nothing was written for ${Math.round(waitedMs)} ms`);
  }

  /** Writes what is left; false when that was not done within the limit. */
  close(limitMs: number): Promise<boolean> {
    this.#respawnAtMs = Infinity;
    if (this.#thread === undefined) return Promise.resolve(!this.#missed);
    return new Promise((resolve) => {
      const end = (clean: boolean) => {
        clearTimeout(timer);
        this.#thread?.terminate();
        this.#thread = undefined;
        resolve(clean);
      };
      const timer = setTimeout(() => end(false), limitMs);
      this.#closed = () => end(this.#waiting.length === 0 && !this.#missed);
      this.#thread?.postMessage({ type: "close" });
    });
  }

  #spawn(): void {
    const { make, folder, retention } = this.#options;
    const thread = make();
    this.#thread = thread;
    thread.onmessage = ({ data }) => {
      if (thread === this.#thread) this.#take(data);
    };
    thread.onerror = (event) => {
      event.preventDefault();
      if (thread === this.#thread) this.#died(String(event.message));
    };
    thread.postMessage({ type: "open", folder, retention });
  }

  #died(error: string): void {
    const { log, clock } = this.#options;
    log.error("The journal thread has died; another takes its place", { error });
    this.#goDirect("its thread has died");
    this.#thread?.terminate();
    this.#thread = undefined;
    // Acted on by now; what it was is in the standing that the next thread gets.
    this.#waiting = [];
    this.#recordsWaiting = 0;
    this.#missed = true;
    this.#respawnAtMs = clock.monoMs() + this.#respawnWaitMs;
    this.#respawnWaitMs = Math.min(RESPAWN_CAP_MS, this.#respawnWaitMs * 2);
    this.#answer(NOTHING_RESTORED);
    this.#closed?.();
  }

  #respawn(): void {
    this.#respawnAtMs = Infinity;
    this.#replacement = this.#opened;
    this.#spawn();
  }

  #take(message: FromJournal): void {
    const { log } = this.#options;
    this.#heardMs = this.#options.clock.monoMs();
    switch (message.type) {
      case "opened":
        this.#opened = true;
        this.#respawnWaitMs = RESPAWN_BASE_MS;
        if (this.#replacement) return this.#sendStanding();
        if (message.late || this.#answered) return this.#opensLate(message.restored);
        return this.#answer(message.restored);
      case "locked":
        // The dead thread's hold on the folder may outlast it for a while.
        if (this.#answered) return this.#died(message.error);
        return this.#refused?.(new JournalLockedError(message.error));
      case "committed":
        return this.#committed(message.number, message.us);
      case "failing":
        log.error("The journal cannot be written; it is tried again every second", { error: message.error });
        if (this.#opened && !this.#replacement) return;
        this.#goDirect("it cannot be opened");
        this.#missed = true;
        return this.#answer(NOTHING_RESTORED);
      case "damaged":
        log.error("The journal was damaged: it is put aside, and a new one is begun", {
          file: message.file,
          error: message.error,
          pending_saved: message.salvaged,
        });
        if (!this.#opened) return;
        this.#goDirect("it was damaged");
        this.#missed = true;
        return;
      case "still-failing":
        return;
      case "dropped":
        return this.#dropped(message.number, message.error);
      case "note":
        return log.warn(message.message);
      case "closed":
        return this.#closed?.();
    }
  }

  #dropped(number: number, error: string): void {
    this.#goDirect(`it cannot store what it is given: ${error}`);
    this.#missed = true;
    this.#takeOff(number);
  }

  /** Everything up to this number has left. */
  #takeOff(number: number): void {
    const left = this.#waiting.findIndex((batch) => batch.number > number);
    const gone = this.#waiting.splice(0, left < 0 ? this.#waiting.length : left);
    for (const batch of gone) {
      this.#recordsWaiting -= batch.records;
      acknowledgeOnce(batch);
    }
    if (gone.length > 0) this.#options.wake();
  }

  #committed(number: number, us: number): void {
    this.#options.observe.commit(us);
    this.#takeOff(number);
    if (this.#waiting.length > 0) return;
    if (this.#missed) return this.#sendStanding();
    if (!this.#direct) return;
    this.#direct = false;
    this.#options.observe.health(true);
    this.#options.log.info("The journal is written again: decisions wait for it, as they should");
  }

  /** Everything that waited has been acted on by then: the standing holds all of it. */
  #sendStanding(): void {
    this.#goDirect("it missed something");
    if (this.#user === undefined) return;
    this.#missed = false;
    const standing = this.#user.standing();
    const sentMs = this.#options.clock.monoMs();
    this.#waiting.push({ number: ++this.#number, sentMs, records: 0, acknowledge: undefined });
    this.#thread?.postMessage({ type: "replace", number: this.#number, standing });
  }

  #opensLate(restored: Restored): void {
    this.#options.log.warn("The journal could be opened at last", {
      pending_alerts: restored.alerts.length,
      monitors: restored.monitors.length,
    });
    if (this.#user === undefined) this.#late = restored;
    else this.#user.takeLate(restored);
  }

  #answer(restored: Restored): void {
    this.#answered = true;
    this.#openedWith?.(restored);
    this.#openedWith = undefined;
  }

  #goDirect(why: string): void {
    if (this.#direct) return;
    this.#direct = true;
    const { log, observe, wake } = this.#options;
    log.error(`Alerts and repairs go out without the journal: ${why}; a crash now could lose or repeat them`);
    observe.health(false);
    for (const batch of this.#waiting) acknowledgeOnce(batch);
    wake();
  }
}

function acknowledgeOnce(batch: Batch): void {
  const { acknowledge } = batch;
  batch.acknowledge = undefined;
  acknowledge?.();
}
