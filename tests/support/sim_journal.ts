/**
 * A journal that models durability: what it acknowledged survives a crash, what it did not may survive up to any batch.
 * Also the naive twin of the real store: the same records applied to plain maps.
 */
import type { Random } from "../../src/base/prng.ts";
import type { JournalPort } from "../../src/engine/journal_port.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import type {
  JournalRecord,
  MonitorStands,
  OpenRepair,
  PendingAlert,
  Restored,
} from "../../src/model/journal_record.ts";

/** What stands after some records, as the store would say. */
export class NaiveStore {
  readonly monitors = new Map<string, MonitorStands>();
  readonly alerts = new Map<number, PendingAlert>();
  readonly repairs = new Map<string, OpenRepair>();
  readonly facts = new Map<string, unknown>();
  readonly ended = new Set<string>();
  readonly settled = new Map<number, string>();
  lastAlertId = 0;
  boots = 0;

  write(record: JournalRecord): void {
    switch (record.type) {
      case "decision": {
        const { monitor, incident, alerts, remedy, atWallMs } = record;
        for (const { id, channelId, color, message } of alerts) {
          this.lastAlertId = Math.max(this.lastAlertId, id);
          this.alerts.set(id, { id, monitor, incident, channelId, color, message, attempt: 0, dueWallMs: 0 });
        }
        if (remedy === null) return;
        this.repairs.set(`${incident} ${remedy.attempt}`, {
          incident,
          monitor,
          startedWallMs: atWallMs,
          ...remedy,
        });
        return;
      }
      case "monitor":
        if (record.stands === null) this.monitors.delete(record.monitor);
        else this.monitors.set(record.monitor, record);
        return;
      case "settled":
        if (this.alerts.delete(record.id)) this.settled.set(record.id, record.result);
        return;
      case "put-off": {
        const { id, attempt, dueWallMs } = record;
        const alert = this.alerts.get(id);
        if (alert !== undefined) this.alerts.set(id, { ...alert, attempt, dueWallMs });
        return;
      }
      case "repair-ended":
        this.repairs.delete(`${record.incident} ${record.attempt}`);
        this.ended.add(`${record.incident} ${record.attempt}`);
        return;
      case "fact":
        if (record.value === null) this.facts.delete(record.key);
        else this.facts.set(record.key, record.value);
    }
  }

  restore(): Restored {
    this.boots++;
    const byText = (left: string, right: string) => left < right ? -1 : left > right ? 1 : 0;
    return {
      monitors: [...this.monitors.values()].sort((left, right) => byText(left.monitor, right.monitor)),
      alerts: [...this.alerts.values()].sort((left, right) => left.id - right.id),
      repairs: [...this.repairs.values()].sort((left, right) =>
        left.startedWallMs - right.startedWallMs || byText(left.incident, right.incident)
      ),
      facts: [...this.facts].sort(([left], [right]) => byText(left, right)),
      boot: this.boots,
      lastAlertId: this.lastAlertId,
    };
  }
}

interface Batch {
  readonly records: readonly JournalRecord[];
  readonly acknowledge: () => void;
  readonly dueMs: number;
}

export interface SimJournalOptions {
  readonly nowMs: () => number;
  readonly random: Random;
  /** Longest time a commit takes. */
  readonly slowestMs: number;
}

export class SimJournal {
  readonly store = new NaiveStore();
  readonly #options: SimJournalOptions;
  #waiting: Batch[] = [];
  /** Batches acknowledged since the start: the write boundaries. */
  commits = 0;
  /** Batches taken since the start. */
  taken = 0;
  /** Every alert that was ever written, in that order. */
  readonly messages: AlertMessage[] = [];

  constructor(options: SimJournalOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** For one process; a later process gets another one. */
  port(): JournalPort {
    return {
      commit: (records, acknowledge) => {
        const { nowMs, random, slowestMs } = this.#options;
        this.taken++;
        const least = this.#waiting.at(-1)?.dueMs ?? 0;
        const dueMs = Math.max(least, nowMs() + Math.floor(random() * slowestMs));
        // Through JSON, as the real one: nothing that is not plain data comes back.
        this.#waiting.push({ records: JSON.parse(JSON.stringify(records)), acknowledge, dueMs });
      },
    };
  }

  /** Acknowledges what is due. */
  step(): void {
    while (this.#waiting.length > 0 && (this.#waiting[0] as Batch).dueMs <= this.#options.nowMs()) {
      const batch = this.#waiting.shift() as Batch;
      this.#write(batch);
      this.commits++;
      batch.acknowledge();
    }
  }

  /** The process is gone: of what was not acknowledged the first batches, up to any, are on disk all the same. */
  crash(): void {
    const survive = Math.floor(this.#options.random() * (this.#waiting.length + 1));
    for (const batch of this.#waiting.slice(0, survive)) this.#write(batch);
    this.#waiting = [];
  }

  #write({ records }: Batch): void {
    for (const record of records) {
      this.store.write(record);
      if (record.type !== "decision") continue;
      for (const { message } of record.alerts) this.messages.push(message);
    }
  }
}
