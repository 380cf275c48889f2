/**
 * Alerts from their decision until they are composed and committed: decides per channel whether one goes out by itself,
 * in a digest, or not at all, and composes a bounded number per tick, some 20 µs each, so that ten thousand of them stall
 * nothing. As long as an alert of a row is here, the journal is not told where that row stands (ledger.ts): after a crash
 * its trouble is found anew.
 *
 * Conservation: wanted = coalesced + silenced + waiting here + undecided in the ledger + handed to the outbox.
 */
import type { Clock } from "../base/clock.ts";
import { redactTarget } from "../base/redact.ts";
import type { AlertDecision, Standing } from "../model/journal_record.ts";
import type { AlertMessage } from "../model/message.ts";
import { type Suppression } from "../telemetry/metric_table.ts";
import type { Color } from "../model/color.ts";
import type { World } from "../world/world.ts";
import { type AlertIntent, alertIntent } from "./alert_intent.ts";
import { composeAlert } from "./alert_text.ts";
import { Escalations } from "./escalations.ts";
import { Fallbacks } from "./fallbacks.ts";
import type { Incident, Incidents } from "./incidents.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdict } from "./monitor_life.ts";
import type { Delivery, Outbox } from "./outbox.ts";
import { Storms, type StormsOptions } from "./storms.ts";

export interface AlertDeskOptions
  extends Omit<StormsOptions, "single" | "coalesced" | "touch" | "retell" | "store"> {
  readonly world: World;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly incidents: Incidents;
  /** Why alerts of this row are kept back now. */
  readonly keptBack: (row: number) => boolean;
}

/** Alerts composed per tick. */
const COMPOSED_PER_TICK = 128;

export class AlertDesk {
  readonly #options: AlertDeskOptions;
  readonly #storms: Storms;
  readonly #escalations: Escalations;
  readonly #fallbacks: Fallbacks;
  /** To be composed, in the order of their decision. */
  #queue: AlertIntent[] = [];
  #next = 0;
  /** Row → alerts of it that are here, one per channel. */
  readonly #waiting = new Map<number, number>();
  readonly #counts = { wanted: 0, coalesced: 0, silenced: 0, waiting: 0 };

  constructor(options: AlertDeskOptions) {
    this.#options = options;
    const { ledger } = options;
    this.#escalations = new Escalations({
      ...options,
      tell: (row, incident, step, channels) => this.#escalate(row, incident, step, channels),
    });
    this.#fallbacks = new Fallbacks({ ...options, store: ledger });
    this.#storms = new Storms({
      ...options,
      store: ledger,
      touch: (row) => ledger.touch(row),
      single: (intent, channel) => this.#single(intent, channel),
      coalesced: (intent) => {
        this.#counts.coalesced++;
        this.#done(intent.row);
      },
      retell: (intent, channel) => {
        this.#take(intent.row);
        this.#single(intent, channel);
      },
    });
  }

  get counts(): Readonly<{ wanted: number; coalesced: number; silenced: number; waiting: number }> {
    return this.#counts;
  }

  /** The journal must not hear of this row yet. */
  holds(row: number): boolean {
    return this.#waiting.has(row);
  }

  /** What a verdict tells people; composed later. */
  tell({ row, incident, seq, transition, alerts }: Verdict): void {
    const { world, clock } = this.#options;
    const now = { wallMs: clock.wallMs(), monoMs: clock.monoMs() };
    for (const color of alerts) {
      const own = this.#channels(row, color);
      const channels = color === "green"
        ? [...new Set([...own, ...this.#escalations.told(row, incident)])]
        : own;
      this.#offer(alertIntent(world, { row, incident, seq, transition, color }, now), channels);
      if (color === "red") this.#escalations.begin(row, incident);
    }
  }

  #offer(intent: AlertIntent, channels: readonly number[]): void {
    const nowMs = this.#options.clock.monoMs();
    for (const channel of channels) {
      this.#take(intent.row);
      this.#storms.offer(intent, channel, nowMs);
    }
  }

  #escalate(row: number, incident: Incident, step: number, channels: readonly number[]): void {
    const { world, clock } = this.#options;
    const now = { wallMs: clock.wallMs(), monoMs: clock.monoMs() };
    const transition = `escalation ${step + 1}`;
    const seq = ++incident.seq;
    this.#offer(alertIntent(world, { row, incident, seq, transition, color: "red" }, now), channels);
  }

  /** Kept back from people, for now or for good. */
  suppressed(row: number, color: Color, reason: Suppression): void {
    const alerts = this.#channels(row, color).length;
    this.#counts.wanted += alerts;
    this.#counts[reason === "digest" ? "coalesced" : "silenced"] += alerts;
  }

  /** A message that is composed already. */
  announced(alerts: number): void {
    this.#counts.wanted += alerts;
  }

  /** A delivery was given up. */
  died(delivery: Delivery): void {
    this.#fallbacks.died(delivery);
  }

  /** Channels beside its own that have to hear an end, since they got its trigger as a fallback. */
  followers(message: AlertMessage): number[] {
    return message.color === "green" ? this.#fallbacks.takeFollowers(message.dedupKey) : [];
  }

  closed(row: number, incident: Incident): void {
    this.#storms.closed(row, incident);
  }

  /** Composes what is to go out, and decides it. */
  tick(nowMs: number): void {
    this.#escalations.tick(nowMs);
    this.#storms.tick(nowMs);
    this.#fallbacks.tick(nowMs);
    this.#compose(COMPOSED_PER_TICK);
  }

  /** When tick() has something to do. */
  earliestMs(nowMs: number): number {
    if (this.#next < this.#queue.length) return nowMs;
    return Math.min(this.#storms.earliestMs(nowMs), this.#escalations.earliestMs);
  }

  /** An alert is here, or a digest that no message has told yet. */
  get busy(): boolean {
    return this.#counts.waiting > 0 || this.#storms.untold;
  }

  /** What is here of this row is decided now: something that follows has to be on disk after it. */
  settle(row: number): void {
    this.#storms.release(row);
    const waits = this.#queue.slice(this.#next);
    this.#queue = waits.filter((intent) => intent.row !== row);
    this.#next = 0;
    for (const intent of waits) if (intent.row === row) this.#decide(intent);
  }

  /** Nothing stays here: the engine ends, or rows are about to change. */
  flush(): void {
    this.#storms.flush();
    this.#compose(Infinity);
  }

  /** The row is going: its alerts are composed while it still has a name. */
  leave(row: number): void {
    this.settle(row);
    this.#storms.forget(row);
  }

  restore(stored: Standing["facts"]): void {
    this.#storms.restore(stored);
    this.#fallbacks.restore(stored);
  }

  resumed(row: number, incident: Incident): void {
    this.#storms.resumed(row, incident);
    this.#escalations.begin(row, incident);
  }

  #channels(row: number, color: Color): readonly number[] {
    const { world } = this.#options;
    const code = world.policies[world.columns.policy[row] as number]?.codes[color];
    return code === undefined || code.dispatch === "never" ? [] : code.channels;
  }

  #take(row: number): void {
    this.#counts.wanted++;
    this.#counts.waiting++;
    this.#waiting.set(row, (this.#waiting.get(row) ?? 0) + 1);
  }

  #done(row: number): void {
    this.#counts.waiting--;
    const left = (this.#waiting.get(row) as number) - 1;
    if (left > 0) return void this.#waiting.set(row, left);
    this.#waiting.delete(row);
    this.#options.ledger.touch(row);
  }

  #single(intent: AlertIntent, channel: number): void {
    intent.channels.push(channel);
    if (intent.channels.length === 1) this.#queue.push(intent);
  }

  #compose(most: number): void {
    const end = Math.min(this.#queue.length, this.#next + most);
    while (this.#next < end) this.#decide(this.#queue[this.#next++] as AlertIntent);
    if (this.#next < this.#queue.length) return;
    this.#queue = [];
    this.#next = 0;
  }

  #decide(intent: AlertIntent): void {
    const { world, ledger } = this.#options;
    const { row, incident, seq, transition, atWallMs } = intent;
    const alerts = this.#alerts(intent);
    ledger.decided({
      type: "decision",
      row,
      monitor: world.name(row),
      incident: incident.id,
      seq,
      transition,
      atWallMs,
      alerts,
      remedy: null,
    });
    for (let done = 0; done < alerts.length; done++) this.#done(row);
  }

  #alerts(intent: AlertIntent): AlertDecision[] {
    const { outbox, channelIds } = this.#options;
    const message = this.#message(intent);
    const own = intent.channels.splice(0);
    const followers = this.followers(message).filter((channel) => !own.includes(channel));
    for (const _ of followers) this.#take(intent.row);
    return [...own, ...followers].map((channel) => {
      const channelId = channelIds[channel] as string;
      return { id: outbox.reserveId(), channel, channelId, color: intent.color, message };
    });
  }

  #message({ row, incident, seq, transition, color, atWallMs, facts }: AlertIntent): AlertMessage {
    const { world } = this.#options;
    const policy = world.policies[world.columns.policy[row] as number] as World["policies"][number];
    const { groups, labels } = world.attributes(row);
    return composeAlert({
      ...facts,
      color,
      monitor: world.name(row),
      kind: policy.probe.kind,
      target: redactTarget(world.target(row)),
      sinceWallMs: incident.sinceWallMs,
      incident: incident.id,
      transition,
      seq,
      nowWallMs: atWallMs,
      policy,
      groups,
      labels,
    });
  }
}
