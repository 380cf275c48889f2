/**
 * The records in the slots: what a job and a result are, and their words. All numbers are unsigned 32 bit.
 * A job record is written by the engine and read by both sides; a result record is written by the worker and read by the
 * engine. The result repeats nothing of its job: the engine reads row and generation from its own record, so a worker
 * cannot answer for another row.
 *
 *   job (8 words):     row  generation  flags  sentUs  textBytes  aux0  aux1  (spare)
 *   result (12 words): outcome|reason<<8|attempts<<16  value  waitUs  serviceUs  textBytes  dnsUs  connectUs
 *                      firstByteUs  cpuUs  aux0  aux1  (spare)
 */

/** What the engine asks for. aux0 and aux1 mean what engine and lane agree on. */
export interface JobRequest {
  row: number;
  generation: number;
  flags: number;
  /** Engine time of the dispatch, µs, low 32 bits: compare by difference (wraps after 71 minutes). */
  sentUs: number;
  aux0: number;
  aux1: number;
}

/** A job as both sides see it once it has a slot. */
export interface JobFields extends JobRequest {
  slot: number;
  textBytes: number;
}

/** What the worker reports. Times in µs, saturating at 2^32 - 1 (71 minutes); phases that were not reached are 0. */
export interface ResultReport {
  slot: number;
  /** Index into OUTCOMES of model/outcome.ts (pulse) or what the lane's results are numbered by; 0..255. */
  outcome: number;
  /** 0..255. */
  reason: number;
  /** Tries this took; 0..65535. */
  attempts: number;
  value: number;
  /** From the dispatch until the worker began. */
  waitUs: number;
  /** From then until the end. */
  serviceUs: number;
  dnsUs: number;
  connectUs: number;
  firstByteUs: number;
  /** CPU time of the worker's thread charged to this job. */
  cpuUs: number;
  aux0: number;
  aux1: number;
}

/** A result as the engine sees it: the report, and what it knows of the job. */
export interface ResultFields extends ResultReport {
  row: number;
  generation: number;
  textBytes: number;
}

type Words = Uint32Array<SharedArrayBuffer>;

/** Written by the engine before it pushes the slot; read by both. */
export class JobRecords {
  static readonly WORDS = 8;
  readonly #words: Words;

  constructor(words: Words) {
    this.#words = words;
  }

  write(slot: number, job: JobRequest, textBytes: number): void {
    const words = this.#words;
    const base = slot * JobRecords.WORDS;
    words[base] = job.row;
    words[base + 1] = job.generation;
    words[base + 2] = job.flags;
    words[base + 3] = job.sentUs;
    words[base + 4] = textBytes;
    words[base + 5] = job.aux0;
    words[base + 6] = job.aux1;
  }

  read(slot: number, into: JobFields): void {
    const words = this.#words;
    const base = slot * JobRecords.WORDS;
    into.slot = slot;
    into.row = words[base] as number;
    into.generation = words[base + 1] as number;
    into.flags = words[base + 2] as number;
    into.sentUs = words[base + 3] as number;
    into.textBytes = words[base + 4] as number;
    into.aux0 = words[base + 5] as number;
    into.aux1 = words[base + 6] as number;
  }

  /** Whose job it was, for the engine when the result comes. */
  readOrigin(slot: number, into: ResultFields): void {
    const words = this.#words;
    const base = slot * JobRecords.WORDS;
    into.row = words[base] as number;
    into.generation = words[base + 1] as number;
  }
}

/** Written by the worker before it pushes the slot back; read by the engine. */
export class ResultRecords {
  static readonly WORDS = 12;
  readonly #words: Words;

  constructor(words: Words) {
    this.#words = words;
  }

  write(result: ResultReport, textBytes: number): void {
    const words = this.#words;
    const base = result.slot * ResultRecords.WORDS;
    words[base] = (result.outcome & 0xff) | ((result.reason & 0xff) << 8) |
      (Math.min(result.attempts, 0xffff) << 16);
    words[base + 1] = result.value;
    words[base + 2] = saturated(result.waitUs);
    words[base + 3] = saturated(result.serviceUs);
    words[base + 4] = textBytes;
    words[base + 5] = saturated(result.dnsUs);
    words[base + 6] = saturated(result.connectUs);
    words[base + 7] = saturated(result.firstByteUs);
    words[base + 8] = saturated(result.cpuUs);
    words[base + 9] = result.aux0;
    words[base + 10] = result.aux1;
  }

  read(slot: number, into: ResultFields): void {
    const words = this.#words;
    const base = slot * ResultRecords.WORDS;
    const packed = words[base] as number;
    into.slot = slot;
    into.outcome = packed & 0xff;
    into.reason = (packed >>> 8) & 0xff;
    into.attempts = packed >>> 16;
    into.value = words[base + 1] as number;
    into.waitUs = words[base + 2] as number;
    into.serviceUs = words[base + 3] as number;
    into.textBytes = words[base + 4] as number;
    into.dnsUs = words[base + 5] as number;
    into.connectUs = words[base + 6] as number;
    into.firstByteUs = words[base + 7] as number;
    into.cpuUs = words[base + 8] as number;
    into.aux0 = words[base + 9] as number;
    into.aux1 = words[base + 10] as number;
  }
}

function saturated(us: number): number {
  return us < 0xffffffff ? us : 0xffffffff;
}

/** A scratch object to read into, made once per end of a channel. */
export function emptyJob(): JobFields {
  return { slot: 0, row: 0, generation: 0, flags: 0, sentUs: 0, textBytes: 0, aux0: 0, aux1: 0 };
}

/** As emptyJob(). */
export function emptyResult(): ResultFields {
  return {
    slot: 0,
    row: 0,
    generation: 0,
    outcome: 0,
    reason: 0,
    attempts: 0,
    value: 0,
    waitUs: 0,
    serviceUs: 0,
    textBytes: 0,
    dnsUs: 0,
    connectUs: 0,
    firstByteUs: 0,
    cpuUs: 0,
    aux0: 0,
    aux1: 0,
  };
}
