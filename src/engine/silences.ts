/** Silences that are in force: kept over restarts, asked for per alert, ended by the wall clock. A handful at a time. */
import type { Clock } from "../base/clock.ts";
import { type Silence, silences } from "../model/silence.ts";
import type { World } from "../world/world.ts";

export interface SilencesOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly store: { setFact(key: string, value: unknown): void };
}

/** More than anybody can oversee. */
export const SILENCES_MOST = 1000;
const SILENCE = "silence ";

export class Silences {
  readonly #options: SilencesOptions;
  readonly #byId = new Map<string, Silence>();
  #last = 0;

  constructor(options: SilencesOptions) {
    this.#options = options;
  }

  restore(stored: readonly (readonly [key: string, value: unknown])[]): void {
    for (const [key, value] of stored) {
      if (key.startsWith(SILENCE)) this.#byId.set(key.slice(SILENCE.length), value as Silence);
    }
  }

  /** Those in force, the one that ends first in front. */
  list(): Silence[] {
    this.#expire();
    return [...this.#byId.values()].sort((left, right) => left.untilWallMs - right.untilWallMs);
  }

  /** Undefined when there are too many. */
  add(silence: Omit<Silence, "id" | "fromWallMs">): Silence | undefined {
    this.#expire();
    if (this.#byId.size >= SILENCES_MOST) return undefined;
    const fromWallMs = Math.round(this.#options.clock.wallMs());
    let id = "";
    do id = `s${fromWallMs.toString(36)}-${(++this.#last).toString(36)}`; while (this.#byId.has(id));
    const added = { id, fromWallMs, ...silence };
    this.#byId.set(id, added);
    this.#options.store.setFact(SILENCE + id, added);
    return added;
  }

  /** False when there is none of that id. */
  remove(id: string): boolean {
    if (!this.#byId.delete(id)) return false;
    this.#options.store.setFact(SILENCE + id, null);
    return true;
  }

  covers(row: number): boolean {
    if (this.#byId.size === 0) return false;
    this.#expire();
    const { world } = this.#options;
    const { groups, labels } = world.attributes(row);
    const silenced = { monitor: world.name(row), groups, labels };
    for (const { match } of this.#byId.values()) if (silences(match, silenced)) return true;
    return false;
  }

  #expire(): void {
    const wallMs = this.#options.clock.wallMs();
    for (const { id, untilWallMs } of this.#byId.values()) if (untilWallMs <= wallMs) this.remove(id);
  }
}
