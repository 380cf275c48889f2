/**
 * What a fleet needs on this machine, without running it: `cpra plan`. The numbers are those with which a run begins, from
 * the same assumptions (fleet_load.ts) and the same decision (sizing/plan.ts), so that the plan and the run agree.
 * Memory of rows and texts is exact; memory of threads and sockets is estimated, and said to be.
 */
import { formatDuration } from "../base/duration.ts";
import { type Lane, LANES } from "../lanes/lane.ts";
import type { Settings } from "../manifest/settings.ts";
import { decide, type SizingDecision } from "../sizing/plan.ts";
import { columnLayout } from "../world/columns.ts";
import { ASSUMED_CHANGING, ASSUMED_WITHIN_MS, type FleetLoad } from "./fleet_load.ts";
import { laneSettings, type Machine, RESERVED_DESCRIPTORS } from "./lane_settings.ts";

export interface PlanInput {
  readonly fleet: FleetLoad;
  readonly settings: Settings;
  readonly machine: Machine;
  /** Bytes of the texts of these monitors, as stored. */
  readonly arenaBytes: number;
  /** Different places that alerts go to. */
  readonly channels: number;
}

export interface PlanReport {
  readonly feasible: boolean;
  /** Why not: each names the limit and how to raise it. */
  readonly refusals: readonly string[];
  readonly monitors: number;
  readonly kinds: Readonly<Record<string, number>>;
  /** Repairs and alerts follow from it: so much of the fleet changes its state within so long. */
  readonly assumed: { readonly changing: number; readonly withinMs: number };
  readonly pipelines: readonly PipelinePlan[];
  readonly memory: MemoryPlan;
  readonly descriptors: DescriptorPlan;
}

export interface PipelinePlan {
  readonly pipeline: Lane;
  readonly arrivalsPerSecond: number;
  /** Assumed until measured. */
  readonly serviceMs: number;
  readonly cpuMs: number;
  readonly offeredErlangs: number;
  readonly slots: number;
  readonly workers: number;
  /** Wait for a slot; null when it grows without bound. */
  readonly waitMs: { readonly p50: number | null; readonly p95: number | null; readonly p99: number | null };
  readonly sloMs: number;
  readonly headroom: number;
}

export interface MemoryPlan {
  readonly rowBytes: number;
  readonly textBytes: number;
  readonly bytesPerMonitor: number;
  /** The runtime itself, the worker threads and a socket with its buffers for each slot; estimated. */
  readonly processBytes: number;
  readonly totalBytes: number;
}

export interface DescriptorPlan {
  readonly needed: number;
  /** Of those, for everything but checks. */
  readonly reserved: number;
  readonly perCheck: number;
  readonly limit: number;
}

/** The runtime with nothing to do; measured 34 MB (Bun) and 46 MB (Deno). */
const RUNTIME_BYTES = 48e6;
/** Measured 1.7 MB (Bun) and 8.4 MB (Deno). */
const WORKER_BYTES = 8.4e6;
/** A socket, its buffers and what the runtime keeps beside it. */
const SLOT_BYTES = 16_384;

export function planReport({ fleet, settings, machine, channels, arenaBytes }: PlanInput): PlanReport {
  // Slots are planned as if descriptors were no matter: what lacks is then said in descriptors, not in slots.
  const unlimited = { ...machine, descriptors: Number.MAX_SAFE_INTEGER };
  const lanes = laneSettings(settings, { fleet, machine: unlimited, channels });
  const decisions = LANES.map((lane) => {
    const { minSlots, maxSlots, minWorkers, maxWorkers, queueCapacity, cores, sloMs, headroom, prior } =
      lanes[lane];
    const limits = {
      minSlots,
      maxSlots,
      minThreads: minWorkers,
      maxThreads: maxWorkers,
      slotsPerThread: queueCapacity,
      cores,
    };
    const measured = { ...prior, waitMs: 0, arrivals: 0, services: 0 };
    return decide({ limits, sloMs, headroom, measured, prior }, undefined, 0);
  });
  const pipelines = decisions.map((decision, index) => {
    const lane = LANES[index] as Lane;
    return pipelinePlan(lane, decision, lanes[lane]);
  });
  const descriptors = descriptorPlan(pipelines, fleet, machine);
  const refusals = [
    ...tooMany(fleet.monitors, settings.maxMonitors),
    ...decisions.flatMap(({ shortfalls }, index) =>
      shortfalls.map((shortfall) => `${LANES[index]}: ${shortfall}`)
    ),
    ...tooFewDescriptors(descriptors),
  ];
  return {
    feasible: refusals.length === 0,
    refusals,
    monitors: fleet.monitors,
    kinds: Object.fromEntries(fleet.kinds),
    assumed: { changing: ASSUMED_CHANGING, withinMs: ASSUMED_WITHIN_MS },
    pipelines,
    memory: memoryPlan({ monitors: fleet.monitors, arenaBytes, pipelines }),
    descriptors,
  };
}

function pipelinePlan(
  pipeline: Lane,
  decision: SizingDecision,
  { sloMs, headroom }: { readonly sloMs: number; readonly headroom: number },
): PipelinePlan {
  const { traffic, state, wait, offeredErlangs } = decision;
  const bounded = (ms: number) => Number.isFinite(ms) ? ms : null;
  return {
    pipeline,
    arrivalsPerSecond: traffic.arrivalsPerSecond,
    serviceMs: traffic.serviceMs,
    cpuMs: traffic.cpuMs,
    offeredErlangs,
    slots: state.slots.value,
    workers: state.threads.value,
    waitMs: { p50: bounded(wait.p50Ms), p95: bounded(wait.p95Ms), p99: bounded(wait.p99Ms) },
    sloMs,
    headroom,
  };
}

interface MemoryInput {
  readonly monitors: number;
  readonly arenaBytes: number;
  readonly pipelines: readonly PipelinePlan[];
}

function memoryPlan({ monitors, arenaBytes, pipelines }: MemoryInput): MemoryPlan {
  const rowBytes = columnLayout(monitors).bytes;
  const workers = pipelines.reduce((sum, each) => sum + each.workers, 0);
  const slots = pipelines.reduce((sum, each) => sum + each.slots, 0);
  const processBytes = RUNTIME_BYTES + workers * WORKER_BYTES + slots * SLOT_BYTES;
  return {
    rowBytes,
    textBytes: arenaBytes,
    bytesPerMonitor: monitors === 0 ? 0 : (rowBytes + arenaBytes) / monitors,
    processBytes,
    totalBytes: rowBytes + arenaBytes + processBytes,
  };
}

function descriptorPlan(
  pipelines: readonly PipelinePlan[],
  fleet: FleetLoad,
  machine: Machine,
): DescriptorPlan {
  const held = {
    pulse: machine.raw === true ? 1 : fleet.descriptorsPerCheck,
    hosted: fleet.descriptorsPerCheck,
  };
  let needed = RESERVED_DESCRIPTORS;
  for (const { pipeline, slots, arrivalsPerSecond } of pipelines) {
    if ((pipeline === "pulse" || pipeline === "hosted") && arrivalsPerSecond > 0) {
      needed += slots * held[pipeline];
    }
  }
  return {
    needed,
    reserved: RESERVED_DESCRIPTORS,
    perCheck: fleet.descriptorsPerCheck,
    limit: machine.descriptors,
  };
}

function tooMany(monitors: number, maxMonitors: number): string[] {
  if (monitors <= maxMonitors) return [];
  return [
    `${grouped(monitors)} monitors are more than max_monitors allows; raise it (now ${grouped(maxMonitors)})`,
  ];
}

function tooFewDescriptors({ needed, limit }: DescriptorPlan): string[] {
  if (needed <= limit) return [];
  return [
    `${grouped(needed)} open files are needed, ${grouped(limit)} are allowed; ` +
    `raise the limit (ulimit -n ${needed}, or LimitNOFILE=${needed})`,
  ];
}

/** For a person; ends without a line feed. */
export function renderPlan(report: PlanReport): string {
  const { monitors, kinds, assumed, pipelines, memory, descriptors, feasible, refusals } = report;
  const mix = Object.entries(kinds).map(([kind, count]) => `${kind} ${grouped(count)}`).join(", ");
  const header = [
    "pipeline",
    "jobs/s",
    "service",
    "erlangs",
    "slots",
    "workers",
    "wait P50",
    "P95",
    "P99",
    "SLO P95",
  ];
  return [
    `Plan for ${grouped(monitors)} ${monitors === 1 ? "monitor" : "monitors"}${
      mix === "" ? "" : ` (${mix})`
    }`,
    "",
    ...table([header, ...pipelines.map(pipelineCells)]),
    "",
    `Repairs and alerts: assumed that ${assumed.changing * 100} % of the fleet changes its state within ` +
    `${formatDuration(assumed.withinMs)}. Service times are assumed until they are measured.`,
    `Memory: about ${megabytes(memory.totalBytes)}: rows and texts ${
      megabytes(memory.rowBytes + memory.textBytes)
    } ` +
    `(${Math.round(memory.bytesPerMonitor)} bytes a monitor), process about ${
      megabytes(memory.processBytes)
    }`,
    `Open files: ${grouped(descriptors.needed)} needed (${descriptors.reserved} for the process, ` +
    `${descriptors.perCheck} a check in flight), ${grouped(descriptors.limit)} allowed`,
    "",
    ...(feasible
      ? ["This machine can run it."]
      : ["This machine cannot run it:", ...refusals.map((each) => `  ${each}`)]),
  ].join("\n");
}

function pipelineCells(plan: PipelinePlan): string[] {
  const wait = (ms: number | null) => ms === null ? "unbounded" : formatDuration(significant(ms));
  return [
    plan.pipeline,
    String(significant(plan.arrivalsPerSecond)),
    formatDuration(significant(plan.serviceMs)),
    String(significant(plan.offeredErlangs)),
    grouped(plan.slots),
    grouped(plan.workers),
    wait(plan.waitMs.p50),
    wait(plan.waitMs.p95),
    wait(plan.waitMs.p99),
    formatDuration(plan.sloMs),
  ];
}

/** The first column to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length))
  );
  return rows.map((row) => {
    return row.map((cell, column) => {
      const width = widths[column] as number;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ");
  });
}

function significant(value: number): number {
  return Number(value.toPrecision(3));
}

function megabytes(bytes: number): string {
  return `${significant(bytes / 1e6)} MB`;
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
