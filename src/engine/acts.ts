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
import type {
  AlertDecision,
  Decision,
  OpenRepair,
  PendingAlert,
  RepairEnd,
} from "../model/journal_record.ts";
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
import type { Ledger } from "./ledger.ts";
import type { MonitorLife, Verdict } from "./monitor_life.ts";
import type { Outbox } from "./outbox.ts";
import type { Offer } from "./queue.ts";

export interface ActsOptions {
  readonly world: World;
  readonly life: MonitorLife;
  readonly incidents: Incidents;
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Identities of the world's channels, by index. */
  readonly channelIds: readonly string[];
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

/** A message before it has its place in the order of delivery. */
export type AnnouncedAlert = Omit<AlertDecision, "id" | "channelId">;

/** `row` is beyond those of the world, and orders the deliveries. */
export type Announcement = Omit<Decision, "type" | "alerts" | "remedy"> & {
  readonly alerts: readonly AnnouncedAlert[];
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

type RepairDecision = Pick<Decision, "row" | "monitor" | "incident" | "atWallMs"> & {
  readonly remedy: NonNullable<Decision["remedy"]>;
};

export class Acts {
  readonly #options: ActsOptions;
  /** Repairs that found no place in their queue, in order. */
  #waiting: Repair[] = [];
  #repairsOut = 0;
  /** Repairs that were committed and have no end, by row. */
  readonly #open = new Map<number, Intent>();

  constructor(options: ActsOptions) {
    this.#options = options;
  }

  decide(verdict: Verdict): void {
    const { world, clock, ledger } = this.#options;
    const { row, incident, seq, transition, startRemedy } = verdict;
    ledger.decided({
      type: "decision",
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
  announce({ alerts, ...announcement }: Announcement): void {
    const { ledger, outbox, channelIds } = this.#options;
    ledger.decided({
      ...announcement,
      type: "decision",
      alerts: alerts.map((alert) => ({
        ...alert,
        id: outbox.reserveId(),
        channelId: channelIds[alert.channel] as string,
      })),
      remedy: null,
    });
  }

  /** Commits what was decided in this tick and acts on it when the journal says so. */
  commit(): void {
    this.#options.ledger.commit((decision) => this.#act(decision));
  }

  /** What must not be forgotten if the journal is begun anew. */
  pending(): { readonly alerts: readonly PendingAlert[]; readonly repairs: readonly OpenRepair[] } {
    const { outbox, world, clock, channelIds } = this.#options;
    const alerts = outbox.pending().map(({ id, row, channel, message, attempt, dueMs }) => ({
      id,
      // One of a monitor that left the manifest has no row; messages cut long names.
      monitor: row < world.count ? world.name(row) : message.monitor,
      incident: message.incident,
      channelId: channelIds[channel] as string,
      color: message.color,
      message,
      attempt,
      dueWallMs: dueMs > clock.monoMs() ? clock.wallMs() + dueMs - clock.monoMs() : 0,
    }));
    const repairs = [...this.#open.values()].map(({ incidentNumber: _, ...repair }) => repair);
    return { alerts, repairs };
  }

  /** Hands repairs and alerts that may go now to their lanes. */
  dispatch(nowMs: number): void {
    if (this.#options.guards.frozen) {
      for (const { row, incidentNumber } of this.#waiting.splice(0)) {
        this.#endIntent(row, incidentNumber, { how: "withdrawn", text: "remediation is frozen" });
        this.#options.guards.takeBack(row);
      }
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
    return this.#options.ledger.uncommitted > 0 || this.#waiting.length > 0 || this.#repairsOut > 0 ||
      this.#options.outbox.counts.pending > 0;
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
      succeeded ? "succeeded" : "failed",
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
    this.#endRepair(job, what, "lost");
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
    this.#recordDelivery(delivery, result.outcome, error);
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

  #recordDelivery(
    { id, attempt, dueMs }: { readonly id: number; readonly attempt: number; readonly dueMs: number },
    outcome: number,
    error: string,
  ): void {
    const { ledger, clock } = this.#options;
    const atWallMs = clock.wallMs();
    if (outcome === RETRY) {
      ledger.add({ type: "put-off", id, attempt, dueWallMs: atWallMs + dueMs - clock.monoMs() });
      return;
    }
    const result = outcome === SENT ? "delivered" : "dead";
    ledger.add({ type: "settled", id, result, error, atWallMs });
  }

  #act(decision: Decision): void {
    const { row, remedy } = decision;
    for (const { id, channel, message } of decision.alerts) {
      this.#options.outbox.add({ id, row, channel, message });
    }
    if (remedy !== null) this.#startRepair({ ...decision, remedy });
  }

  #startRepair({ row, monitor, incident: id, atWallMs, remedy }: RepairDecision): void {
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

  #endRepair(job: Pick<JobFields, "row" | "generation">, text: string, how: RepairEnd): void {
    const { incidents, life, metrics, repairEnded, guards } = this.#options;
    this.#repairsOut--;
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

  #compose({ row, incident, seq, transition, alerts }: Verdict): AlertDecision[] {
    const { world, life, clock, outbox, channelIds } = this.#options;
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
      for (const channel of code.channels) {
        const channelId = channelIds[channel] as string;
        decisions.push({ id: outbox.reserveId(), channel, channelId, color, message });
      }
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
