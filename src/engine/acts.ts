/**
 * From decisions to acts: composes the messages, commits the decision, and only then hands repairs and alerts to their
 * lanes. The one place through which anything that others can see leaves the engine.
 */
import type { Clock } from "../base/clock.ts";
import { oneLine } from "../base/log.ts";
import { redactTarget } from "../base/redact.ts";
import { REFUSED, RETRY, SENT } from "../lanes/code.ts";
import { CODE, INTERVENTION } from "../lanes/lane.ts";
import type { RemedyJob } from "../lanes/intervention.ts";
import { COLORS } from "../model/color.ts";
import { EVENT } from "../model/event.ts";
import { PASS } from "../model/outcome.ts";
import type { DeliveryResult } from "../model/plugin.ts";
import type { JobFields, JobRequest, ResultFields } from "../shm/records.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import {
  ALERT_LOST,
  ALERT_REFUSED,
  ALERT_RETRY,
  ALERT_SENT,
  INTERVENTION_FAILED,
  INTERVENTION_LOST,
  INTERVENTION_SUCCEEDED,
} from "../telemetry/metric_table.ts";
import type { World } from "../world/world.ts";
import { composeAlert } from "./alert_text.ts";
import { type Incidents, recordTried } from "./incidents.ts";
import type { AlertDecision, Decision, JournalPort } from "./journal_port.ts";
import type { MonitorLife, Verdict } from "./monitor_life.ts";
import type { Outbox } from "./outbox.ts";
import type { Offer } from "./queue.ts";

export interface ActsOptions {
  readonly world: World;
  readonly life: MonitorLife;
  readonly incidents: Incidents;
  readonly outbox: Outbox;
  readonly journal: JournalPort;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Kinds of remedies in the order of the metrics' dimension. */
  readonly remedyKinds: readonly string[];
  readonly offerRepair: (job: JobRequest, payload: Uint8Array) => Offer;
  readonly offerAlert: (job: JobRequest, payload: Uint8Array) => Offer;
  /** A remedy of this row ended, before its event is applied. */
  readonly repairEnded: (row: number) => void;
  readonly guards: RepairGuards;
}

/** What keeps watch over repairs on their way; see protection.ts. */
export interface RepairGuards {
  /** No repair may begin now, not even one that was decided. */
  readonly frozen: boolean;
  takeBack(row: number): void;
  repairBegun(row: number, job: RemedyJob): void;
  /** It will not run (any more); `line` tells what it did. */
  repairOver(row: number, line: string | undefined): void;
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

interface Repair {
  readonly row: number;
  readonly incidentNumber: number;
  readonly job: RemedyJob;
}

export class Acts {
  readonly #options: ActsOptions;
  #decided: Decision[] = [];
  #uncommitted = 0;
  /** Repairs that found no place in their queue, in order. */
  #waiting: Repair[] = [];
  #repairsOut = 0;

  constructor(options: ActsOptions) {
    this.#options = options;
  }

  decide(verdict: Verdict): void {
    const { world, clock } = this.#options;
    const { row, incident, seq, transition, startRemedy } = verdict;
    this.#decided.push({
      row,
      monitor: world.name(row),
      incident: incident.id,
      seq,
      transition,
      atWallMs: clock.wallMs(),
      alerts: this.#compose(verdict),
      remedy: startRemedy ? { attempt: world.columns.attempts[row] as number, error: incident.error } : null,
    });
  }

  /** A decision about no single monitor: the digest of many. */
  announce(decision: Decision): void {
    this.#decided.push(decision);
  }

  /** Commits what was decided in this tick and acts on it when the journal says so. */
  commit(): void {
    if (this.#decided.length === 0) return;
    const batch = this.#decided;
    this.#decided = [];
    this.#uncommitted++;
    this.#options.journal.commit(batch, () => {
      this.#uncommitted--;
      for (const decision of batch) this.#act(decision);
    });
  }

  /** Hands repairs and alerts that may go now to their lanes. */
  dispatch(nowMs: number): void {
    if (this.#options.guards.frozen) {
      for (const { row } of this.#waiting.splice(0)) this.#options.guards.takeBack(row);
    }
    while (this.#waiting.length > 0 && this.#offer(this.#waiting[0] as Repair)) this.#waiting.shift();
    this.#options.outbox.due(nowMs, (delivery) => {
      const payload = ENCODER.encode(JSON.stringify(delivery.message));
      const { row, channel, id } = delivery;
      const job = { row, generation: 0, flags: 0, sentUs: (nowMs * 1000) >>> 0, aux0: channel, aux1: id };
      return this.#options.offerAlert(job, payload) !== "deferred";
    });
    this.#options.metrics.setAlertsPending(this.#options.outbox.counts.pending);
  }

  /** True while something decided has not come to its end. */
  get busy(): boolean {
    return this.#uncommitted > 0 || this.#waiting.length > 0 || this.#repairsOut > 0 ||
      this.#options.outbox.counts.pending > 0;
  }

  get repairsRunning(): number {
    return this.#repairsOut + this.#waiting.length;
  }

  repairResult(result: Readonly<ResultFields>, text: Uint8Array): void {
    const { metrics } = this.#options;
    const succeeded = result.outcome === PASS;
    metrics.observeQueueWait(INTERVENTION, result.waitUs);
    metrics.countIntervention(
      this.#remedyIndex(result.row),
      succeeded ? INTERVENTION_SUCCEEDED : INTERVENTION_FAILED,
      result.serviceUs,
    );
    this.#endRepair(
      result,
      oneLine(DECODER.decode(text.slice())),
      succeeded ? EVENT.remedySucceeded : EVENT.remedyFailed,
    );
  }

  /** A remedy whose worker is gone is never run again: nobody knows how far it came. The next checks tell. */
  repairOrphaned(job: Readonly<JobFields>, payload: Uint8Array, lost: boolean): void {
    const { metrics } = this.#options;
    if (!lost) {
      // Not begun: it goes to another worker.
      this.#repairsOut--;
      const again = JSON.parse(DECODER.decode(payload.slice())) as RemedyJob;
      this.#waiting.push({ row: job.row, incidentNumber: job.generation, job: again });
      return;
    }
    metrics.countIntervention(this.#remedyIndex(job.row), INTERVENTION_LOST, 0);
    const kind = this.#options.life.policy(job.row).remedy?.kind ?? "remedy";
    const what = `${kind}: outcome unknown, its worker was lost; not run again`;
    this.#endRepair(job, what, EVENT.remedySucceeded, "lost");
  }

  alertResult(result: Readonly<ResultFields>, text: Uint8Array): void {
    const { outbox, metrics, clock } = this.#options;
    const error = DECODER.decode(text.slice());
    metrics.observeQueueWait(CODE, result.waitUs);
    const delivery = outbox.settle(
      result.aux1,
      deliveryOf(result.outcome, error, result.value),
      clock.monoMs(),
    );
    if (delivery === undefined) return metrics.countLateResult();
    metrics.countAlert(
      result.aux0,
      COLORS.indexOf(delivery.message.color),
      ALERT_OUTCOME_OF[result.outcome] as number,
    );
    if (result.outcome === SENT) {
      metrics.observeAlertDelay(Math.max(0, clock.wallMs() - Date.parse(delivery.message.at)) * 1000);
    }
  }

  alertOrphaned(job: Readonly<JobFields>): void {
    const { outbox, metrics, clock } = this.#options;
    const delivery = outbox.lost(job.aux1, clock.monoMs());
    if (delivery !== undefined) {
      metrics.countAlert(job.aux0, COLORS.indexOf(delivery.message.color), ALERT_LOST);
    }
    metrics.countRequeued(CODE, 1);
  }

  #act(decision: Decision): void {
    const { outbox, incidents } = this.#options;
    for (const { channel, message } of decision.alerts) outbox.add({ row: decision.row, channel, message });
    if (decision.remedy === null) return;
    const incident = incidents.of(decision.row);
    if (incident?.id !== decision.incident) return this.#options.guards.repairOver(decision.row, undefined);
    this.#waiting.push({
      row: decision.row,
      incidentNumber: incident.number,
      job: { incident: decision.incident, ...decision.remedy },
    });
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
    this.#repairsOut++;
    this.#options.guards.repairBegun(row, job);
    return true;
  }

  #endRepair(job: Pick<JobFields, "row" | "generation">, line: string, event: number, lost?: "lost"): void {
    const { incidents, life, metrics, repairEnded } = this.#options;
    this.#repairsOut--;
    this.#options.guards.repairOver(job.row, line);
    const incident = incidents.of(job.row);
    if (incident?.number !== job.generation) return metrics.countLateResult();
    recordTried(incident, line);
    repairEnded(job.row);
    life.apply(job.row, event, undefined, lost === undefined ? undefined : "cyan");
  }

  #compose({ row, incident, seq, transition, alerts }: Verdict): AlertDecision[] {
    const { world, life, clock } = this.#options;
    const policy = life.policy(row);
    const decisions: AlertDecision[] = [];
    for (const color of alerts) {
      const code = policy.codes[color];
      if (code === undefined || code.dispatch === "never") continue;
      const { groups, labels } = world.attributes(row);
      const { columns } = world;
      const message = composeAlert({
        color,
        monitor: world.name(row),
        kind: policy.probe.kind,
        target: redactTarget(world.target(row)),
        error: incident.error,
        output: incident.output,
        sinceWallMs: incident.sinceWallMs,
        failingForMs: Math.max(0, clock.monoMs() - incident.sinceMonoMs),
        failures: columns.failures[row] as number,
        attempts: columns.attempts[row] as number,
        tried: incident.tried,
        held: incident.held,
        incident: incident.id,
        transition,
        seq,
        nowWallMs: clock.wallMs(),
        policy,
        groups,
        labels,
      });
      for (const channel of code.channels) decisions.push({ channel, color, message });
    }
    return decisions;
  }

  #remedyIndex(row: number): number {
    return Math.max(0, this.#options.remedyKinds.indexOf(this.#options.life.policy(row).remedy?.kind ?? ""));
  }
}

/** The code lane's outcome → the metric's. */
const ALERT_OUTCOME_OF: Readonly<Record<number, number>> = {
  [SENT]: ALERT_SENT,
  [RETRY]: ALERT_RETRY,
  [REFUSED]: ALERT_REFUSED,
};

function deliveryOf(outcome: number, error: string, retryAfterMs: number): DeliveryResult {
  if (outcome === SENT) return { result: "sent" };
  if (outcome === REFUSED) return { result: "refused", error };
  return retryAfterMs > 0 ? { result: "retry", error, retryAfterMs } : { result: "retry", error };
}
