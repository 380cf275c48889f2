/** From what the user set and the fleet asks for to what the engine's pipelines run with on this machine. */
import { availableParallelism } from "node:os";
import { DELIVERY_WINDOW } from "../engine/outbox.ts";
import type { LaneSettings } from "../engine/engine.ts";
import { descriptorLimit } from "../host/limits.ts";
import { type Lane, LANES } from "../lanes/lane.ts";
import type { Settings } from "../manifest/settings.ts";
import type { FleetLoad } from "./fleet_load.ts";

/** Descriptors for everything but checks: runtime, workers, server, files, repairs, alerts. */
export const RESERVED_DESCRIPTORS = 256;

export interface Machine {
  readonly cores: number;
  /** Most open files of this process. */
  readonly descriptors: number;
}

export function thisMachine(): Machine {
  return { cores: availableParallelism(), descriptors: descriptorLimit() };
}

/** Checks in flight that the descriptor limit allows. */
export function slotsByDescriptors(machine: Machine, descriptorsPerCheck: number): number {
  return Math.floor((machine.descriptors - RESERVED_DESCRIPTORS) / descriptorsPerCheck);
}

export interface LaneNeeds {
  readonly fleet: FleetLoad;
  readonly machine: Machine;
  /** Different places that alerts go to. */
  readonly channels: number;
}

export function laneSettings(settings: Settings, needs: LaneNeeds): Readonly<Record<Lane, LaneSettings>> {
  const { fleet, machine, channels } = needs;
  const priors = fleet.priors(settings);
  const of = (lane: Lane): LaneSettings => {
    const set = settings.pipelines[lane];
    const most = lane === "pulse" ? slotsByDescriptors(machine, fleet.descriptorsPerCheck) : set.maxSlots;
    const maxSlots = Math.max(1, Math.min(set.maxSlots, most));
    const least = lane === "code" ? Math.max(set.minSlots, DELIVERY_WINDOW * channels) : set.minSlots;
    return {
      queue: set.queue,
      queueCapacity: set.queueCapacity,
      batchSize: set.batchSize,
      minWorkers: set.minWorkers,
      maxWorkers: set.maxWorkers,
      minSlots: Math.min(least, maxSlots),
      maxSlots,
      sloMs: set.sizingSloMs,
      headroom: set.sizingHeadroomPct,
      cores: machine.cores,
      prior: priors[lane],
    };
  };
  return Object.fromEntries(LANES.map((lane) => [lane, of(lane)])) as Record<Lane, LaneSettings>;
}
