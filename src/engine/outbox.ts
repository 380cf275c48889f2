/**
 * Delivery of alerts as pure logic: what is to be sent, in which order, how many at a time, and when again.
 * For the engine, which hands due deliveries to the code lane and settles them with what came of it. Typical load is a few
 * a second; a storm leaves 100,000 pending, so no call looks at more than it hands out.
 *
 *   row × channel ─► line (first in, first out; only its head may be sent)
 *                     ├─ ready ──► channel (at most `window` in flight, fewer by its breaker) ──► turn (channels take turns) ──► take()
 *                     └─ waiting for a retry ──► heap by time
 *
 * Promises: at least once; first deliveries in order per row and channel; a stuck row holds back only itself on that
 * channel, a dead channel no other channel; created = delivered + pending + deadLettered at any moment.
 * It gives up on nothing that may still succeed. "Full?" is therefore answered by memory: what is pending is one object per
 * alert and channel, and counts.pending shows it. It keeps nothing on disk and reads no clock.
 */
import { assert } from "../base/assert.ts";
import type { Random } from "../base/prng.ts";
import type { AlertMessage } from "../model/message.ts";
import type { DeliveryResult } from "../model/plugin.ts";
import { Breaker, BREAKER_OPEN } from "./breaker.ts";
import { DueHeap } from "./due_heap.ts";
import { type Linked, LinkedQueue } from "./linked_queue.ts";

/** Most deliveries in flight per channel. The code lane has room for every channel's, so that a dead one stops no other. */
export const DELIVERY_WINDOW = 16;
const RETRY_BASE_MS = 1000;
const RETRY_CAP_MS = 300_000;
const RETRY_LEAST_MS = 100;
/** A longer Retry-After is cut to this, so that one wrong header cannot silence a channel for a year. */
const RETRY_AFTER_MOST_MS = 3_600_000;
/** Dead letters kept for people to look at; all of them are counted. */
const DEAD_LETTERS_KEPT = 100;

export interface Delivery {
  /** Unique and increasing, in the order of entry. */
  readonly id: number;
  readonly row: number;
  readonly channel: number;
  /** 1 for the first time this goes out. */
  readonly attempt: number;
  readonly message: AlertMessage;
}

export interface DeadLetter extends Delivery {
  readonly error: string;
  readonly atMs: number;
}

export interface OutboxCounts {
  readonly created: number;
  readonly delivered: number;
  readonly pending: number;
  readonly deadLettered: number;
  /** Times a worker died with a delivery in its hands. */
  readonly lost: number;
}

export interface OutboxOptions {
  /** Channels are 0..channels-1. */
  readonly channels: number;
  /** Most deliveries in flight per channel. */
  readonly window?: number;
  readonly random: Random;
  /** Its breaker opened, half opened or closed. */
  readonly breakerChanged?: (channel: number, breaker: Readonly<Breaker>) => void;
  /** Ids begin after this one, default 0. */
  readonly lastId?: number;
}

export interface OutboxEntry {
  readonly row: number;
  readonly channel: number;
  readonly message: AlertMessage;
  /** From reserveId(); by default the next one. */
  readonly id?: number;
  /** Attempts by an earlier process. */
  readonly attempt?: number;
  /** Not before that time, for the first of its line. */
  readonly dueMs?: number;
  /** Since when it is there, monotonic ms. */
  readonly sinceMs?: number;
}

interface Entry extends Linked<Entry> {
  readonly id: number;
  readonly row: number;
  readonly channel: number;
  readonly message: AlertMessage;
  readonly line: Line;
  attempt: number;
  losses: number;
  dueMs: number;
  readonly sinceMs: number;
}

/** What waits for one row on one channel. In its channel's `ready` when its head may be sent. */
interface Line extends Linked<Line> {
  readonly channel: Channel;
  readonly entries: LinkedQueue<Entry>;
}

interface Channel extends Linked<Channel> {
  readonly index: number;
  readonly breaker: Breaker;
  /** What is neither delivered nor dead, oldest first. */
  readonly pending: Set<Entry>;
  readonly ready: LinkedQueue<Line>;
  inFlight: number;
  /** In `turn`, or being served from it. */
  listed: boolean;
}

export class Outbox {
  readonly #window: number;
  readonly #random: Random;
  readonly #channels: Channel[];
  /** Channels that have something ready and room for it, in the order in which they are served. */
  readonly #turn = new LinkedQueue<Channel>();
  readonly #retries = new DueHeap<Entry>();
  readonly #linesOfRow = new Map<number, Line[]>();
  readonly #inFlight = new Map<number, Entry>();
  /** Channels whose breaker is open. */
  readonly #openChannels = new Set<Channel>();
  readonly #breakerChanged: NonNullable<OutboxOptions["breakerChanged"]>;
  readonly #deadLetters: DeadLetter[] = [];
  readonly #counts = { created: 0, delivered: 0, pending: 0, deadLettered: 0, lost: 0 };
  /** take() refused the last delivery: there is nothing to do until a place is free. */
  #laneFull = false;
  #lastId: number;

  constructor({ channels, window = DELIVERY_WINDOW, random, lastId = 0, breakerChanged }: OutboxOptions) {
    this.#breakerChanged = breakerChanged ?? (() => {});
    this.#window = window;
    this.#random = random;
    this.#lastId = lastId;
    this.#channels = Array.from({ length: channels }, (_, index) => newChannel(index));
  }

  get counts(): OutboxCounts {
    return this.#counts;
  }

  /** The most recent ones, oldest first. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#deadLetters;
  }

  /** Deliveries of this row that are neither delivered nor dead. */
  pendingOf(row: number): number {
    return this.#linesOfRow.get(row)?.reduce((sum, line) => sum + line.entries.length, 0) ?? 0;
  }

  addChannels(count: number): void {
    for (let left = count; left > 0; left--) this.#channels.push(newChannel(this.#channels.length));
  }

  /** The id of an entry that is yet to come, so that it can be written down before. */
  reserveId(): number {
    return ++this.#lastId;
  }

  /** What waits on this channel, the oldest first. */
  waiting(channel: number): Iterable<Delivery & { readonly sinceMs: number }> {
    return this.#channels[channel]?.pending ?? [];
  }

  /** Ids up to this one are taken: an earlier process gave them. */
  reserveUpTo(id: number): void {
    this.#lastId = Math.max(this.#lastId, id);
  }

  /** The one way in. Returns the id. */
  add(
    { row, channel, message, id = this.reserveId(), attempt = 0, dueMs = 0, sinceMs = 0 }: OutboxEntry,
  ): number {
    const line = this.#lineFor(row, channel);
    const entry = { id, row, channel, message, line, attempt, losses: 0, dueMs, sinceMs, next: null };
    line.channel.pending.add(entry);
    line.entries.pushBack(entry);
    this.#counts.created++;
    this.#counts.pending++;
    if (line.entries.length === 1) {
      if (dueMs > 0) this.#retries.push(entry);
      else this.#makeReady(line);
    }
    this.#checkConservation();
    return id;
  }

  /** An entry that has nowhere to go: a dead letter at once. */
  addDead(letter: DeadLetter): void {
    this.#counts.created++;
    this.#keepDead(letter, letter.error, letter.atMs);
    this.#checkConservation();
  }

  /** What is neither delivered nor dead, in the order of their ids. */
  pending(): (Delivery & { readonly dueMs: number })[] {
    const all = [...this.#linesOfRow.values()].flatMap((lines) =>
      lines.flatMap(({ entries }) => [...entries])
    );
    return all.sort((left, right) => left.id - right.id);
  }

  /** created − (delivered + pending + dead letters), pending ones counted one by one: 0, or something was lost. */
  unaccounted(): number {
    let pending = 0;
    for (const lines of this.#linesOfRow.values()) for (const { entries } of lines) pending += entries.length;
    const { created, delivered, deadLettered } = this.#counts;
    return created - delivered - deadLettered - pending;
  }

  /**
   * Hands out what may be sent now, one delivery per channel in turn. `take` returns false when the lane is full: that
   * delivery stays first in line, and nothing more is handed out in this call. It must not call back.
   */
  due(nowMs: number, take: (delivery: Delivery) => boolean): void {
    for (let entry = this.#retries.popDue(nowMs); entry !== undefined; entry = this.#retries.popDue(nowMs)) {
      this.#makeReady(entry.line);
    }
    this.#halfOpen(nowMs);
    this.#laneFull = false;
    for (let channel = this.#turn.shift(); channel !== null; channel = this.#turn.shift()) {
      if (channel.inFlight >= channel.breaker.window(this.#window)) {
        channel.listed = false;
        continue;
      }
      const line = channel.ready.shift() as Line;
      const entry = line.entries.head as Entry;
      entry.attempt++;
      if (!take(entry)) {
        entry.attempt--;
        channel.ready.pushFront(line);
        this.#turn.pushFront(channel);
        this.#laneFull = true;
        return;
      }
      this.#inFlight.set(entry.id, entry);
      channel.inFlight++;
      channel.listed = false;
      this.#list(channel);
    }
  }

  /** What came of a delivery that was handed out. Returns it, or undefined when it is not in flight (a late result). */
  settle(
    id: number,
    result: DeliveryResult,
    nowMs: number,
  ): (Delivery & { readonly dueMs: number }) | undefined {
    const entry = this.#land(id);
    if (entry === undefined) return undefined;
    this.#learn(entry.line.channel, result.result, nowMs);
    switch (result.result) {
      case "sent":
        this.#counts.delivered++;
        this.#finish(entry);
        break;
      case "refused":
        this.#keepDead(entry, result.error, nowMs);
        this.#finish(entry);
        break;
      case "retry":
        this.#retry(entry, result.retryAfterMs ?? 0, nowMs);
    }
    this.#list(entry.line.channel);
    return entry;
  }

  /**
   * The worker that had it died: it goes first in its channel, at once. A delivery that is lost again waits like any
   * retry, since it may be what kills the workers. Returns it, or undefined when it is not in flight.
   */
  lost(id: number, nowMs: number): Delivery | undefined {
    const entry = this.#land(id);
    if (entry === undefined) return undefined;
    this.#counts.lost++;
    if (++entry.losses > 1) this.#retry(entry, 0, nowMs);
    else entry.line.channel.ready.pushFront(entry.line);
    this.#list(entry.line.channel);
    return entry;
  }

  /**
   * When due() may have something to hand out: nowMs when it has, else the time of the earliest retry, else Infinity.
   * What waits for a place (in a channel's window or in the lane) has no time: call due() whenever a place may be free.
   */
  nextDueMs(nowMs: number): number {
    if (this.#turn.length > 0 && !this.#laneFull) return nowMs;
    let earliestMs = this.#retries.earliestMs;
    for (const { ready, breaker } of this.#openChannels) {
      if (ready.length > 0) earliestMs = Math.min(earliestMs, breaker.untilMs);
    }
    return Math.max(nowMs, earliestMs);
  }

  #lineFor(row: number, index: number): Line {
    const lines = this.#linesOfRow.get(row);
    const channel = this.#channels[index];
    assert(channel !== undefined, `channel ${index} exists`);
    let line = lines?.find((each) => each.channel === channel);
    if (line !== undefined) return line;
    line = { channel, entries: new LinkedQueue<Entry>(), next: null };
    if (lines === undefined) this.#linesOfRow.set(row, [line]);
    else lines.push(line);
    return line;
  }

  #makeReady(line: Line): void {
    line.channel.ready.pushBack(line);
    this.#list(line.channel);
  }

  /** Gives the channel its turn if it can use one. */
  #list(channel: Channel): void {
    if (
      channel.listed || channel.ready.length === 0 || channel.inFlight >= channel.breaker.window(this.#window)
    ) {
      return;
    }
    channel.listed = true;
    this.#turn.pushBack(channel);
  }

  /** What a result says of the channel itself. */
  #learn(channel: Channel, result: DeliveryResult["result"], nowMs: number): void {
    if (!channel.breaker.took(result, nowMs)) return;
    if (channel.breaker.state === BREAKER_OPEN) this.#openChannels.add(channel);
    else this.#openChannels.delete(channel);
    this.#breakerChanged(channel.index, channel.breaker);
  }

  #halfOpen(nowMs: number): void {
    for (const channel of this.#openChannels) {
      if (!channel.breaker.tick(nowMs)) continue;
      this.#openChannels.delete(channel);
      this.#breakerChanged(channel.index, channel.breaker);
      this.#list(channel);
    }
  }

  /** Takes a delivery out of the air, whatever came of it. */
  #land(id: number): Entry | undefined {
    const entry = this.#inFlight.get(id);
    if (entry === undefined) return undefined;
    this.#inFlight.delete(id);
    entry.line.channel.inFlight--;
    this.#laneFull = false;
    return entry;
  }

  /** Full jitter: a uniform share of an exponentially growing span (AWS Architecture Blog, "Exponential Backoff And Jitter"). */
  #retry(entry: Entry, retryAfterMs: number, nowMs: number): void {
    const spanMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (entry.attempt - 1));
    const askedMs = Math.min(RETRY_AFTER_MOST_MS, retryAfterMs);
    entry.dueMs = nowMs + Math.max(RETRY_LEAST_MS, this.#random() * spanMs, askedMs);
    this.#retries.push(entry);
  }

  /** Leaves the line; the next one in it may go. */
  #finish(entry: Entry): void {
    const { line, row } = entry;
    line.entries.shift();
    line.channel.pending.delete(entry);
    this.#counts.pending--;
    if (line.entries.length > 0) line.channel.ready.pushBack(line);
    else this.#dropLine(row, line);
    this.#checkConservation();
  }

  #dropLine(row: number, line: Line): void {
    const lines = this.#linesOfRow.get(row) as Line[];
    if (lines.length === 1) this.#linesOfRow.delete(row);
    else lines.splice(lines.indexOf(line), 1);
  }

  #keepDead({ id, row, channel, attempt, message }: Delivery, error: string, atMs: number): void {
    this.#counts.deadLettered++;
    this.#deadLetters.push({ id, row, channel, attempt, message, error, atMs });
    if (this.#deadLetters.length > DEAD_LETTERS_KEPT) this.#deadLetters.shift();
  }

  #checkConservation(): void {
    const { created, delivered, pending, deadLettered } = this.#counts;
    assert(
      created === delivered + pending + deadLettered,
      "every alert is delivered, pending or a dead letter",
    );
  }
}

export function createOutbox(options: OutboxOptions): Outbox {
  return new Outbox(options);
}

function newChannel(index: number): Channel {
  const ready = new LinkedQueue<Line>();
  return { index, ready, breaker: new Breaker(), pending: new Set(), inFlight: 0, listed: false, next: null };
}
