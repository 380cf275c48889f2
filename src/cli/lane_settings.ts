/** From what the user set and the fleet asks for to what the engine's pipelines run with on this machine. */
import { availableParallelism } from "node:os";
import { DELIVERY_WINDOW } from "../engine/outbox.ts";
import type { LaneSettings } from "../engine/engine_options.ts";
import { descriptorLimit } from "../host/limits.ts";
import { type Lane, LANES } from "../lanes/lane.ts";
import type { Settings } from "../manifest/settings.ts";
import type { Prior } from "../sizing/plan.ts";
import type { FleetLoad } from "./fleet_load.ts";

/** Descriptors for everything but checks: runtime, workers, server, files, repairs, alerts. */
export const RESERVED_DESCRIPTORS = 256;

export interface Machine {
  readonly cores: number;
  /** Most open files of this process. */
  readonly descriptors: number;
  /** Checks that can do without the event loop run on the raw engine; absent = no. */
  readonly raw?: boolean;
}

export function thisMachine(options: { readonly raw: boolean }): Machine {
  return { cores: availableParallelism(), descriptors: descriptorLimit(), raw: options.raw };
}

/** What the user set for a lane: both lanes of checks follow `pulse`. */
export function settingsOf(settings: Settings, lane: Lane): Settings["pipelines"]["pulse"] {
  return settings.pipelines[lane === "hosted" ? "pulse" : lane];
}

/** Checks in flight that the descriptor limit allows. */
export function slotsByDescriptors(machine: Machine, descriptorsPerCheck: number): number {
  return Math.floor((machine.descriptors - RESERVED_DESCRIPTORS) / descriptorsPerCheck);
}

/** Why it must not start here, or undefined: being short of descriptors would look like an outage. */
export function shortOfDescriptors(
  machine: Machine,
  settings: Settings,
  fleet: Pick<FleetLoad, "descriptorsPerCheck">,
): string | undefined {
  const needed = settings.pipelines.pulse.minSlots;
  if (slotsByDescriptors(machine, fleet.descriptorsPerCheck) >= needed) return undefined;
  const least = needed * fleet.descriptorsPerCheck + RESERVED_DESCRIPTORS;
  return `Cannot start: ${machine.descriptors} open files are allowed, ${least} are needed ` +
    `(ulimit -n ${least}, or LimitNOFILE=)`;
}

export interface LaneNeeds {
  readonly fleet: FleetLoad;
  readonly machine: Machine;
  /** Different places that alerts go to. */
  readonly channels: number;
}

export function laneSettings(settings: Settings, needs: LaneNeeds): Readonly<Record<Lane, LaneSettings>> {
  const { fleet, machine, channels } = needs;
  const priors = fleet.priors(settings, machine.raw === true);
  const of = (lane: Lane): LaneSettings => {
    const set = settingsOf(settings, lane);
    const most = slotsOfLane(lane, priors, { machine, descriptorsPerCheck: fleet.descriptorsPerCheck });
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

/** Descriptors bound the checks in flight: where both lanes have some, each has half of them; a raw check holds one. */
function slotsOfLane(
  lane: Lane,
  priors: Readonly<Record<Lane, Prior>>,
  of: { readonly machine: Machine; readonly descriptorsPerCheck: number },
): number {
  if (lane !== "pulse" && lane !== "hosted") return Infinity;
  const other = priors[lane === "pulse" ? "hosted" : "pulse"].arrivalsPerSecond > 0;
  const perCheck = lane === "pulse" && of.machine.raw === true ? 1 : of.descriptorsPerCheck;
  return Math.floor(slotsByDescriptors(of.machine, perCheck) / (other ? 2 : 1));
}
