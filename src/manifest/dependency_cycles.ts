/** Cycles in `depends_on`, which would hold the alerts of all their members back. Only monitors that depend on others are kept. */
import type { Place } from "./problem.ts";

export interface DependencyEdges {
  readonly monitor: string;
  readonly dependsOn: readonly string[];
  readonly place: Place;
}

export interface DependencyCycle {
  readonly monitor: string;
  readonly place: Place;
  /** a → b → a, beginning with the monitor. */
  readonly path: readonly string[];
}

const DONE = 2;
const OPEN = 1;

/** Each cycle that a walk in the order of the manifest meets, once; a monitor that depends on itself is left to its own check. */
export function findDependencyCycles(edges: readonly DependencyEdges[]): DependencyCycle[] {
  const byName = new Map(edges.map((each) => [each.monitor, each]));
  const state = new Map<string, number>();
  const cycles: DependencyCycle[] = [];
  for (const { monitor } of edges) {
    if (state.has(monitor)) continue;
    // Depth first without recursion: a chain may be as long as the fleet.
    const path: { readonly edge: DependencyEdges; next: number }[] = [];
    const enter = (name: string) => {
      const edge = byName.get(name);
      if (edge === undefined) return;
      state.set(name, OPEN);
      path.push({ edge, next: 0 });
    };
    enter(monitor);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const parent = top.edge.dependsOn[top.next++];
      if (parent === undefined) {
        state.set(top.edge.monitor, DONE);
        path.pop();
      } else if (state.get(parent) === undefined) {
        enter(parent);
      } else if (state.get(parent) === OPEN && parent !== top.edge.monitor) {
        const from = path.findIndex(({ edge }) => edge.monitor === parent);
        const names = path.slice(from).map(({ edge }) => edge.monitor);
        const { place } = byName.get(parent) as DependencyEdges;
        cycles.push({ monitor: parent, place, path: [...names, parent] });
      }
    }
  }
  return cycles;
}
