/**
 * From one manifest to another while everything runs, some rows a tick: what left goes, what changed is rewritten, what is
 * new begins. State, incidents and phases stay with the name. What is given here was read, validated and compared elsewhere
 * (world/difference.ts, cli/reload_thread.ts), so nothing here can be refused.
 *
 *   workers (only for new policies or channels: fresh ones, until no old one begins anything) ─► rows ─► sizes, windows
 *
 * A check that is out for a row that changes or goes comes back with an old number and is a late result. A repair that runs
 * ends as it would have, and its row is not used again before.
 */
import type { Clock } from "../base/clock.ts";
import { channelIdentity } from "../model/channel_identity.ts";
import { EVENT } from "../model/event.ts";
import { FLAG, STATE } from "../model/state.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import { CHANGED, type Difference } from "../world/difference.ts";
import type { World, WorldView } from "../world/world.ts";
import type { FleetShape } from "./fleet_facts.ts";
import { DELIVERY_WINDOW } from "./outbox.ts";
import type { EngineParts } from "./wiring.ts";

/** Rows per tick: about 3 µs each, more for one that is in trouble. */
const ROWS_PER_TICK = 256;
/** A worker that takes longer to see that it shall end is lost by then: see pool.ts. */
const WORKERS_MS_MAX = 5000;

export interface SwapPlan {
  readonly difference: Difference;
  /** Holds the texts of what is new or changed. */
  readonly candidate: WorldView;
  /** Of the fleet as it will be, by its rows; undefined: as it is. */
  readonly shape: FleetShape | undefined;
}

export interface SwapOptions {
  readonly world: World;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly parts: EngineParts;
  /** Policies and channels are known to the world: who reads them elsewhere needs its new handle. */
  readonly extended: () => void;
}

export class Swap {
  readonly #options: SwapOptions;
  readonly #plan: SwapPlan;
  readonly #begunMs: number;
  #removed = 0;
  #changed = 0;
  #added = 0;

  constructor(plan: SwapPlan, options: SwapOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#begunMs = options.clock.monoMs();
    const { newPolicies, newChannels } = plan.difference;
    if (newPolicies.length === 0 && newChannels.length === 0) return;
    const { world, parts: { pipelines, sizers, outbox, channelIds } } = options;
    world.extend({ policies: newPolicies, channels: newChannels });
    outbox.addChannels(newChannels.length);
    channelIds.push(...newChannels.map(channelIdentity));
    options.extended();
    for (const { pool } of pipelines) pool.renew();
    for (const sizer of sizers) {
      if (sizer.lane === "code") sizer.raiseFloor(DELIVERY_WINDOW * world.channels.length);
    }
  }

  /** Some rows; true when all is done. Before the schedule of the same tick. */
  step(nowMs: number): boolean {
    const { difference: { removed, changed, added }, shape } = this.#plan;
    if (!this.#workersReady(nowMs)) return false;
    for (let budget = ROWS_PER_TICK; budget > 0; budget--) {
      if (this.#removed < removed.length) this.#remove(removed[this.#removed++] as number);
      else if (this.#changed < changed.length) this.#change(this.#changed++, nowMs);
      else if (this.#added < added.length) this.#add(added[this.#added++] as number, nowMs);
      else {
        if (shape !== undefined) this.#options.parts.protection.refit(shape);
        return true;
      }
    }
    return false;
  }

  #workersReady(nowMs: number): boolean {
    if (nowMs - this.#begunMs > WORKERS_MS_MAX) return true;
    return this.#options.parts.pipelines.every(({ pool }) => pool.renewed);
  }

  #remove(row: number): void {
    const { world, parts: { schedule, checks, life, acts, protection } } = this.#options;
    schedule.remove(row);
    life.remove(row);
    acts.desk.leave(row);
    protection.left(row);
    checks.forget(row);
    world.remove(row);
  }

  #change(index: number, nowMs: number): void {
    const { world, parts: { schedule, checks, life, protection } } = this.#options;
    const { changed, changedRow, changedWhat } = this.#plan.difference;
    const row = changedRow[index] as number;
    const what = changedWhat[index] as number;
    const remedyWaited = (what & CHANGED.remedy) !== 0 && protection.remedyChanges(row);
    if (what & (CHANGED.check | CHANGED.interval)) {
      schedule.remove(row);
      checks.forget(row);
    }
    world.rewrite(row, this.#contentOf(changed[index] as number));
    if (what & (CHANGED.check | CHANGED.interval)) schedule.add(row, nowMs);
    const { state, flags } = world.columns;
    const waits = state[row] === STATE.repairing && ((flags[row] as number) & FLAG.backoff) !== 0;
    if ((what & CHANGED.remedy) === 0 || !waits) return;
    // Without a remedy the end of the wait is the end of hope: red.
    if (life.policy(row).remedy === null) life.apply(row, EVENT.backoffElapsed);
    else if (remedyWaited) protection.remedyChanged(row);
  }

  #add(candidateRow: number, nowMs: number): void {
    const { world, metrics, parts: { schedule } } = this.#options;
    const row = this.#plan.difference.rowOf[candidateRow] as number;
    world.place(row, this.#contentOf(candidateRow));
    metrics.addMonitors(STATE.pending, 1);
    schedule.add(row, nowMs);
  }

  #contentOf(row: number) {
    const { candidate, difference: { policyOf } } = this.#plan;
    return {
      name: candidate.name(row),
      target: candidate.target(row),
      remedyTarget: candidate.remedyTarget(row),
      attributes: candidate.attributesText(row),
      policy: policyOf[candidate.columns.policy[row] as number] as number,
    };
  }
}

/** Rows that are no monitors and have nothing under way: a new monitor may have them. */
export function freeRows(world: World, { outbox, acts }: Pick<EngineParts, "outbox" | "acts">): Uint32Array {
  const rows: number[] = [];
  if (world.monitors === world.count) return new Uint32Array(0);
  for (let row = 0; row < world.count; row++) {
    if (world.isMonitor(row) || outbox.pendingOf(row) > 0 || acts.repairs.isOpen(row)) continue;
    rows.push(row);
  }
  return Uint32Array.from(rows);
}
