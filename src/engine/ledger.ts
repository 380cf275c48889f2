/**
 * What the journal has to know of this tick: decisions, steps of incidents, where monitors stand, what came of alerts and
 * repairs. Collected while the tick runs and handed over as one batch, so that a restart never sees half a tick.
 * Typical size: nothing; in a mass failure some thousand records.
 */
import type { Clock } from "../base/clock.ts";
import type {
  Decision,
  JournalRecord,
  MonitorStands,
  Standing,
  StoredIncident,
  StoredState,
} from "../model/journal_record.ts";
import { FLAG, STATE } from "../model/state.ts";
import type { World } from "../world/world.ts";
import type { Incident, Incidents } from "./incidents.ts";
import type { JournalPort } from "./journal_port.ts";
import type { LifeEvent } from "./monitor_life.ts";

export interface LedgerOptions {
  readonly world: World;
  readonly incidents: Incidents;
  readonly clock: Clock;
  readonly journal: JournalPort;
  /** Identities of the world's channels, by index. */
  readonly channelIds: readonly string[];
  /** Alerts of this row are not decided yet: the journal hears of it with them. Whoever holds it touches it then. */
  readonly holds: (row: number) => boolean;
  /** From an earlier process. */
  readonly facts: Standing["facts"];
}

export class Ledger {
  readonly #options: LedgerOptions;
  #records: JournalRecord[] = [];
  /** Rows whose state the journal does not have yet. */
  readonly #touched = new Set<number>();
  /** Rows the journal has a state of. */
  readonly #stored = new Set<number>();
  readonly #facts: Map<string, unknown>;
  #uncommitted = 0;
  #undecided = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#facts = new Map(options.facts);
  }

  /** What was remembered under this name, by this process or an earlier one. */
  fact(key: string): unknown {
    return this.#facts.get(key);
  }

  /** Remembers a JSON value over restarts; null forgets it. */
  setFact(key: string, value: unknown): void {
    if (value === null) this.#facts.delete(key);
    else this.#facts.set(key, value);
    this.add({ type: "fact", key, value, atWallMs: this.#options.clock.wallMs() });
  }

  get facts(): Standing["facts"] {
    return [...this.#facts];
  }

  touch(row: number): void {
    this.#touched.add(row);
  }

  /** The journal has a state of this row, from an earlier process. */
  isStored(row: number): void {
    this.#stored.add(row);
  }

  add(record: JournalRecord): void {
    this.#records.push(record);
  }

  decided(decision: Decision): void {
    this.#records.push(decision);
    this.#undecided += decision.alerts.length;
    // That of many has no monitor.
    if (decision.row < this.#options.world.count) this.touch(decision.row);
  }

  /** A monitor changed its state. */
  observe({ from, to, incident, closed, wallMs }: LifeEvent): void {
    if (incident === undefined) return;
    const { id, error } = incident;
    this.add({ type: "step", incident: id, atWallMs: wallMs, what: `${from} → ${to}`, detail: error });
    if (closed) this.add({ type: "closed", incident: id, atWallMs: wallMs });
  }

  /** Hands over what was collected; decisions come back through `act`, in order, when they may act. */
  commit(act: (decision: Decision) => void): void {
    for (const row of this.#touched) if (!this.#options.holds(row)) this.#addStands(row);
    this.#touched.clear();
    if (this.#records.length === 0) return;
    const batch = this.#records;
    this.#records = [];
    this.#uncommitted++;
    this.#options.journal.commit(batch, () => {
      this.#uncommitted--;
      for (const record of batch) {
        if (record.type !== "decision") continue;
        this.#undecided -= record.alerts.length;
        act(record);
      }
    });
  }

  /** Batches on their way. */
  get uncommitted(): number {
    return this.#uncommitted;
  }

  /** Alerts decided and not yet in the outbox. */
  get alertsUncommitted(): number {
    return this.#undecided;
  }

  /** Where every monitor stands that is not simply up. */
  standing(): MonitorStands[] {
    const { world } = this.#options;
    const { state } = world.columns;
    const all: MonitorStands[] = [];
    this.#stored.clear();
    for (let row = 0; row < world.count; row++) {
      if (!world.isMonitor(row)) continue;
      if (state[row] === STATE.up || state[row] === STATE.pending) continue;
      this.#stored.add(row);
      all.push(this.#stands(row));
    }
    return all;
  }

  #addStands(row: number): void {
    const record = this.#stands(row);
    if (record.stands !== null) this.#stored.add(row);
    else if (!this.#stored.delete(row)) return;
    this.#records.push(record);
  }

  #stands(row: number): MonitorStands {
    const { world, incidents, clock } = this.#options;
    const { columns } = world;
    const state = columns.state[row] as number;
    const incident = incidents.of(row);
    const healthy = (state === STATE.up || state === STATE.pending) && incident === undefined;
    const stands: StoredState | null = healthy ? null : {
      state,
      failures: columns.failures[row] as number,
      successes: columns.successes[row] as number,
      verifyLeft: columns.verifyLeft[row] as number,
      attempts: columns.attempts[row] as number,
      flags: columns.flags[row] as number,
      sinceWallMs: (columns.since[row] as number) * 1000,
      incident: incident === undefined ? null : this.#storedIncident(row, incident),
    };
    return { type: "monitor", monitor: world.name(row), atWallMs: clock.wallMs(), stands };
  }

  #storedIncident(row: number, incident: Incident): StoredIncident {
    const { world, clock } = this.#options;
    const wallOf = (monoMs: number) => Math.round(clock.wallMs() + monoMs - clock.monoMs());
    const { id, sinceWallMs, opened, seq, error, output, tried } = incident;
    const { keptBack, acknowledged, told, sentAtMs, backoffDueMs } = incident;
    const waits = ((world.columns.flags[row] as number) & FLAG.backoff) !== 0;
    return {
      id,
      sinceWallMs,
      opened,
      seq,
      error,
      output,
      tried: [...tried],
      ...(keptBack === undefined ? {} : { keptBack }),
      ...(acknowledged === undefined ? {} : { acknowledged }),
      ...(told.size === 0 ? {} : { told: this.#storedTold(told) }),
      sentAtWallMs: Object.fromEntries(
        Object.entries(sentAtMs).map(([color, monoMs]) => [color, wallOf(monoMs)]),
      ),
      backoffDueWallMs: waits ? wallOf(backoffDueMs) : 0,
    };
  }
  #storedTold(told: ReadonlyMap<number, string>): Record<string, string> {
    const { channelIds } = this.#options;
    return Object.fromEntries([...told].map(([channel, by]) => [channelIds[channel] as string, by]));
  }
}
