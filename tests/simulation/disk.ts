/**
 * The journal's disk and thread on virtual time: the real thread, the real store, SQLite files in memory. Commits take time,
 * fail and stall; a crash leaves the files as a crash does: whole batches, up to any, and of the last one maybe a torn tail,
 * which SQLite has to take for nothing.
 */
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../src/base/prng.ts";
import type { JournalThreadPort } from "../../src/journal/link.ts";
import type { FromJournal, ToJournal } from "../../src/journal/messages.ts";
import { Store } from "../../src/journal/store.ts";
import { type JournalHost, type JournalStore, JournalThread } from "../../src/journal/thread.ts";
import type { JournalRecord, Restored, Standing } from "../../src/model/journal_record.ts";
import { NaiveStore } from "../support/sim_journal.ts";
import type { Fault } from "./faults.ts";
import type { Outside } from "./outside.ts";
import type { Plan } from "./plan.ts";
import type { Timeline } from "./timeline.ts";

export interface DiskOptions {
  readonly plan: Plan;
  readonly timeline: Timeline;
  readonly outside: Outside;
  readonly wallMs: () => number;
  /** These records are on disk for good. */
  readonly durable: (records: readonly JournalRecord[]) => void;
  /** And so is this, in place of what stood before. */
  readonly replaced: (standing: Standing) => void;
  /** This fault strikes now. */
  readonly hit: (fault: Fault) => void;
  readonly violation: (what: string, detail: string) => void;
}

const MEMORY = "/dev/shm";

/** Outlives processes. */
export class Disk implements Disposable {
  readonly #options: DiskOptions;
  readonly #random: Random;
  readonly #root = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "cpra-sim-"));
  #folders = 0;
  #thread: SimThread | undefined;
  /** What the disk holds, in plain maps: what the store gives back has to be this. */
  readonly twin = new NaiveStore();
  tornTails = 0;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#random = options.plan.random("disk");
    mkdirSync(this.folder);
  }

  get folder(): string {
    return join(this.#root, `${this.#folders}`);
  }

  /** For a new process: one at a time. */
  thread(): SimThread {
    return (this.#thread = new SimThread({ ...this.#options, disk: this, random: this.#random }));
  }

  /** Batches that the thread was given and the disk has not. */
  get unwritten(): number {
    return this.#thread?.unwritten ?? 0;
  }

  /** The process is gone, maybe in the middle of a write. */
  crash(): void {
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#thread = undefined;
    thread.kill();
    const { plan } = this.#options;
    const before = this.#read();
    const work = plan.faults.has("torn_tail") && this.#random() < 0.7 ? thread.writeOne() : undefined;
    const after = this.#read();
    const from = this.folder;
    this.#folders++;
    mkdirSync(this.folder);
    writeFileSync(join(this.folder, "journal.db"), after.db);
    const whole = work === undefined || after.wal === undefined || !before.db.equals(after.db);
    const torn = whole ? undefined : this.#tear(before.wal ?? Buffer.alloc(0), after.wal as Buffer);
    if (after.wal !== undefined) writeFileSync(join(this.folder, "journal.db-wal"), torn ?? after.wal);
    if (work !== undefined && torn === undefined) this.keep(work);
    if (existsSync(join(from, "ballast"))) linkSync(join(from, "ballast"), join(this.folder, "ballast"));
    thread.letGo();
    rmSync(from, { recursive: true });
  }

  [Symbol.dispose](): void {
    this.#thread?.kill();
    this.#thread?.letGo();
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** This is on disk. */
  keep(work: Work): void {
    const { twin } = this;
    if (work.type === "commit") {
      for (const record of work.records) twin.write(record);
      return this.#options.durable(work.records);
    }
    for (const map of [twin.monitors, twin.alerts, twin.repairs, twin.facts]) map.clear();
    const { monitors, alerts, repairs, facts } = work.standing;
    for (const each of monitors) twin.write(each);
    for (const alert of alerts) {
      twin.alerts.set(alert.id, alert);
      twin.lastAlertId = Math.max(twin.lastAlertId, alert.id);
    }
    for (const repair of repairs) twin.repairs.set(`${repair.incident} ${repair.attempt}`, repair);
    for (const [key, value] of facts) twin.facts.set(key, value);
    this.#options.replaced(work.standing);
  }

  /** A prefix of what the last write changed; undefined when that is all of it. */
  #tear(before: Buffer, after: Buffer): Uint8Array | undefined {
    let first = 0;
    while (first < after.length && first < before.length && after[first] === before[first]) first++;
    let last = after.length;
    if (before.length === after.length) {
      while (last > first && after[last - 1] === before[last - 1]) {
        last--;
      }
    }
    const cut = first + Math.floor(this.#random() * (last - first + 1));
    if (cut >= last) return undefined;
    this.tornTails++;
    return Buffer.concat([after.subarray(0, cut), before.subarray(cut)]);
  }

  #read(): { readonly db: Buffer; readonly wal: Buffer | undefined } {
    const path = join(this.folder, "journal.db");
    const wal = `${path}-wal`;
    return {
      db: existsSync(path) ? readFileSync(path) : Buffer.alloc(0),
      wal: existsSync(wal) ? readFileSync(wal) : undefined,
    };
  }
}

type Work = Exclude<ToJournal, { readonly type: "open" | "close" }>;

/** What SQLite says: sqlite.org/rescode.html. */
const ERRORS = [["disk_full", "database or disk is full", 13], ["disk_error", "disk I/O error", 10]] as const;

/** Longest part of a millisecond that a message takes between threads; all take the same, so that their order holds. */
const MAIL_MS = 0.3;

class SimThread implements JournalThreadPort {
  onmessage: ((event: MessageEvent<FromJournal>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly #options: DiskOptions & { readonly disk: Disk; readonly random: Random };
  #thread: JournalThread | undefined;
  #store: Store | undefined;
  /** What the thread was given and the disk does not have. */
  #pending: Work[] = [];
  #dead = false;

  constructor(options: DiskOptions & { readonly disk: Disk; readonly random: Random }) {
    this.#options = options;
  }

  get unwritten(): number {
    return this.#pending.length;
  }

  postMessage(message: ToJournal): void {
    const copy = structuredClone(message);
    this.#options.timeline.after(MAIL_MS, () => this.#dead || this.#take(copy));
  }

  terminate(): void {
    this.#dead = true;
  }

  /** Nothing happens any more. */
  kill(): void {
    this.#dead = true;
  }

  /** Writes what the next transaction would, after kill(): the write that the crash cuts off. */
  writeOne(): Work | undefined {
    const first = this.#pending[0];
    if (first === undefined || this.#store === undefined) return undefined;
    if (first.type === "replace") this.#store.replace(first.standing, this.#options.wallMs());
    else this.#store.commit(first.records);
    return first;
  }

  /** Closes the files, after kill(). */
  letGo(): void {
    this.#thread?.take({ type: "close" });
  }

  #take(message: ToJournal): void {
    if (message.type === "open") {
      const { folder, retention } = message;
      this.#thread = new JournalThread({
        folder,
        retention,
        post: (said) => this.#say(said),
        host: this.#host(),
      });
      return this.#thread.start();
    }
    if (message.type !== "close") this.#pending.push(message);
    this.#thread?.take(message);
  }

  #say(data: FromJournal): void {
    if (data.type === "dropped") this.#pending = this.#pending.filter(({ number }) => number > data.number);
    this.#options.timeline.after(MAIL_MS, () => {
      if (!this.#dead) this.onmessage?.({ data } as MessageEvent<FromJournal>);
    });
  }

  #host(): JournalHost {
    const { timeline, wallMs } = this.#options;
    const after = (ms: number, act: () => void) => {
      const planned = timeline.after(ms, () => this.#dead || act());
      return { cancel: () => void (planned.cancelled = true) };
    };
    return {
      wallMs,
      monoMs: () => timeline.nowMs,
      after,
      soon: (act) => void after(this.#fsyncMs(), act),
      openStore: (path, nowMs) => {
        if (this.#dead) throw new Error("the process is gone");
        return this.#wrap(this.#store = new Store(path, nowMs));
      },
    };
  }

  #fsyncMs(): number {
    const { outside, timeline, random, hit } = this.#options;
    const nowMs = timeline.nowMs;
    if (outside.active("journal_stall", nowMs)) {
      hit("journal_stall");
      return Math.min(20_000, outside.endOf("journal_stall") - nowMs);
    }
    if (!outside.active("slow_fsync", nowMs)) return random() * 4;
    hit("slow_fsync");
    return 20 + random() * 400;
  }

  #wrap(store: Store): JournalStore {
    const { outside, timeline, disk, hit } = this.#options;
    const write = (act: () => void, works: number) => {
      if (this.#dead) return;
      const { nowMs } = timeline;
      for (const [fault, text, code] of ERRORS) {
        if (!outside.active(fault, nowMs)) continue;
        hit(fault);
        throw sqliteError(text, code);
      }
      act();
      for (const work of this.#pending.splice(0, works)) disk.keep(work);
    };
    return {
      commit: (records) => write(() => store.commit(records), this.#worksOf(records.length)),
      replace: (standing, nowMs) => write(() => store.replace(standing, nowMs), 1),
      restore: () => this.#compare(store.restore()),
      prune: (limits, nowMs) => this.#dead ? 0 : store.prune(limits, nowMs),
      close: () => {
        this.#store = undefined;
        store.close();
      },
    };
  }

  /** How many of the pending works have these many records together. */
  #worksOf(records: number): number {
    let works = 0;
    for (let left = records; left > 0; works++) {
      const work = this.#pending[works];
      left -= work?.type === "commit" ? work.records.length : left;
    }
    return works;
  }

  #compare(restored: Restored): Restored {
    const { disk: { twin }, violation } = this.#options;
    const whole = ({ monitors, alerts, repairs, facts }: Standing) =>
      JSON.stringify(plain([monitors, alerts, repairs, facts]));
    const expected = whole(twin.restore());
    const found = whole(restored);
    if (found !== expected) violation("journal", differenceOf(found, expected));
    return restored;
  }
}

/** The same for the same values: keys in order, times to the millisecond, alerts without the name they are filed under. */
function plain(value: unknown): unknown {
  if (typeof value === "number") return Math.round(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const isAlert = "channelId" in value;
  const entries = Object.entries(value).filter(([key]) => !isAlert || key !== "monitor").sort((
    [left],
    [right],
  ) => left < right ? -1 : 1);
  return Object.fromEntries(entries.map(([key, each]) => [key, plain(each)]));
}

function sqliteError(message: string, errcode: number): Error {
  return Object.assign(new Error(message), { errcode });
}

function differenceOf(found: string, expected: string): string {
  let at = 0;
  while (at < found.length && found[at] === expected[at]) at++;
  const part = (text: string) => text.slice(Math.max(0, at - 80), at + 120);
  return `found ${part(found)}, expected ${part(expected)}`;
}
