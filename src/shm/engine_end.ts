/**
 * The engine's end of a channel: hands out jobs against credits, takes results back, gives orders. Engine thread only;
 * the steady state makes no garbage, except for a view per text that is read.
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
import { emptyJob, emptyResult, type JobFields, JobRecords, type JobRequest } from "./records.ts";
import { type ResultFields, ResultRecords } from "./records.ts";
import { RingConsumer, RingProducer } from "./ring.ts";

const NO_TEXT = new Uint8Array(0);

export class EngineEnd {
  readonly capacity: number;
  readonly #textBytes: number;
  readonly #columns: ChannelColumns;
  readonly #jobs: RingProducer;
  readonly #results: RingConsumer;
  readonly #jobRecords: JobRecords;
  readonly #resultRecords: ResultRecords;
  readonly #bell: Doorbell;
  /** Stack of free slots: the last one freed is used first, so memory follows the jobs in flight, not the capacity. */
  readonly #free: Uint32Array;
  #freeCount: number;
  /** Per slot: 1 while its job is out. */
  readonly #isOut: Uint8Array;
  /** Per slot: place in the order of pushes, 32 bit, wrapping. */
  readonly #pushedAt: Int32Array;
  #logicalCapacity: number;
  readonly #job: JobFields = emptyJob();
  readonly #result: ResultFields = emptyResult();

  /** `notify` wakes a worker that sleeps in the kernel (WorkerEnd.lieDown); absent = one that waits on its event loop. */
  constructor(handle: ChannelHandle, notify?: () => void) {
    const columns = attachChannel(handle);
    this.#columns = columns;
    this.capacity = handle.capacity;
    this.#textBytes = handle.textBytes;
    this.#logicalCapacity = handle.capacity;
    this.#jobs = new RingProducer({
      places: columns.jobPlaces,
      tail: columns.jobTail,
      head: columns.jobHead,
    });
    this.#results = new RingConsumer({
      places: columns.resultPlaces,
      tail: columns.resultTail,
      head: columns.resultHead,
    });
    this.#jobRecords = new JobRecords(columns.jobRecords);
    this.#resultRecords = new ResultRecords(columns.resultRecords);
    this.#bell = new Doorbell(columns.bell, notify);
    this.#free = Uint32Array.from({ length: handle.capacity }, (_, index) => handle.capacity - 1 - index);
    this.#freeCount = handle.capacity;
    this.#isOut = new Uint8Array(handle.capacity);
    this.#pushedAt = new Int32Array(handle.capacity);
  }

  /** Most jobs that may be out; 1..capacity. Lowered below `out`, it takes effect as results come back. */
  get logicalCapacity(): number {
    return this.#logicalCapacity;
  }

  set logicalCapacity(jobs: number) {
    assert(jobs >= 1 && jobs <= this.capacity, `logical capacity ${jobs} not in 1..${this.capacity}`);
    this.#logicalCapacity = jobs;
  }

  /** Jobs pushed whose results have not been drained. */
  get out(): number {
    return this.capacity - this.#freeCount;
  }

  /** False = no credit. The job is invisible to the worker until publish(). */
  tryPush(job: JobRequest, text?: Uint8Array): boolean {
    if (this.out >= this.#logicalCapacity) return false;
    const textBytes = text === undefined ? 0 : text.length;
    assert(textBytes <= this.#textBytes, `job text of ${textBytes} bytes, slots hold ${this.#textBytes}`);
    const slot = this.#free[--this.#freeCount] as number;
    if (text !== undefined) this.#columns.jobTexts.set(text, slot * this.#textBytes);
    this.#jobRecords.write(slot, job, textBytes);
    this.#isOut[slot] = 1;
    this.#pushedAt[slot] = this.#jobs.position;
    this.#jobs.push(slot);
    return true;
  }

  /** Makes pushed jobs visible in one store; notifies the worker only if it sleeps for want of jobs. */
  publish(): void {
    if (this.#jobs.publish()) this.#bell.ring();
  }

  /**
   * Visits at most `limit` results in the order in which the worker finished them; returns how many. The object and the
   * text belong to the visit only; the slot is free after it. Not to be called from within a visit.
   */
  drain(visit: (result: ResultFields) => void, limit: number): number {
    let visited = 0;
    while (visited < limit) {
      const slot = this.#results.take();
      if (slot < 0) break;
      assert(this.#isOut[slot] === 1, `result for slot ${slot}, which has no job out`);
      this.#resultRecords.read(slot, this.#result);
      this.#jobRecords.readOrigin(slot, this.#result);
      visit(this.#result);
      this.#isOut[slot] = 0;
      this.#free[this.#freeCount++] = slot;
      visited++;
    }
    return visited;
  }

  /** True when drain() would find something: the recheck before the engine sleeps. */
  get hasResults(): boolean {
    return !this.#results.empty;
  }

  /** The text of the result being visited: a view, valid during the visit. */
  resultText(slot: number, bytes: number): Uint8Array {
    assert(bytes <= this.#textBytes, `result text of ${bytes} bytes, slots hold ${this.#textBytes}`);
    // Nearly every result has none, and a view costs more than all the rest of taking it.
    if (bytes === 0) return NO_TEXT;
    return this.#columns.resultTexts.subarray(slot * this.#textBytes, slot * this.#textBytes + bytes);
  }

  /**
   * For a lost worker: every job out, in the order of pushes, after a last drain(). The end is of no use afterwards.
   * The object belongs to the visit only; jobText() gives its text.
   */
  forEachOut(visit: (job: JobFields) => void): void {
    const slots: number[] = [];
    for (let slot = 0; slot < this.capacity; slot++) if (this.#isOut[slot] === 1) slots.push(slot);
    const pushedAt = this.#pushedAt;
    slots.sort((left, right) => ((pushedAt[left] as number) - (pushedAt[right] as number)) | 0);
    for (const slot of slots) {
      this.#jobRecords.read(slot, this.#job);
      visit(this.#job);
    }
  }

  /** The payload of a job that is out: a view. */
  jobText(slot: number, bytes: number): Uint8Array {
    return this.#columns.jobTexts.subarray(slot * this.#textBytes, slot * this.#textBytes + bytes);
  }

  /** Jobs pushed and not yet taken by the worker. */
  waiting(): number {
    return this.#jobs.waiting();
  }

  /** How many jobs the worker may run at a time; it starts with 0 and so waits for this. */
  setSlotLimit(jobs: number): void {
    Atomics.store(this.#columns.orders, ORDER_SLOT_LIMIT, jobs);
    this.#bell.ring();
  }

  /** Asks the worker to finish what it has and end; cannot be taken back. */
  requestStop(): void {
    Atomics.store(this.#columns.orders, ORDER_STOP, 1);
    this.#bell.ring();
  }

  /** Beats since boot, 32 bit, wrapping: compare for change. */
  get heartbeat(): number {
    return Atomics.load(this.#columns.state, STATE_HEARTBEAT);
  }

  get workerPhase(): WorkerPhase {
    const phase = WORKER_PHASES[Atomics.load(this.#columns.state, STATE_PHASE)];
    assert(phase !== undefined, "worker phase out of range");
    return phase;
  }
}
