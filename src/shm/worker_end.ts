/**
 * The worker's end of a channel: takes jobs, reports results, reads orders, sleeps when there is nothing to do.
 * Worker thread only. It does not wake the engine: EngineWake does, which all workers share.
 */
import { assert } from "../base/assert.ts";
import {
  attachChannel,
  type ChannelColumns,
  type ChannelHandle,
  ORDER_SLOT_LIMIT,
  ORDER_STOP,
  STATE_HEARTBEAT,
  STATE_PHASE,
  WORKER_PHASES,
  type WorkerPhase,
} from "./channel.ts";
import { Doorbell } from "./doorbell.ts";
import { type JobFields, JobRecords, ResultRecords, type ResultReport } from "./records.ts";
import { RingConsumer, RingProducer } from "./ring.ts";

export class WorkerEnd {
  /** Slot numbers are below this. */
  readonly capacity: number;
  readonly #textBytes: number;
  readonly #columns: ChannelColumns;
  readonly #jobs: RingConsumer;
  readonly #results: RingProducer;
  readonly #jobRecords: JobRecords;
  readonly #resultRecords: ResultRecords;
  readonly #bell: Doorbell;
  /** Per slot: 1 from take() to complete(). */
  readonly #isHeld: Uint8Array;
  #slotLimitSeen = 0;
  #stopSeen = false;

  constructor(handle: ChannelHandle) {
    const columns = attachChannel(handle);
    this.#columns = columns;
    this.capacity = handle.capacity;
    this.#textBytes = handle.textBytes;
    this.#jobs = new RingConsumer({
      places: columns.jobPlaces,
      tail: columns.jobTail,
      head: columns.jobHead,
    });
    this.#results = new RingProducer({
      places: columns.resultPlaces,
      tail: columns.resultTail,
      head: columns.resultHead,
    });
    this.#jobRecords = new JobRecords(columns.jobRecords);
    this.#resultRecords = new ResultRecords(columns.resultRecords);
    this.#bell = new Doorbell(columns.bell);
    this.#isHeld = new Uint8Array(handle.capacity);
  }

  /** The next job, in the order of pushes; false when there is none. */
  take(into: JobFields): boolean {
    const slot = this.#jobs.take();
    if (slot < 0) return false;
    this.#isHeld[slot] = 1;
    this.#jobRecords.read(slot, into);
    return true;
  }

  /** The payload of a taken job: a view, valid until its complete(). */
  jobText(slot: number, bytes: number): Uint8Array {
    return this.#columns.jobTexts.subarray(slot * this.#textBytes, slot * this.#textBytes + bytes);
  }

  /** Exactly once per taken job; visible to the engine at once. Cannot fail: see the credits in channel.ts. */
  complete(result: ResultReport, text?: Uint8Array): void {
    const slot = result.slot;
    assert(this.#isHeld[slot] === 1, `result for slot ${slot}, which holds no job`);
    const textBytes = text === undefined ? 0 : text.length;
    assert(textBytes <= this.#textBytes, `result text of ${textBytes} bytes, slots hold ${this.#textBytes}`);
    if (text !== undefined) this.#columns.resultTexts.set(text, slot * this.#textBytes);
    this.#resultRecords.write(result, textBytes);
    this.#isHeld[slot] = 0;
    this.#results.push(slot);
    this.#results.publish();
  }

  /** How many jobs may run here at a time, as the engine last said; 0 until it did. */
  get slotLimit(): number {
    return (this.#slotLimitSeen = Atomics.load(this.#columns.orders, ORDER_SLOT_LIMIT));
  }

  get stopRequested(): boolean {
    return (this.#stopSeen = Atomics.load(this.#columns.orders, ORDER_STOP) === 1);
  }

  /** Proof of life, from the worker's event loop: the engine replaces a worker whose beats stop. */
  beat(): void {
    Atomics.add(this.#columns.state, STATE_HEARTBEAT, 1);
  }

  setPhase(phase: WorkerPhase): void {
    Atomics.store(this.#columns.state, STATE_PHASE, WORKER_PHASES.indexOf(phase));
  }

  /**
   * Settles when jobs are in the ring, when an order differs from what this end last read (slotLimit, stopRequested), or
   * after `timeoutMs`. For a worker with a free slot: one that cannot take the waiting jobs would not sleep at all.
   */
  waitForJobs(timeoutMs: number): Promise<void> {
    return this.#bell.sleep(timeoutMs, this.#hasNews);
  }

  /** The same sleep for a thread that waits in the kernel: true = nothing to do, the engine notifies until rise(). */
  lieDown(): boolean {
    return this.#bell.lieDown(this.#hasNews);
  }

  rise(): void {
    this.#bell.rise();
  }

  readonly #hasNews = (): boolean => {
    const { orders } = this.#columns;
    return !this.#jobs.empty || Atomics.load(orders, ORDER_SLOT_LIMIT) !== this.#slotLimitSeen ||
      (Atomics.load(orders, ORDER_STOP) === 1) !== this.#stopSeen;
  };
}
