/**
 * Another way when a channel does not take a page: the same message goes to the fallback of its code when it has waited too
 * long, or at once when it became a dead letter. Once per page; who got it that way also gets its resolve.
 */
import type { Clock } from "../base/clock.ts";
import type { AlertMessage } from "../model/message.ts";
import type { World } from "../world/world.ts";
import type { Announcement } from "./announcement.ts";
import type { Delivery, Outbox } from "./outbox.ts";

const LOOK_MS = 1000;
/** Pages looked at per channel and look. */
const LOOKS = 256;
/** Fact of the channels that hear the end of what they got as a fallback. */
const FOLLOWS = "fallback of ";

export interface FallbacksOptions {
  readonly world: World;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly channelIds: readonly string[];
  readonly store: { setFact(key: string, value: unknown): void };
  readonly announce: (announcement: Announcement) => void;
}

interface Fallback {
  readonly afterMs: number;
  readonly channels: readonly number[];
}

export class Fallbacks {
  readonly #options: FallbacksOptions;
  /** Dedup key → channels that got its trigger as a fallback. */
  readonly #follows = new Map<string, Set<number>>();
  /** Alerts that went another way, by id. */
  readonly #gone = new Set<number>();
  #lookAtMs = 0;

  constructor(options: FallbacksOptions) {
    this.#options = options;
  }

  restore(stored: readonly (readonly [key: string, value: unknown])[]): void {
    const { channelIds } = this.#options;
    for (const [key, value] of stored) {
      if (!key.startsWith(FOLLOWS)) continue;
      const channels = (value as string[]).map((id) => channelIds.indexOf(id)).filter((index) => index >= 0);
      this.#follows.set(key.slice(FOLLOWS.length), new Set(channels));
    }
  }

  tick(nowMs: number): void {
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + LOOK_MS;
    for (const channel of this.#options.channelIds.keys()) this.#look(channel, nowMs);
    if (this.#options.outbox.counts.pending === 0) this.#gone.clear();
  }

  /** It will not be delivered. */
  died(delivery: Delivery): void {
    if (this.#gone.delete(delivery.id)) return;
    this.#divert(delivery);
  }

  /** Further channels of an end, beside its own; they are forgotten then. */
  takeFollowers(dedupKey: string): number[] {
    const channels = this.#follows.get(dedupKey);
    if (channels === undefined) return [];
    this.#follows.delete(dedupKey);
    this.#options.store.setFact(FOLLOWS + dedupKey, null);
    return [...channels];
  }

  #look(channel: number, nowMs: number): void {
    let looks = LOOKS;
    for (const delivery of this.#options.outbox.waiting(channel)) {
      if (looks-- <= 0) return;
      if (this.#gone.has(delivery.id)) continue;
      const fallback = this.#fallbackOf(delivery);
      if (fallback === undefined || nowMs - delivery.sinceMs < fallback.afterMs) continue;
      this.#gone.add(delivery.id);
      this.#divert(delivery);
    }
  }

  #divert(delivery: Delivery): void {
    const { clock, store, channelIds, announce } = this.#options;
    const { message, row } = delivery;
    const channels = this.#fallbackOf(delivery)?.channels.filter((each) => each !== delivery.channel) ?? [];
    if (channels.length === 0) return;
    const follows = this.#follows.get(message.dedupKey) ?? new Set<number>();
    for (const channel of channels) follows.add(channel);
    this.#follows.set(message.dedupKey, follows);
    store.setFact(FOLLOWS + message.dedupKey, [...follows].map((channel) => channelIds[channel]));
    announce({
      row,
      monitor: message.monitor,
      incident: message.incident,
      seq: message.seq,
      transition: "fallback",
      atWallMs: clock.wallMs(),
      alerts: channels.map((channel) => ({ channel, color: message.color, message })),
    });
  }

  /** Only of pages. A digest has that of the first code that names its channel. */
  #fallbackOf({ row, channel, message }: { row: number; channel: number; message: AlertMessage }) {
    if (message.color !== "red") return undefined;
    const { world } = this.#options;
    if (row < world.count) return world.policies[world.columns.policy[row] as number]?.codes.red?.fallback;
    let found: Fallback | undefined;
    for (const { codes } of world.policies) {
      if (codes.red?.channels.includes(channel)) found ??= codes.red.fallback;
    }
    return found;
  }
}
