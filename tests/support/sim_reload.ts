/** Another manifest for a running simulation, by the very steps of a reload but for the threads. */
import { type PlannedSwap, planSwap } from "../../src/engine/swap_plan.ts";
import type { MaintenanceWindow } from "../../src/model/maintenance.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { attachWorld, createWorld } from "../../src/world/world.ts";
import type { Sim } from "./sim_engine.ts";

export interface SimManifest {
  readonly monitors: readonly MonitorSpec[];
  readonly windows?: readonly MaintenanceWindow[];
  readonly windowsBefore?: readonly MaintenanceWindow[];
}

/** Compares and begins the swap; run() until `done` says so. */
export function beginReload(
  sim: Sim,
  { monitors, windows = [], windowsBefore = [] }: SimManifest,
): { readonly plan: PlannedSwap; done: boolean } {
  const candidate = createWorld({ capacity: sim.world.capacity });
  for (const spec of monitors) candidate.add(spec);
  const plan = planSwap({
    running: attachWorld(sim.world.handle()),
    candidate,
    freeRows: sim.engine.freeRows(),
    windows,
    windowsBefore,
  });
  const reload = { plan, done: false };
  const told = { extended() {}, done: () => void (reload.done = true) };
  sim.engine.swap({ ...plan, candidate: attachWorld(plan.candidate) }, told);
  return reload;
}
