/**
 * From decisions to acts: has the messages composed, commits the decision, and only then hands repairs and alerts to their
 * lanes. The one place through which anything that others can see leaves the engine.
 */
import type { Decision, OpenRepair, PendingAlert } from "../model/journal_record.ts";
import { AlertDesk, type AlertDeskOptions } from "./alert_desk.ts";
import { Deliveries, type DeliveriesOptions } from "./deliveries.ts";
import type { Announcement } from "./announcement.ts";
import type { Verdict } from "./monitor_life.ts";
import { Repairs, type RepairsOptions } from "./repairs.ts";

export type ActsOptions =
  & RepairsOptions
  & Omit<DeliveriesOptions, "died">
  & Omit<AlertDeskOptions, "announce">;

export class Acts {
  readonly #options: ActsOptions;
  readonly repairs: Repairs;
  readonly deliveries: Deliveries;
  readonly desk: AlertDesk;
  /** Alerts given to the outbox by this process's own decisions. */
  #handedOver = 0;

  constructor(options: ActsOptions) {
    this.#options = options;
    this.repairs = new Repairs(options);
    this.deliveries = new Deliveries({ ...options, died: (delivery) => this.desk.died(delivery) });
    this.desk = new AlertDesk({ ...options, announce: (announcement) => this.announce(announcement) });
  }

  decide(verdict: Verdict): void {
    const { world, clock, ledger } = this.#options;
    const { row, incident, seq, transition, startRemedy } = verdict;
    this.desk.tell(verdict);
    if (!startRemedy) return ledger.touch(row);
    // The intent has to be on disk with all that was decided before it.
    if (this.desk.holds(row)) this.desk.settle(row);
    ledger.decided({
      type: "decision",
      row,
      monitor: world.name(row),
      incident: incident.id,
      seq,
      transition,
      atWallMs: clock.wallMs(),
      alerts: [],
      remedy: { attempt: world.columns.attempts[row] as number, error: incident.error },
    });
  }

  /** A decision about no single monitor: the digest of many. */
  announce({ alerts, ...announcement }: Announcement): void {
    const { ledger, outbox, channelIds } = this.#options;
    const told = new Set(alerts.map(({ channel }) => channel));
    const more = alerts.flatMap((alert) =>
      this.desk.followers(alert.message).filter((channel) => !told.has(channel))
        .map((channel) => ({ ...alert, channel }))
    );
    this.desk.announced(alerts.length + more.length);
    ledger.decided({
      ...announcement,
      type: "decision",
      alerts: [...alerts, ...more].map((alert) => ({
        ...alert,
        id: outbox.reserveId(),
        channelId: channelIds[alert.channel] as string,
      })),
      remedy: null,
    });
  }

  /** Alerts that are nowhere: 0, or something was lost. */
  unaccounted(): number {
    const { ledger, outbox } = this.#options;
    const { wanted, coalesced, silenced, waiting } = this.desk.counts;
    const known = coalesced + silenced + waiting + ledger.alertsUncommitted + this.#handedOver;
    return wanted - known + outbox.unaccounted();
  }

  /** Commits what was decided in this tick and acts on it when the journal says so. */
  commit(): void {
    this.#options.ledger.commit((decision) => this.#act(decision));
  }

  /** What must not be forgotten if the journal is begun anew. */
  pending(): { readonly alerts: readonly PendingAlert[]; readonly repairs: readonly OpenRepair[] } {
    return { alerts: this.deliveries.pending(), repairs: this.repairs.open() };
  }

  /** Hands repairs and alerts that may go now to their lanes. */
  dispatch(nowMs: number): void {
    this.repairs.dispatch();
    this.deliveries.dispatch(nowMs);
  }

  /** True while something decided has not come to its end. */
  get busy(): boolean {
    return this.#options.ledger.uncommitted > 0 || this.repairs.busy || this.desk.busy ||
      this.#options.outbox.counts.pending > 0;
  }

  /** True while something runs here or could go out now; alerts at a worker or that wait for their next try are none. */
  working(nowMs: number): boolean {
    const { ledger, outbox } = this.#options;
    return ledger.uncommitted > 0 || this.repairs.busy || this.desk.busy ||
      outbox.nextDueMs(nowMs) <= nowMs;
  }

  #act(decision: Decision): void {
    const { row, remedy } = decision;
    const sinceMs = this.#options.clock.monoMs();
    for (const { id, channel, message } of decision.alerts) {
      this.#handedOver++;
      this.#options.outbox.add({ id, row, channel, message, sinceMs });
    }
    if (remedy !== null) this.repairs.start({ ...decision, remedy });
  }
}
