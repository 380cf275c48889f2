/** What the engine is made of: everything that differs between a run, the demo and a simulation. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/prng.ts";
import type { Lane } from "../lanes/lane.ts";
import type { DeliverySettings } from "../model/delivery.ts";
import type { Restored } from "../model/journal_record.ts";
import type { JudgedProbe } from "../model/plugin.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { TickTrace } from "../telemetry/tick_trace.ts";
import type { World } from "../world/world.ts";
import type { JournalPort } from "./journal_port.ts";
import type { LifeEvent } from "./monitor_life.ts";
import type { PipelineSettings } from "./pipeline.ts";
import type { ProtectionInputs } from "./protection.ts";
import type { SizerSettings } from "./sizer.ts";
import type { SpawnWorker } from "./worker_port.ts";

export type LaneSettings = PipelineSettings & SizerSettings;

export interface EngineOptions {
  readonly world: World;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: JournalPort;
  /** What an earlier process left. */
  readonly restored?: Restored;
  readonly log: Logger;
  readonly spawn: SpawnWorker;
  readonly settings: Readonly<Record<Lane, LaneSettings>>;
  /** Whether the pulse lane runs this row's checks, else the hosted lane; absent = all of them. Asked once per row. */
  readonly runsOnPulse?: (row: number) => boolean;
  readonly probeKinds: readonly string[];
  /** Kinds whose monitors the engine judges itself; absent = none. */
  readonly judged?: readonly JudgedProbe[];
  readonly remedyKinds: readonly string[];
  /** Unique over restarts; `number` is unique within this process. */
  readonly newIncidentId: (number: number) => string;
  readonly protection: ProtectionInputs;
  readonly delivery: DeliverySettings;
  readonly observe: (event: LifeEvent) => void;
  /** Records the stages of ticks while asked to. */
  readonly trace?: TickTrace;
}
