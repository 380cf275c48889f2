/** Alerts between the outbox and the code lane: hands out what is due, and books what came of it. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { REFUSED, RETRY, SENT } from "../lanes/code.ts";
import { CODE } from "../lanes/lane.ts";
import { COLORS } from "../model/color.ts";
import type { PendingAlert } from "../model/journal_record.ts";
import type { DeliveryResult } from "../model/plugin.ts";
import type { JobFields, JobRequest, ResultFields } from "../shm/records.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import { ALERT_LOST, ALERT_REFUSED, ALERT_RETRY, ALERT_SENT } from "../telemetry/metric_table.ts";
import type { World } from "../world/world.ts";
import type { Ledger } from "./ledger.ts";
import type { Delivery, Outbox } from "./outbox.ts";
import type { Offer } from "./queue.ts";

export interface DeliveriesOptions {
  readonly world: World;
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly metrics: EngineMetrics;
  readonly clock: Clock;
  /** Identities of the world's channels, by index. */
  readonly channelIds: readonly string[];
  readonly log: Logger;
  /** It will not be delivered. */
  readonly died: (delivery: Delivery) => void;
  readonly offerAlert: (job: JobRequest, payload: Uint8Array) => Offer;
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
const LOGGED_PER_SECOND = 10;

export class Deliveries {
  readonly #options: DeliveriesOptions;
  #logSecond = 0;
  #logged = 0;
  #unlogged = 0;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** What must not be forgotten if the journal is begun anew. */
  pending(): PendingAlert[] {
    const { outbox, world, clock, channelIds } = this.#options;
    return outbox.pending().map(({ id, row, channel, message, attempt, dueMs }) => ({
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
  }

  dispatch(nowMs: number): void {
    const { outbox, offerAlert, metrics } = this.#options;
    outbox.due(nowMs, (delivery) => {
      const payload = ENCODER.encode(JSON.stringify(delivery.message));
      const { row, channel, id } = delivery;
      const job = { row, generation: 0, flags: 0, sentUs: (nowMs * 1000) >>> 0, aux0: channel, aux1: id };
      return offerAlert(job, payload) !== "deferred";
    });
    metrics.setAlertsPending(outbox.counts.pending);
  }

  result(result: Readonly<ResultFields>, text: Uint8Array): void {
    const { outbox, metrics, clock } = this.#options;
    const error = DECODER.decode(text.slice());
    metrics.observeQueueWait(CODE, result.waitUs);
    const delivery = outbox.settle(
      result.aux1,
      deliveryOf(result.outcome, error, result.value),
      clock.monoMs(),
    );
    if (delivery === undefined) return metrics.countLateResult();
    this.#record(delivery, result.outcome, error);
    if (result.outcome === REFUSED) this.#bury(delivery, error);
    metrics.countAlert(
      result.aux0,
      COLORS.indexOf(delivery.message.color),
      ALERT_OUTCOME_OF[result.outcome] as number,
    );
    if (result.outcome === SENT) {
      metrics.observeAlertDelay(Math.max(0, clock.wallMs() - Date.parse(delivery.message.at)) * 1000);
    }
  }

  orphaned(job: Readonly<JobFields>): void {
    const { outbox, metrics, clock } = this.#options;
    const delivery = outbox.lost(job.aux1, clock.monoMs());
    if (delivery !== undefined) {
      metrics.countAlert(job.aux0, COLORS.indexOf(delivery.message.color), ALERT_LOST);
    }
    metrics.countRequeued(CODE, 1);
  }

  /** A dead letter is an alert itself: to the fallback, and in any case to the log, a bounded number a second. */
  #bury(delivery: Delivery, error: string): void {
    const { log, clock, died } = this.#options;
    died(delivery);
    const second = Math.floor(clock.monoMs() / 1000);
    if (second !== this.#logSecond) {
      if (this.#unlogged > 0) log.error("More alerts were refused", { alerts: this.#unlogged });
      this.#logSecond = second;
      this.#logged = this.#unlogged = 0;
    }
    if (this.#logged++ >= LOGGED_PER_SECOND) return void this.#unlogged++;
    const { monitor, color } = delivery.message;
    log.error("An alert was refused and is a dead letter", { monitor, color, error });
  }

  #record(
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
