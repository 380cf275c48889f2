/** What can only be known when all monitors are known: the names that others refer to. */
import { suggest } from "../base/suggest.ts";
import { type DependencyEdges, findDependencyCycles } from "./dependency_cycles.ts";
import type { OpenReference } from "./entry.ts";
import type { NameIndex } from "./name_index.ts";
import type { ProblemList } from "./problem.ts";
import type { RootSections } from "./root.ts";

export function checkReferences(known: {
  readonly names: NameIndex;
  readonly openReferences: readonly OpenReference[];
  readonly dependencies: readonly DependencyEdges[];
  readonly sections: RootSections;
  readonly problems: ProblemList;
  readonly lenient: boolean;
}): void {
  const { names, sections, problems } = known;
  const severity = known.lenient ? "warning" : "error";
  for (const open of known.openReferences) {
    if (names.has(open.name)) continue;
    const message = `no monitor is called ${JSON.stringify(open.name)}`;
    problems.add({ ...open.place, severity, monitor: open.monitor, path: open.path, message });
  }
  for (const { monitor, place, path } of findDependencyCycles(known.dependencies)) {
    const message = `monitors depend on each other in a circle: ${
      path.map(shown).filter((part) => part !== "").join(" → ")
    }`;
    problems.add({ ...place, severity, monitor, path: "depends_on", message });
  }
  for (const { window, place } of sections.maintenance) {
    const path = `maintenance: ${window.name}`;
    for (const name of window.match.monitors.filter((each) => !names.has(each))) {
      problems.add({ ...place, severity, path, message: `no monitor is called ${JSON.stringify(name)}` });
    }
    if (sections.groups.size === 0) continue;
    for (const name of window.match.groups.filter((each) => !sections.groups.has(each))) {
      const close = suggest(name, sections.groups.keys());
      const hint = close === undefined ? "" : `; did you mean "${close}"?`;
      problems.add({
        ...place,
        severity: "warning",
        path,
        message: `the group "${name}" is not defined under groups${hint}`,
      });
    }
  }
}

/** A circle may be long: the names in it are cut where they would fill a screen. */
function shown(name: string, index: number, names: readonly string[]): string {
  const middle = names.length > 12 && index >= 6 && index < names.length - 5;
  return middle ? (index === 6 ? "…" : "") : JSON.stringify(name);
}
