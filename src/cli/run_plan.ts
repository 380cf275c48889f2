/** `cpra plan FILE…`: loads the manifests as a run would and says what they need; nothing is checked, repaired or sent. */
import { streamManifests } from "../manifest/load.ts";
import type { LoaderThreads } from "../manifest/loaders.ts";
import { renderProblems } from "../manifest/problem.ts";
import { resolveSettings, type SettingsLayer } from "../manifest/settings.ts";
import type { Environment } from "../manifest/variables.ts";
import type { Registries } from "../model/plugin.ts";
import { createWorld } from "../world/world.ts";
import { createFleetLoad } from "./fleet_load.ts";
import type { Io } from "./io.ts";
import type { Machine } from "./lane_settings.ts";
import { planReport, renderPlan } from "./plan.ts";

export interface PlanRequest {
  readonly files: readonly string[];
  readonly output: "text" | "json";
  /** Of the file of `--config`. */
  readonly configured: SettingsLayer;
  readonly registries: Registries;
  readonly env: Environment;
  readonly machine: Machine;
  readonly loaders?: LoaderThreads;
}

/** So many monitors are stored to see what their texts take; the texts of the others are taken to be like them. */
const STORED_MONITORS = 100_000;
/** Enough for texts of 4 KiB each; untouched, it costs nothing. */
const STORED_BYTES = STORED_MONITORS * 4096;

/** 0: it can be run here; 1: it cannot, or the manifest or the settings are wrong. */
export async function runPlan(request: PlanRequest, io: Io): Promise<number> {
  const { files, output, configured, registries, env, machine, loaders } = request;
  const fleet = createFleetLoad(registries);
  const world = createWorld({ capacity: STORED_MONITORS, arenaBytes: STORED_BYTES });
  const result = await streamManifests(files, {
    registries,
    env,
    ...(loaders === undefined ? {} : { loaders }),
    onRows: (rows, count) => {
      fleet.addRows(rows, count);
      world.addRows(rows, Math.min(count, STORED_MONITORS - world.count));
    },
  }, (monitor) => {
    if (!monitor.enabled) return;
    fleet.add(monitor);
    if (world.count < STORED_MONITORS) world.add(monitor);
  });
  for (const line of renderProblems(result)) io.err(line);
  const { settings, faults } = resolveSettings([result.settings, configured], { cores: machine.cores });
  for (const fault of faults) io.err(`settings: error: ${fault}`);
  if (!result.ok || faults.length > 0) return 1;
  const arenaBytes = Math.round(world.arenaBytesUsed * Math.max(1, fleet.monitors / STORED_MONITORS));
  const report = planReport({ fleet, settings, machine, channels: world.channels.length, arenaBytes });
  io.out(output === "json" ? JSON.stringify(report, null, 2) : renderPlan(report));
  return report.feasible ? 0 : 1;
}
