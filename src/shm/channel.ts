/**
 * The shared memory between the engine thread and ONE worker: jobs out, results back. Its two ends are engine_end.ts and
 * worker_end.ts; this file says what lies where and who writes it. Typical: 64 workers, thousands of jobs a second each.
 *
 *            engine writes                           worker writes
 *   ┌────────────────────────────────┐     ┌──────────────────────────────────┐
 *   │ jobRecords[slot], jobTexts[slot]│     │ resultRecords[slot], resultTexts │
 *   │ jobPlaces, jobTail   ──────────┼────►│ jobHead                          │
 *   │ resultHead           ◄─────────┼─────│ resultPlaces, resultTail         │
 *   │ orders: stop, slot limit       │     │ state: phase, heartbeat          │
 *   └────────────────────────────────┘     └──────────────────────────────────┘
 *             bell: set by the sleeping worker, cleared by whoever wakes it
 *
 * Credits: a job has a slot from push to drain, and there are exactly `capacity` slots, which is also the length of both
 * rings; so neither ring can overflow, and a worker can always answer. No slot left = the engine defers the job.
 * Job and result have texts of their own, so that the job of a worker that dies while answering can run again.
 */
import { assert } from "../base/assert.ts";
import { type ColumnsOf, createLayout } from "./layout.ts";
import { JobRecords, ResultRecords } from "./records.ts";

/** Goes to the worker in its boot message (structured clone shares the buffer). */
export interface ChannelHandle {
  readonly buffer: SharedArrayBuffer;
  /** Slots; a power of two. */
  readonly capacity: number;
  /** Room for the text of one job, and as much again for the text of its result. */
  readonly textBytes: number;
}

export interface ChannelOptions {
  readonly capacity: number;
  readonly textBytes: number;
}

/** The worker's life as it tells it: the engine retires one by stop → draining → drained. */
export const WORKER_PHASES = ["booting", "running", "draining", "drained"] as const;
export type WorkerPhase = typeof WORKER_PHASES[number];

/** Words of the `orders` column. */
export const ORDER_STOP = 0;
export const ORDER_SLOT_LIMIT = 1;
/** Words of the `state` column. */
export const STATE_PHASE = 0;
export const STATE_HEARTBEAT = 1;

export function createChannel(options: ChannelOptions): ChannelHandle {
  const { capacity, textBytes } = options;
  assert(
    capacity > 0 && (capacity & (capacity - 1)) === 0,
    `channel capacity ${capacity} is not a power of two`,
  );
  return { buffer: channelLayout(options).allocate(), capacity, textBytes };
}

export type ChannelColumns = ColumnsOf<ReturnType<typeof channelShape>>;

/** Asserts that the buffer is laid out as the handle says. */
export function attachChannel(handle: ChannelHandle): ChannelColumns {
  return channelLayout(handle).attach(handle.buffer);
}

function channelLayout(options: ChannelOptions) {
  return createLayout(channelShape(options));
}

function channelShape({ capacity, textBytes }: ChannelOptions) {
  return {
    jobTail: { type: "i32", length: 1 },
    jobHead: { type: "i32", length: 1 },
    resultTail: { type: "i32", length: 1 },
    resultHead: { type: "i32", length: 1 },
    orders: { type: "i32", length: 2 },
    state: { type: "i32", length: 2 },
    bell: { type: "i32", length: 1 },
    jobPlaces: { type: "u32", length: capacity },
    resultPlaces: { type: "u32", length: capacity },
    jobRecords: { type: "u32", length: capacity * JobRecords.WORDS },
    resultRecords: { type: "u32", length: capacity * ResultRecords.WORDS },
    jobTexts: { type: "u8", length: capacity * textBytes },
    resultTexts: { type: "u8", length: capacity * textBytes },
  } as const;
}
