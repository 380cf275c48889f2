/** What is learned of a fleet while it is loaded and is not kept per row: sizes of groups, dependencies, who has windows. */
import type { MaintenanceMatch, MaintenanceWindow } from "../model/maintenance.ts";
import type { MonitorSpec } from "../model/monitor.ts";

export interface WindowRows {
  readonly window: MaintenanceWindow;
  readonly rows: readonly number[];
}

export class FleetFacts {
  readonly #groupSizes = new Map<string, number>();
  readonly #parentsOf = new Map<number, readonly string[]>();
  readonly #windows: { readonly window: MaintenanceWindow; readonly rows: number[] }[];

  constructor(windows: readonly MaintenanceWindow[] = []) {
    this.#windows = windows.map((window) => ({ window, rows: [] }));
  }

  /** Once for each row, before the engine starts. */
  add(row: number, spec: Pick<MonitorSpec, "name" | "groups" | "labels" | "dependsOn">): void {
    for (const group of new Set(spec.groups)) {
      this.#groupSizes.set(group, (this.#groupSizes.get(group) ?? 0) + 1);
    }
    if (spec.dependsOn.length > 0) this.#parentsOf.set(row, spec.dependsOn);
    for (const { window, rows } of this.#windows) if (covers(window.match, spec)) rows.push(row);
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
}

function covers(match: MaintenanceMatch, spec: Pick<MonitorSpec, "name" | "groups" | "labels">): boolean {
  if (match.all || match.monitors.includes(spec.name)) return true;
  if (match.groups.some((group) => spec.groups.includes(group))) return true;
  const labels = Object.entries(match.labels);
  return labels.length > 0 && labels.every(([name, value]) => spec.labels[name] === value);
}
