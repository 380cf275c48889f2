/**
 * Storms on one channel: tells many alerts that come together from single ones. Pure logic: time comes in, and what is to
 * be done goes out through ports. Typical load: nothing; in a mass failure some thousand alerts within seconds.
 *
 *   alert ─► held (≤ 0.3 s) ─┬─ alone ──────────────────► single
 *                            └─ `min` within the window ─► storm: collected for the window ─► a digest per cause (≤ 3)
 *
 * While the storm goes on, further troubles join the digest of their cause; it is told again when it has grown, at most
 * three messages in the first minutes. It ends when all its members have recovered, or when few are left for long: those
 * are then told one by one. A trouble that was told singly stays single on this channel, with its own resolve.
 */
import type { DigestSettings } from "../model/delivery.ts";
import type { AlertIntent } from "./alert_intent.ts";
import type { Incident } from "./incidents.ts";
import { Storm } from "./storm.ts";
import { shareByCause } from "./storm_causes.ts";

/** Longest hold, when some others came meanwhile: so that a storm that begins slowly is one. */
const HOLD_MOST_MS = 1000;
const HOLD_ON_FROM = 3;
/** A storm goes on while so many join within so many windows. */
const HOT_WINDOWS = 6;
/** A digest that has grown is told again after this, then after the second one. */
const TELL_AGAIN_MS = 60_000;
const TELL_SELDOM_MS = 300_000;
/** Messages of a storm before it is told seldom. */
const MESSAGES_MOST = 3;
/** So long few members have to be left until they are told one by one. */
const STRAGGLE_MS = 60_000;
/** A member that recovered and fails again within this time still is one. */
const REJOIN_MS = 300_000;
const LOOK_MS = 250;
/** Rows whose causes are read per call of tick(), some µs each. */
const SORTED_PER_TICK = 256;

export interface StormPorts {
  single(intent: AlertIntent): void;
  /** It is part of a digest, and counted there. */
  coalesced(intent: AlertIntent): void;
  /** Whether the end of this row's troubles is told on this channel. */
  resolves(row: number): boolean;
  causesOf(row: number): readonly string[];
  create(): Storm;
  /** For the first time since its last message: has to be stored. */
  grew(storm: Storm): void;
  /** Says it, and stores that it was said. */
  tell(storm: Storm, phase: "begun" | "grown" | "over"): void;
  /** Its members of whom it is known elsewhere belong to it now. */
  moved(row: number): void;
  ended(storm: Storm): void;
  /** Told by itself from here on: its digest has ended. */
  retell(row: number, incident: Incident): void;
}

interface Going {
  readonly flushAtMs: number;
  flushed: boolean;
  /** Where newcomers go until their cause is known. */
  main: Storm;
  digests: Storm[];
  messages: number;
  /** Members that came since `countedMs`. */
  joined: number;
  countedMs: number;
}

export class StormChannel {
  readonly #channel: number;
  readonly #settings: DigestSettings;
  readonly #ports: StormPorts;
  #held: AlertIntent[] = [];
  #heldSinceMs = 0;
  #releaseAtMs = 0;
  /** Times of the last single ones. */
  readonly #singles: number[] = [];
  #going: Going | undefined;
  readonly #storms = new Map<string, Storm>();
  readonly #stormOf = new Map<number, Storm>();
  #unsorted: number[] = [];
  readonly #causes = new Map<number, readonly string[]>();
  #lookAtMs = 0;

  constructor(channel: number, settings: DigestSettings, ports: StormPorts) {
    this.#channel = channel;
    this.#settings = settings;
    this.#ports = ports;
  }

  get idle(): boolean {
    return this.#held.length === 0 && this.#going === undefined && this.#storms.size === 0;
  }

  get storms(): Iterable<Storm> {
    return this.#storms.values();
  }

  /** Alerts that wait for whether they are alone. */
  get held(): number {
    return this.#held.length;
  }

  /** Red or yellow. */
  trouble(intent: AlertIntent, nowMs: number): void {
    const told = intent.incident.told.get(this.#channel);
    if (told === "") return this.#ports.single(intent);
    const known = this.#stormOf.get(intent.row);
    if (known !== undefined && this.#isOf(known, intent, nowMs)) return this.#join(known, intent, nowMs);
    if (this.#going !== undefined) return this.#newcomer(this.#going, intent, nowMs);
    this.#held.push(intent);
    if (this.#held.length === 1) {
      this.#heldSinceMs = nowMs;
      this.#releaseAtMs = nowMs + this.#settings.holdMs;
    }
    if (this.#held.length + this.#recentSingles(nowMs) >= this.#settings.min) this.#begin(nowMs);
  }

  /** Green: true when it is in the digest's own. */
  recovery(intent: AlertIntent): boolean {
    this.release(intent.row);
    const told = intent.incident.told.get(this.#channel);
    return told !== undefined && told !== "" && this.#storms.has(told);
  }

  /** What is held of this row goes singly, now. */
  release(row: number): void {
    const own = this.#held.filter((intent) => intent.row === row);
    if (own.length === 0) return;
    this.#held = this.#held.filter((intent) => intent.row !== row);
    for (const intent of own) this.#single(intent);
  }

  /** All that is held goes now: the engine ends, or rows are about to change. */
  flush(nowMs: number): void {
    for (const intent of this.#held.splice(0)) this.#single(intent);
    if (this.#going === undefined) return;
    this.#sort(Infinity);
    if (!this.#going.flushed) this.#flush(this.#going, nowMs);
  }

  closed(row: number, incident: Incident, nowMs: number): void {
    const id = incident.told.get(this.#channel);
    if (id !== undefined) this.#storms.get(id)?.close(row, incident, nowMs);
  }

  /** The row is of no monitor any more: what is held of it was released before. */
  forget(row: number): void {
    this.#stormOf.get(row)?.forget(row);
    this.#stormOf.delete(row);
    this.#causes.delete(row);
    if (this.#unsorted.includes(row)) this.#unsorted = this.#unsorted.filter((each) => each !== row);
  }

  /** A digest of an earlier process. */
  restored(storm: Storm): void {
    this.#storms.set(storm.id, storm);
  }

  /** A member of it. */
  resumed(
    row: number,
    incident: Incident,
    now: { readonly color: "red" | "yellow"; readonly ms: number },
  ): void {
    const storm = this.#storms.get(incident.told.get(this.#channel) ?? "");
    if (storm === undefined) return;
    const { total, grown } = storm;
    storm.join(row, incident, now.ms);
    storm.worsen(now.color);
    storm.resolves ||= this.#ports.resolves(row);
    if (storm.seq > 0) Object.assign(storm, { total: Math.max(total, storm.members.size), grown });
    this.#stormOf.set(row, storm);
  }

  tick(nowMs: number): void {
    if (this.#held.length > 0 && nowMs >= this.#releaseAtMs) this.#release(nowMs);
    this.#sort(SORTED_PER_TICK);
    const going = this.#going;
    if (going !== undefined && !going.flushed && nowMs >= going.flushAtMs && this.#unsorted.length === 0) {
      this.#flush(going, nowMs);
    }
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + LOOK_MS;
    if (going?.flushed) this.#cool(going, nowMs);
    for (const storm of this.#storms.values()) this.#look(storm, nowMs);
  }

  /** When tick() has something to do; what is looked at four times a second may be a little late. */
  earliestMs(nowMs: number): number {
    if (this.#unsorted.length > 0) return nowMs;
    const heldMs = this.#held.length > 0 ? this.#releaseAtMs : Infinity;
    const flushMs = this.#going?.flushed === false ? this.#going.flushAtMs : Infinity;
    return Math.min(heldMs, flushMs, this.#storms.size > 0 ? Math.max(nowMs, this.#lookAtMs) : Infinity);
  }

  #isOf(storm: Storm, { row, incident }: AlertIntent, nowMs: number): boolean {
    if (incident.told.get(this.#channel) === storm.id) return true;
    const member = storm.members.get(row);
    return member !== undefined && (member.open || nowMs - member.closedMs < REJOIN_MS);
  }

  #join(storm: Storm, intent: AlertIntent, nowMs: number): void {
    const { row, incident, color } = intent;
    const { grown } = storm;
    storm.join(row, incident, nowMs);
    if (storm.grown && !grown && storm.seq > 0) this.#ports.grew(storm);
    storm.worsen(color);
    storm.resolves ||= this.#ports.resolves(row);
    incident.told.set(this.#channel, storm.id);
    this.#stormOf.set(row, storm);
    this.#ports.coalesced(intent);
  }

  #newcomer(going: Going, intent: AlertIntent, nowMs: number): void {
    going.joined++;
    this.#unsorted.push(intent.row);
    this.#join(going.main, intent, nowMs);
  }

  #begin(nowMs: number): void {
    const main = this.#ports.create();
    this.#storms.set(main.id, main);
    const flushAtMs = nowMs + this.#settings.windowMs;
    const going = {
      flushAtMs,
      flushed: false,
      main,
      digests: [main],
      messages: 0,
      joined: 0,
      countedMs: nowMs,
    };
    this.#going = going;
    this.#singles.length = 0;
    for (const intent of this.#held.splice(0)) this.#newcomer(going, intent, nowMs);
  }

  #release(nowMs: number): void {
    const longestMs = this.#heldSinceMs + HOLD_MOST_MS;
    if (this.#held.length >= HOLD_ON_FROM && this.#settings.holdMs > 0 && nowMs < longestMs) {
      this.#releaseAtMs = longestMs;
      return;
    }
    for (const intent of this.#held.splice(0)) {
      this.#singles.push(nowMs);
      this.#single(intent);
    }
    if (this.#singles.length > this.#settings.min) {
      this.#singles.splice(0, this.#singles.length - this.#settings.min);
    }
  }

  #single(intent: AlertIntent): void {
    intent.incident.told.set(this.#channel, "");
    this.#ports.single(intent);
  }

  #recentSingles(nowMs: number): number {
    return this.#singles.filter((atMs) => nowMs - atMs < this.#settings.windowMs).length;
  }

  /** Learns causes; once digests stand, newcomers go to that of their cause. */
  #sort(most: number): void {
    const going = this.#going;
    for (const row of this.#unsorted.splice(0, most)) {
      const causes = this.#ports.causesOf(row);
      if (!going?.flushed) {
        this.#causes.set(row, causes);
        continue;
      }
      const storm = going.digests.find(({ cause }) => causes.includes(cause));
      if (storm !== undefined && storm !== going.main) this.#move(row, going.main, storm);
    }
  }

  #move(row: number, from: Storm, to: Storm): void {
    if (this.#stormOf.get(row) !== from) return;
    const { grown } = to;
    from.moveTo(to, row);
    if (!grown && to.seq > 0) this.#ports.grew(to);
    to.worsen(from.color);
    to.resolves ||= from.resolves;
    to.members.get(row)?.incident.told.set(this.#channel, to.id);
    this.#stormOf.set(row, to);
    this.#ports.moved(row);
  }

  /** The first messages: one digest per cause. */
  #flush(going: Going, nowMs: number): void {
    const shares = shareByCause(this.#causes, this.#settings.min);
    this.#causes.clear();
    going.main.cause = shares[0]?.cause ?? "";
    for (const { cause, rows } of shares.slice(1)) {
      const storm = this.#ports.create();
      storm.cause = cause;
      storm.sinceWallMs = going.main.sinceWallMs;
      this.#storms.set(storm.id, storm);
      going.digests.push(storm);
      for (const row of rows) this.#move(row, going.main, storm);
    }
    going.flushed = true;
    going.joined = 0;
    going.countedMs = nowMs;
    for (const storm of going.digests) this.#tell(storm, "begun", nowMs);
    // Newcomers that share no cause with a digest are of the rest, if there is one.
    going.main = going.digests.find(({ cause }) => cause === "") ?? going.main;
  }

  #tell(storm: Storm, phase: "begun" | "grown", nowMs: number): void {
    storm.grown = storm.worse = false;
    storm.messageMs = nowMs;
    if (this.#going?.digests.includes(storm)) this.#going.messages++;
    this.#ports.tell(storm, phase);
  }

  /** The storm is over when few join; its digests go on. */
  #cool(going: Going, nowMs: number): void {
    if (nowMs - going.countedMs < HOT_WINDOWS * this.#settings.windowMs) return;
    going.countedMs = nowMs;
    const hot = going.joined >= this.#settings.min;
    going.joined = 0;
    if (hot) return;
    for (const storm of going.digests) {
      if (storm.grown && storm.open > 0 && going.messages < MESSAGES_MOST) this.#tell(storm, "grown", nowMs);
    }
    this.#going = undefined;
  }

  #look(storm: Storm, nowMs: number): void {
    const going = this.#going?.digests.includes(storm) ? this.#going : undefined;
    if (going?.flushed === false) return;
    if (storm.seq === 0 && storm.total > 0) return this.#tell(storm, "begun", nowMs);
    if (storm.open === 0) return this.#end(storm);
    const few = storm.open < this.#settings.min && storm.open * 10 <= storm.total;
    if (few && going === undefined && nowMs - storm.changedMs >= STRAGGLE_MS) return this.#end(storm);
    const sinceMs = nowMs - storm.messageMs;
    const soon = sinceMs >= TELL_AGAIN_MS && going !== undefined && going.messages < MESSAGES_MOST;
    if (storm.grown && (soon || sinceMs >= TELL_SELDOM_MS)) this.#tell(storm, "grown", nowMs);
    else if (storm.worse && sinceMs >= this.#settings.windowMs) this.#tell(storm, "grown", nowMs);
  }

  #end(storm: Storm): void {
    if (this.#going?.digests.includes(storm)) {
      this.#going.digests = this.#going.digests.filter((each) => each !== storm);
      const [next] = this.#going.digests;
      if (next === undefined) this.#going = undefined;
      else if (this.#going.main === storm) this.#going.main = next;
    }
    if (storm.seq > 0) this.#ports.tell(storm, "over");
    this.#storms.delete(storm.id);
    for (const [row, { incident, open }] of storm.members) {
      if (this.#stormOf.get(row) === storm) this.#stormOf.delete(row);
      if (!open || incident.told.get(this.#channel) !== storm.id) continue;
      incident.told.set(this.#channel, "");
      this.#ports.retell(row, incident);
    }
    this.#ports.ended(storm);
  }
}
