/** Judges, whenever nothing is on its way, whether the disk has exactly what the engine would need after a crash. */
import type { MonitorStands, Standing, StoredIncident, StoredState } from "../../src/model/journal_record.ts";
import type { NaiveStore } from "../support/sim_journal.ts";
import type { Accuse } from "./judge.ts";

export class StandingJudge {
  readonly #accuse: Accuse;
  /** At the last look: what is held for a moment, to see whether it is alone, is written when that is known. */
  #differed: ReadonlySet<string> = new Set();

  constructor(accuse: Accuse) {
    this.#accuse = accuse;
  }

  crashed(): void {
    this.#differed = new Set();
  }

  look(twin: NaiveStore, { monitors, alerts, repairs }: Standing): void {
    const differences = [
      ...differencesOf("monitors", [...twin.monitors.values()].map(essenceOf), monitors.map(essenceOf)),
      ...differencesOf("alerts", [...twin.alerts.keys()].map(String), alerts.map(({ id }) => String(id))),
      ...differencesOf(
        "repairs",
        [...twin.repairs.keys()],
        repairs.map(({ incident, attempt }) => `${incident} ${attempt}`),
      ),
    ];
    for (const each of differences) if (this.#differed.has(each)) this.#accuse("conservation", each);
    this.#differed = new Set(differences);
  }
}

function essenceOf({ monitor, stands }: MonitorStands): string {
  const { state, flags, attempts, verifyLeft, incident } = stands as StoredState;
  const { id, seq, opened } = (incident ?? { id: "", seq: 0, opened: false }) as StoredIncident;
  return [monitor, state, flags, attempts, verifyLeft, id, seq, opened].join(" ");
}

function differencesOf(what: string, onDisk: readonly string[], inEngine: readonly string[]): string[] {
  const disk = new Set(onDisk);
  const engine = new Set(inEngine);
  return [
    ...onDisk.filter((each) => !engine.has(each)).map((each) => `${what}, only on disk: ${each}`),
    ...inEngine.filter((each) => !disk.has(each)).map((each) => `${what}, only in the engine: ${each}`),
  ];
}
