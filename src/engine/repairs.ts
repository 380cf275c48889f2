/**
 * Repairs that were decided and committed: on their way to their lane, running, and back. Each ends exactly once in the
 * journal. Typical load: a handful; the gate (remedy_gate.ts) lets no more begin.
 */
import type { Clock } from "../base/clock.ts";
import { oneLine } from "../base/log.ts";
import { INTERVENTION } from "../lanes/lane.ts";
import type { RemedyJob } from "../lanes/intervention.ts";
import { EVENT } from "../model/event.ts";
import type { Decision, OpenRepair, RepairEnd } from "../model/journal_record.ts";
import { PASS } from "../model/outcome.ts";
import { remedyAt } from "../model/remedy_steps.ts";
import type { JobFields, JobRequest, ResultFields } from "../shm/records.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import { INTERVENTION_FAILED, INTERVENTION_LOST, INTERVENTION_SUCCEEDED } from "../telemetry/metric_table.ts";
import { type Incidents, recordTried } from "./incidents.ts";
import type { Ledger } from "./ledger.ts";
import type { MonitorLife } from "./monitor_life.ts";
import type { Offer } from "./queue.ts";

export interface RepairsOptions {
  readonly life: MonitorLife;
  readonly incidents: Incidents;
  readonly ledger: Ledger;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Kinds of remedies in the order of the metrics' dimension. */
  readonly remedyKinds: readonly string[];
  readonly offerRepair: (job: JobRequest, payload: Uint8Array) => Offer;
  /** A remedy of this row ended, before its event is applied. */
  readonly repairEnded: (row: number) => void;
  readonly guards: RepairGuards;
}

/** What keeps watch over repairs on their way; see protection.ts. */
export interface RepairGuards {
  /** Why a repair that was decided may not begin now; undefined = it may. */
  forbids(row: number): string | undefined;
  takeBack(row: number): void;
  repairBegun(row: number, job: RemedyJob): void;
  /** It will not run (any more); `line` tells what it did. */
  repairOver(row: number, line: string | undefined): void;
}

export type RepairDecision = Pick<Decision, "row" | "monitor" | "incident" | "atWallMs"> & {
  readonly remedy: NonNullable<Decision["remedy"]>;
};

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** A repair that was committed and has no end yet. */
interface Intent extends OpenRepair {
  readonly incidentNumber: number;
}

interface Repair {
  readonly row: number;
  readonly incidentNumber: number;
  readonly job: RemedyJob;
}

export class Repairs {
  readonly #options: RepairsOptions;
  /** Repairs that found no place in their queue, in order. */
  #waiting: Repair[] = [];
  #out = 0;
  /** Repairs that were committed and have no end, by row. */
  readonly #open = new Map<number, Intent>();

  constructor(options: RepairsOptions) {
    this.#options = options;
  }

  /** True while one has not come to its end. */
  get busy(): boolean {
    return this.#waiting.length > 0 || this.#out > 0;
  }

  /** What must not be forgotten if the journal is begun anew. */
  open(): OpenRepair[] {
    return [...this.#open.values()].map(({ incidentNumber: _, ...repair }) => repair);
  }

  /** One of this row has not come to its end. */
  isOpen(row: number): boolean {
    return this.#open.has(row);
  }

  /** The journal has it: it may begin, if its incident still is there. */
  start({ row, monitor, incident: id, atWallMs, remedy }: RepairDecision): void {
    const { incidents, ledger, clock, guards } = this.#options;
    const incident = incidents.of(row);
    if (incident?.id !== id) {
      const end = { how: "withdrawn", text: "the incident was over before it began" } as const;
      ledger.add({
        type: "repair-ended",
        incident: id,
        attempt: remedy.attempt,
        ...end,
        atWallMs: clock.wallMs(),
      });
      return guards.repairOver(row, undefined);
    }
    const incidentNumber = incident.number;
    this.#open.set(row, { incidentNumber, incident: id, monitor, startedWallMs: atWallMs, ...remedy });
    this.#waiting.push({ row, incidentNumber, job: { incident: id, ...remedy } });
  }

  /** Hands those that may go now to their lane. */
  dispatch(): void {
    if (this.#waiting.length === 0) return;
    const { guards } = this.#options;
    for (const repair of this.#waiting.splice(0)) {
      const { row, incidentNumber } = repair;
      const text = guards.forbids(row);
      if (text === undefined) this.#waiting.push(repair);
      else {
        this.#endIntent(row, incidentNumber, { how: "withdrawn", text });
        guards.takeBack(row);
      }
    }
    while (this.#waiting.length > 0 && this.#offer(this.#waiting[0] as Repair)) this.#waiting.shift();
  }

  result(result: Readonly<ResultFields>, text: Uint8Array): void {
    const { metrics } = this.#options;
    const succeeded = result.outcome === PASS;
    metrics.observeQueueWait(INTERVENTION, result.waitUs);
    metrics.countIntervention(
      this.#remedyIndex(result.row),
      succeeded ? INTERVENTION_SUCCEEDED : INTERVENTION_FAILED,
      result.serviceUs,
    );
    this.#end(
      result,
      oneLine(DECODER.decode(text.slice())),
      succeeded ? "succeeded" : "failed",
    );
  }

  /** A remedy whose worker is gone is never run again: nobody knows how far it came. The next checks tell. */
  orphaned(job: Readonly<JobFields>, payload: Uint8Array, lost: boolean): void {
    const { metrics } = this.#options;
    if (!lost) {
      // Not begun: it goes to another worker.
      this.#out--;
      const again = JSON.parse(DECODER.decode(payload.slice())) as RemedyJob;
      this.#waiting.push({ row: job.row, incidentNumber: job.generation, job: again });
      return;
    }
    metrics.countIntervention(this.#remedyIndex(job.row), INTERVENTION_LOST, 0);
    const what = `${this.#kindOf(job.row) ?? "remedy"}: outcome unknown, its worker was lost; not run again`;
    this.#end(job, what, "lost");
  }

  #offer({ row, incidentNumber, job }: Repair): boolean {
    const { clock, offerRepair } = this.#options;
    const request = {
      row,
      generation: incidentNumber,
      flags: 0,
      sentUs: (clock.monoMs() * 1000) >>> 0,
      aux0: 0,
      aux1: 0,
    };
    if (offerRepair(request, ENCODER.encode(JSON.stringify(job))) === "deferred") return false;
    this.#out++;
    this.#options.guards.repairBegun(row, job);
    return true;
  }

  #end(job: Pick<JobFields, "row" | "generation">, text: string, how: RepairEnd): void {
    const { incidents, life, metrics, repairEnded, guards } = this.#options;
    this.#out--;
    guards.repairOver(job.row, text);
    this.#endIntent(job.row, job.generation, { how, text });
    const incident = incidents.of(job.row);
    if (incident?.number !== job.generation) return metrics.countLateResult();
    recordTried(incident, text);
    repairEnded(job.row);
    // Of a lost one nobody knows the end: to verification, but without the claim that it helped.
    const event = how === "failed" ? EVENT.remedyFailed : EVENT.remedySucceeded;
    life.apply(job.row, event, undefined, how === "lost" ? "cyan" : undefined);
  }

  /** The journal is told once what became of a repair, whether or not its incident still is open. */
  #endIntent(
    row: number,
    incidentNumber: number,
    end: { readonly how: RepairEnd; readonly text: string },
  ): void {
    const { ledger, clock } = this.#options;
    const open = this.#open.get(row);
    if (open?.incidentNumber !== incidentNumber) return;
    this.#open.delete(row);
    const { incident, attempt } = open;
    ledger.add({ type: "repair-ended", incident, attempt, ...end, atWallMs: clock.wallMs() });
  }

  #remedyIndex(row: number): number {
    return Math.max(0, this.#options.remedyKinds.indexOf(this.#kindOf(row) ?? ""));
  }

  /** Of the attempt that is under way. */
  #kindOf(row: number): string | undefined {
    const { life } = this.#options;
    const { remedy } = life.policy(row);
    return remedy === null ? undefined : remedyAt(remedy, "", life.attempts(row)).kind;
  }
}
