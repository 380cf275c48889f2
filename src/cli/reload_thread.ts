/**
 * The reload thread: reads and validates a manifest as a start would, compares it with the world that runs, and hands over
 * what is to be done. The engine goes on meanwhile. One request, one answer; the thread is ended then.
 */
import { type PlannedSwap, planSwap } from "../engine/swap_plan.ts";
import { streamManifests } from "../manifest/load.ts";
import { renderProblems } from "../manifest/problem.ts";
import type { SettingsLayer } from "../manifest/settings.ts";
import type { MaintenanceWindow } from "../model/maintenance.ts";
import type { Registries } from "../model/plugin.ts";
import { attachWorld, createWorld, WorldFullError, type WorldHandle } from "../world/world.ts";
import type { CacheRequest } from "./cache_key.ts";

export interface ReloadRequest extends CacheRequest {
  /** The world that runs. */
  readonly running: WorldHandle;
  readonly freeRows: Uint32Array;
  readonly windowsBefore: readonly MaintenanceWindow[];
}

export type ReloadAnswer =
  /** One line per problem, with file, line and column. */
  | { readonly type: "refused"; readonly problems: readonly string[] }
  /** A fault of ours. */
  | { readonly type: "failed"; readonly error: string }
  | {
    readonly type: "read";
    readonly plan: PlannedSwap;
    readonly warnings: readonly string[];
    readonly settings: SettingsLayer;
    readonly windows: readonly MaintenanceWindow[];
  };

export interface ReloadScope {
  onmessage: ((event: MessageEvent<ReloadRequest>) => void) | null;
  postMessage(message: ReloadAnswer): void;
}

export function startReloadThread(scope: ReloadScope, registries: Registries): void {
  scope.onmessage = async ({ data }) => {
    const fault = (error: unknown): ReloadAnswer => ({ type: "failed", error: String(error) });
    scope.postMessage(await read(data, registries).catch(fault));
  };
}

async function read(request: ReloadRequest, registries: Registries): Promise<ReloadAnswer> {
  const { sources, env, flags, running, freeRows, windowsBefore } = request;
  const candidate = createWorld({ capacity: running.capacity });
  let result;
  try {
    result = await streamManifests(sources, { registries, env, ...flags }, (monitor) => {
      if (monitor.enabled) candidate.add(monitor);
    });
  } catch (error) {
    if (!(error instanceof WorldFullError)) throw error;
    return { type: "refused", problems: [error.message] };
  }
  const problems = renderProblems(result);
  if (!result.ok) return { type: "refused", problems };
  const { settings, maintenance: windows } = result;
  const plan = planSwap({ running: attachWorld(running), candidate, freeRows, windows, windowsBefore });
  return { type: "read", plan, warnings: problems, settings, windows };
}
