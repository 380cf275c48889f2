/**
 * From decisions to acts: composes the messages, commits the decision, and only then hands repairs and alerts to their
 * lanes. The one place through which anything that others can see leaves the engine.
 */
import { redactTarget } from "../base/redact.ts";
import type { AlertDecision, Decision, OpenRepair, PendingAlert } from "../model/journal_record.ts";
import { composeAlert } from "./alert_text.ts";
import { Deliveries, type DeliveriesOptions } from "./deliveries.ts";
import type { Verdict } from "./monitor_life.ts";
import { Repairs, type RepairsOptions } from "./repairs.ts";

export type ActsOptions = RepairsOptions & DeliveriesOptions;

/** A message before it has its place in the order of delivery. */
export type AnnouncedAlert = Omit<AlertDecision, "id" | "channelId">;

/** `row` is beyond those of the world, and orders the deliveries. */
export type Announcement = Omit<Decision, "type" | "alerts" | "remedy"> & {
  readonly alerts: readonly AnnouncedAlert[];
};

export class Acts {
  readonly #options: ActsOptions;
  readonly repairs: Repairs;
  readonly deliveries: Deliveries;

  constructor(options: ActsOptions) {
    this.#options = options;
    this.repairs = new Repairs(options);
    this.deliveries = new Deliveries(options);
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
    return { alerts: this.deliveries.pending(), repairs: this.repairs.open() };
  }

  /** Hands repairs and alerts that may go now to their lanes. */
  dispatch(nowMs: number): void {
    this.repairs.dispatch();
    this.deliveries.dispatch(nowMs);
  }

  /** True while something decided has not come to its end. */
  get busy(): boolean {
    return this.#options.ledger.uncommitted > 0 || this.repairs.busy ||
      this.#options.outbox.counts.pending > 0;
  }

  #act(decision: Decision): void {
    const { row, remedy } = decision;
    for (const { id, channel, message } of decision.alerts) {
      this.#options.outbox.add({ id, row, channel, message });
    }
    if (remedy !== null) this.repairs.start({ ...decision, remedy });
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
}
