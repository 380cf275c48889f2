/**
 * Digests instead of thousands of alerts, per channel: gives each channel its storm_channel.ts, composes what those tell,
 * keeps their digests over restarts, and gathers events that have no end (maintenance, repairs that helped) on the way.
 */
import type { Clock } from "../base/clock.ts";
import { hashText } from "../base/hash.ts";
import type { DigestSettings } from "../model/delivery.ts";
import { FLAG, STATE } from "../model/state.ts";
import type { EngineMetrics } from "../telemetry/metrics.ts";
import type { World } from "../world/world.ts";
import type { Announcement } from "./announcement.ts";
import { type AlertIntent, alertIntent } from "./alert_intent.ts";
import type { Incident } from "./incidents.ts";
import { type StoredStorm, Storm } from "./storm.ts";
import { causesOf } from "./storm_causes.ts";
import { StormChannel } from "./storm_channel.ts";
import { composeStorm, type StormFacts } from "./storm_text.ts";

export interface StormsOptions {
  readonly digest: DigestSettings;
  readonly world: World;
  readonly clock: Clock;
  readonly metrics: EngineMetrics;
  /** Identities of the world's channels, by index. */
  readonly channelIds: readonly string[];
  readonly newIncidentId: (number: number) => string;
  readonly store: { setFact(key: string, value: unknown): void };
  readonly announce: (announcement: Announcement) => void;
  /** It goes to this channel by itself. */
  readonly single: (intent: AlertIntent, channel: number) => void;
  /** A digest tells it. */
  readonly coalesced: (intent: AlertIntent) => void;
  /** The journal has to learn whom this row was told through. */
  readonly touch: (row: number) => void;
  /** An alert that nobody decided: the digest it was in has ended. */
  readonly retell: (intent: AlertIntent, channel: number) => void;
}

/** Name of a digest's fact in the store. */
const STORM = "storm ";
/** Digests have no row of the world: these order their messages, over restarts too. */
const DIGEST_ROWS = 0xffe0_0000;
/** Ids of digests are made of numbers that incidents do not reach. */
const NUMBERS = 0x4000_0000;

/** The place of a digest's messages in the order of delivery. */
export function digestRow(incident: string): number {
  return DIGEST_ROWS + (hashText(incident) & 0xf_ffff);
}

interface Notes {
  readonly intents: AlertIntent[];
  readonly channel: number;
  dueMs: number;
  readonly lastMs: number;
}

export class Storms {
  readonly #options: StormsOptions;
  /** Made when they are first asked for: channels come with a reload. */
  readonly #channels: StormChannel[] = [];
  /** Events without an end, by colour and channel, while it is seen how many they are. */
  readonly #notes = new Map<string, Notes>();
  #created = 0;

  constructor(options: StormsOptions) {
    this.#options = options;
  }

  /** An alert for one channel: sooner or later it is `single` or `coalesced`. */
  offer(intent: AlertIntent, channel: number, nowMs: number): void {
    const { digest, single, coalesced } = this.#options;
    const isTrouble = intent.color === "red" || intent.color === "yellow";
    if (!digest.enabled) {
      if (isTrouble) intent.incident.told.set(channel, "");
      return single(intent, channel);
    }
    const storms = this.#channelAt(channel);
    if (isTrouble) return storms.trouble(intent, nowMs);
    if (intent.color !== "green") return this.#note(intent, channel, nowMs);
    this.#releaseNotes(intent.row, channel);
    if (storms.recovery(intent)) coalesced(intent);
    else single(intent, channel);
  }

  closed(row: number, incident: Incident): void {
    const nowMs = this.#options.clock.monoMs();
    for (const [channel, id] of incident.told) {
      if (id !== "") this.#channels[channel]?.closed(row, incident, nowMs);
    }
  }

  tick(nowMs: number): void {
    for (const [key, notes] of this.#notes) if (nowMs >= notes.dueMs) this.#endNotes(key, notes);
    let open = 0;
    for (const channel of this.#channels) {
      if (channel.idle) continue;
      channel.tick(nowMs);
      for (const storm of channel.storms) if (storm.open > 0) open++;
    }
    this.#options.metrics.setDigestsOpen(open);
  }

  earliestMs(nowMs: number): number {
    let earliest = Infinity;
    for (const { dueMs } of this.#notes.values()) earliest = Math.min(earliest, dueMs);
    for (const channel of this.#channels) {
      if (!channel.idle) earliest = Math.min(earliest, channel.earliestMs(nowMs));
    }
    return earliest;
  }

  /** Something was taken over that no message has told yet. */
  get untold(): boolean {
    return this.#channels.some(({ storms }) => [...storms].some(({ seq }) => seq === 0));
  }

  /** What waits of this row goes by itself, now. */
  release(row: number): void {
    for (const [index, channel] of this.#channels.entries()) {
      this.#releaseNotes(row, index);
      channel.release(row);
    }
  }

  /** Nothing waits any longer: the engine ends, or rows are about to change. */
  flush(): void {
    const nowMs = this.#options.clock.monoMs();
    for (const [key, notes] of this.#notes) this.#endNotes(key, notes);
    for (const channel of this.#channels) channel.flush(nowMs);
  }

  /** Digests of an earlier process; before the rows' resumed(). */
  restore(stored: readonly (readonly [key: string, value: unknown])[]): void {
    const { channelIds, store, clock, digest } = this.#options;
    for (const [key, value] of stored) {
      if (!key.startsWith(STORM)) continue;
      const { channelId, cause, color, seq, total, resolves, grown, sinceWallMs, messageWallMs } =
        value as StoredStorm;
      const channel = channelIds.indexOf(channelId);
      if (channel < 0 || !digest.enabled) {
        store.setFact(key, null);
        continue;
      }
      const storm = new Storm(key.slice(STORM.length), channel, sinceWallMs);
      const agoMs = Math.max(0, clock.wallMs() - messageWallMs);
      Object.assign(storm, { cause, color, seq, total, resolves, grown, messageMs: clock.monoMs() - agoMs });
      this.#channelAt(channel).restored(storm);
    }
  }

  resumed(row: number, incident: Incident): void {
    const { world, clock } = this.#options;
    const red = ((world.columns.flags[row] as number) & FLAG.redSent) !== 0;
    const now = { color: red ? "red" : "yellow", ms: clock.monoMs() } as const;
    for (const channel of incident.told.keys()) this.#channels[channel]?.resumed(row, incident, now);
  }

  /** The row is of no monitor any more. */
  forget(row: number): void {
    for (const channel of this.#channels) channel.forget(row);
  }

  #channelAt(index: number): StormChannel {
    while (this.#channels.length <= index) this.#channels.push(this.#channel(this.#channels.length));
    return this.#channels[index] as StormChannel;
  }

  #channel(index: number): StormChannel {
    const { digest, world, coalesced, single, touch, store, clock } = this.#options;
    return new StormChannel(index, digest, {
      single: (intent) => single(intent, index),
      coalesced,
      causesOf: (row) => causesOf(world, row),
      resolves: (row) => {
        const green = world.policies[world.columns.policy[row] as number]?.codes.green;
        return green !== undefined && green.dispatch !== "never" && green.channels.includes(index);
      },
      create: () => {
        const number = (NUMBERS + ++this.#created) >>> 0;
        const storm = new Storm(`storm-${this.#options.newIncidentId(number)}`, index, clock.wallMs());
        this.#save(storm);
        return storm;
      },
      grew: (storm) => this.#save(storm),
      tell: (storm, phase) => this.#tell(storm, phase),
      moved: touch,
      ended: (storm) => store.setFact(STORM + storm.id, null),
      retell: (row, incident) => this.#retell(row, incident, index),
    });
  }

  #tell(storm: Storm, phase: "begun" | "grown" | "over"): void {
    if (phase === "over" && !storm.resolves) return;
    const { id, cause, sinceWallMs, total, open, channel } = storm;
    const seq = ++storm.seq;
    const color = phase === "over" ? "green" : storm.color;
    this.#announce(storm.id, channel, {
      id,
      seq,
      color,
      cause,
      phase,
      sinceWallMs,
      total,
      open,
      names: this.#names(storm.rows(phase !== "begun")),
    });
    if (phase !== "over") this.#save(storm);
  }

  #announce(id: string, channel: number, facts: Omit<StormFacts, "nowWallMs">): void {
    const nowWallMs = this.#options.clock.wallMs();
    const message = composeStorm({ ...facts, nowWallMs });
    this.#options.announce({
      row: digestRow(id),
      monitor: message.monitor,
      incident: id,
      seq: facts.seq,
      transition: facts.phase,
      atWallMs: nowWallMs,
      alerts: [{ channel, color: facts.color, message }],
    });
  }

  #save(storm: Storm): void {
    const { id, channel, cause, color, seq, total, resolves, grown, sinceWallMs } = storm;
    const { channelIds, store, clock } = this.#options;
    const stored: StoredStorm = {
      channelId: channelIds[channel] as string,
      cause,
      color,
      seq,
      total,
      resolves,
      grown,
      sinceWallMs,
      messageWallMs: Math.round(clock.wallMs() - (clock.monoMs() - storm.messageMs)),
    };
    store.setFact(STORM + id, stored);
  }

  *#names(rows: Iterable<number>): Generator<string> {
    for (const row of rows) yield this.#options.world.name(row);
  }

  /** What people would know of it by now; nothing while a repair or maintenance goes on. */
  #retell(row: number, incident: Incident, channel: number): void {
    const { world, clock, retell, touch } = this.#options;
    const { state, flags } = world.columns;
    const red = ((flags[row] as number) & FLAG.redSent) !== 0 && state[row] !== STATE.maintenance;
    const color = state[row] === STATE.degraded ? "yellow" : red ? "red" : undefined;
    touch(row);
    if (color === undefined) return;
    const what = { row, incident, seq: ++incident.seq, transition: "still failing", color } as const;
    retell(alertIntent(world, what, { wallMs: clock.wallMs(), monoMs: clock.monoMs() }), channel);
  }

  #note(intent: AlertIntent, channel: number, nowMs: number): void {
    const { holdMs, windowMs, min } = this.#options.digest;
    const key = `${intent.color} ${intent.transition} ${channel}`;
    let notes = this.#notes.get(key);
    if (notes === undefined) {
      notes = { intents: [], channel, dueMs: nowMs + holdMs, lastMs: nowMs + windowMs };
      this.#notes.set(key, notes);
    }
    notes.intents.push(intent);
    if (notes.intents.length === min) notes.dueMs = notes.lastMs;
  }

  /** Before a later alert of this row: in their order. */
  #releaseNotes(row: number, channel: number): void {
    for (const [key, notes] of this.#notes) {
      if (notes.channel !== channel || !notes.intents.some((intent) => intent.row === row)) continue;
      this.#endNotes(key, notes);
    }
  }

  #endNotes(key: string, { intents, channel }: Notes): void {
    const { digest, single, coalesced, newIncidentId } = this.#options;
    this.#notes.delete(key);
    const [first] = intents;
    if (first === undefined) return;
    if (intents.length < digest.min) return intents.forEach((intent) => single(intent, channel));
    const id = `storm-${newIncidentId((NUMBERS + ++this.#created) >>> 0)}`;
    this.#announce(id, channel, {
      id,
      seq: 1,
      color: first.color,
      cause: "",
      phase: "noted",
      sinceWallMs: first.atWallMs,
      total: intents.length,
      open: intents.length,
      names: this.#names(intents.map(({ row }) => row)),
    });
    for (const intent of intents) coalesced(intent);
  }
}
