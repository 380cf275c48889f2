/** What is learned of a fleet while it is loaded and is not kept per row: sizes of groups, dependencies, who has windows. */
import { hashText } from "../base/hash.ts";
import { parentRows } from "./dependencies.ts";
import type { MaintenanceMatch, MaintenanceWindow } from "../model/maintenance.ts";
import type { MonitorSpec } from "../model/monitor.ts";
import type { WorldView } from "../world/world.ts";

export interface WindowRows {
  readonly window: MaintenanceWindow;
  readonly rows: readonly number[];
}

/** What is known of a fleet as a whole, by its rows. */
export interface FleetShape {
  readonly groupSizes: ReadonlyMap<string, number>;
  /** Row → the rows it depends on. */
  readonly parents: ReadonlyMap<number, readonly number[]>;
  readonly windows: readonly WindowRows[];
}

type RowFacts = Pick<MonitorSpec, "groups" | "labels" | "dependsOn">;

export class FleetFacts {
  readonly #groupSizes = new Map<string, number>();
  readonly #parentsOf = new Map<number, readonly string[]>();
  readonly #windows: { readonly window: MaintenanceWindow; readonly rows: number[] }[];
  readonly #coversAll: boolean;

  constructor(windows: readonly MaintenanceWindow[] = []) {
    this.#windows = windows.map((window) => ({ window, rows: [] }));
    this.#coversAll = windows.some(({ match }) => match.all);
  }

  /** Once for each row, before the engine starts. */
  add(row: number, spec: Pick<MonitorSpec, "name" | "groups" | "labels" | "dependsOn">): void {
    for (const group of new Set(spec.groups)) {
      this.#groupSizes.set(group, (this.#groupSizes.get(group) ?? 0) + 1);
    }
    if (spec.dependsOn.length > 0) this.#parentsOf.set(row, spec.dependsOn);
    for (const { window, rows } of this.#windows) if (covers(window.match, spec)) rows.push(row);
  }

  /** As add(), for the rows from `first` on; attributes that many rows share are read once. */
  addRows(world: WorldView, first: number): void {
    const byAttributes = new Map<number, RowFacts>();
    const named = new Set(this.#windows.flatMap(({ window }) => window.match.monitors.map(hashText)));
    for (let row = first; row < world.count; row++) {
      const at = world.columns.attributes[row] as number;
      const mayBeNamed = named.has(world.columns.identity[row] as number);
      if (at === 0 && !mayBeNamed && !this.#coversAll) continue;
      const name = mayBeNamed ? world.name(row) : "";
      let facts = byAttributes.get(at);
      if (facts === undefined) byAttributes.set(at, facts = world.attributes(row));
      this.add(row, { ...facts, name });
    }
  }

  get groupSizes(): ReadonlyMap<string, number> {
    return this.#groupSizes;
  }

  /** Only rows that depend on something. */
  get parentsOf(): ReadonlyMap<number, readonly string[]> {
    return this.#parentsOf;
  }

  get windows(): readonly WindowRows[] {
    return this.#windows;
  }

  /** Of the rows of this world, which all were added. */
  shape(world: WorldView): FleetShape {
    return {
      groupSizes: this.#groupSizes,
      parents: parentRows(world, this.#parentsOf),
      windows: this.#windows,
    };
  }
}

function covers(match: MaintenanceMatch, spec: Pick<MonitorSpec, "name" | "groups" | "labels">): boolean {
  if (match.all || match.monitors.includes(spec.name)) return true;
  if (match.groups.some((group) => spec.groups.includes(group))) return true;
  const labels = Object.entries(match.labels);
  return labels.length > 0 && labels.every(([name, value]) => spec.labels[name] === value);
}
