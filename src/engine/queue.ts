/**
 * The queue between a pipeline's decisions and its workers: which worker gets a job, and what happens when none has a
 * credit left. Engine thread only; at most some 100,000 offers a second over at most some tens of workers.
 *
 *   kind       ring per worker                               full
 *   ring       fixed                                         deferred: the caller offers again later
 *   hybrid     fixed                                         overflow: kept here in order, nothing is refused
 *   adaptive   doubled while nearly full, halved when idle   deferred until it has grown, or for good at the maximum
 *
 * The overflow is bounded by what callers can have outstanding (one repair per monitor, the alerts of its transitions).
 * It neither starts nor watches workers: the pool does, and says at any moment which of them take jobs.
 */
import { assert } from "../base/assert.ts";
import type { EngineEnd } from "../shm/engine_end.ts";
import type { JobRequest } from "../shm/records.ts";

export const QUEUE_KINDS = ["ring", "hybrid", "adaptive"] as const;
export type QueueKind = typeof QUEUE_KINDS[number];

export type Offer = "queued" | "overflow" | "deferred";

export interface QueueStats {
  /** Accepted and not yet taken by a worker, those in the overflow included. */
  readonly depth: number;
  /** Jobs that may be out at all workers together. */
  readonly capacity: number;
  /** Jobs accepted since the start. */
  readonly enqueued: number;
  /** Jobs that left the queue: taken by a worker, or handed back because their worker ended. */
  readonly dequeued: number;
  /** Offers refused. */
  readonly deferred: number;
  /** Jobs in the overflow now. */
  readonly overflow: number;
}

export interface JobQueue {
  /** The job and its text are copied; they are the caller's again at once. Workers see it after pump(). */
  offer(job: JobRequest, text?: Uint8Array): Offer;
  /** Moves overflow into rings and makes all that was offered visible: once after each batch of offers or results. */
  pump(): void;
  /** Adaptive decisions: once per engine tick. */
  tick(): void;
  readonly stats: QueueStats;
}

export interface QueueOptions {
  /** Jobs that may be out per worker; the least an adaptive queue goes down to. */
  readonly capacity: number;
  /** The most an adaptive queue goes up to, per worker; at most the channels' capacity. */
  readonly maxCapacity: number;
  /** Ticks in a row above the high watermark before an adaptive queue grows. */
  readonly growAfterTicks: number;
  /** Ticks in a row below the low watermark before it shrinks. */
  readonly shrinkAfterTicks: number;
}

/** `ends`: the workers that take jobs at this moment. Asked for every offer, since a push to a lost worker would be lost. */
export function createQueue(
  kind: QueueKind,
  options: QueueOptions,
  ends: () => readonly EngineEnd[],
): JobQueue {
  return new RingsQueue(kind, options, ends);
}

const HIGH_WATERMARK = 0.75;
/** After halving, what was below this is below half: no flapping. */
const LOW_WATERMARK = 0.25;

class RingsQueue implements JobQueue {
  readonly #kind: QueueKind;
  readonly #options: QueueOptions;
  readonly #ends: () => readonly EngineEnd[];
  readonly #overflow = new Fifo();
  /** Logical capacity of each worker's channel. */
  #level: number;
  #turn = 0;
  #enqueued = 0;
  #deferred = 0;
  #ticksHigh = 0;
  #ticksLow = 0;

  constructor(kind: QueueKind, options: QueueOptions, ends: () => readonly EngineEnd[]) {
    assert(
      options.capacity >= 1 && options.capacity <= options.maxCapacity,
      "queue: capacity not in 1..maxCapacity",
    );
    this.#kind = kind;
    this.#options = options;
    this.#ends = ends;
    this.#level = options.capacity;
  }

  offer(job: JobRequest, text?: Uint8Array): Offer {
    if (this.#overflow.length === 0 && this.#push(job, text)) {
      this.#enqueued++;
      return "queued";
    }
    if (this.#kind !== "hybrid") {
      this.#deferred++;
      return "deferred";
    }
    this.#overflow.push({ job: { ...job }, text: text?.slice() });
    this.#enqueued++;
    return "overflow";
  }

  pump(): void {
    for (let item = this.#overflow.first; item !== undefined; item = this.#overflow.first) {
      if (!this.#push(item.job, item.text)) break;
      this.#overflow.dropFirst();
    }
    for (const end of this.#ends()) end.publish();
  }

  tick(): void {
    if (this.#kind !== "adaptive") return;
    let out = 0;
    let capacity = 0;
    for (const end of this.#ends()) {
      out += end.out;
      capacity += Math.min(this.#level, end.capacity);
    }
    if (capacity === 0) return;
    this.#ticksHigh = out > capacity * HIGH_WATERMARK ? this.#ticksHigh + 1 : 0;
    this.#ticksLow = out < capacity * LOW_WATERMARK ? this.#ticksLow + 1 : 0;
    if (this.#ticksHigh >= this.#options.growAfterTicks) this.#moveTo(this.#level * 2);
    else if (this.#ticksLow >= this.#options.shrinkAfterTicks) this.#moveTo(Math.floor(this.#level / 2));
  }

  get stats(): QueueStats {
    let depth = this.#overflow.length;
    let capacity = 0;
    for (const end of this.#ends()) {
      depth += end.waiting();
      capacity += Math.min(this.#level, end.capacity);
    }
    return {
      depth,
      capacity,
      enqueued: this.#enqueued,
      dequeued: this.#enqueued - depth,
      deferred: this.#deferred,
      overflow: this.#overflow.length,
    };
  }

  /** To the worker with the most free credits, in turn among equals; false when there is none. */
  #push(job: JobRequest, text: Uint8Array | undefined): boolean {
    const ends = this.#ends();
    let mostFree = 0;
    let chosen = -1;
    for (let step = 0; step < ends.length; step++) {
      const index = (this.#turn + step) % ends.length;
      const end = ends[index] as EngineEnd;
      end.logicalCapacity = Math.min(this.#level, end.capacity);
      const free = end.logicalCapacity - end.out;
      if (free <= mostFree) continue;
      mostFree = free;
      chosen = index;
    }
    if (chosen < 0) return false;
    this.#turn = chosen + 1;
    return (ends[chosen] as EngineEnd).tryPush(job, text);
  }

  #moveTo(level: number): void {
    this.#level = Math.max(this.#options.capacity, Math.min(this.#options.maxCapacity, level));
    this.#ticksHigh = 0;
    this.#ticksLow = 0;
  }
}

interface Kept {
  readonly job: JobRequest;
  readonly text: Uint8Array | undefined;
}

/** First in, first out at O(1) amortized; Array.shift moves every element. */
class Fifo {
  #items: (Kept | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): Kept | undefined {
    return this.#items[this.#head];
  }

  push(item: Kept): void {
    this.#items.push(item);
  }

  dropFirst(): void {
    this.#items[this.#head++] = undefined;
    if (this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
