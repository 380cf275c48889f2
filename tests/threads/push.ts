/**
 * The engine side of the thread tests: pushes numbered records through channels to real workers and checks every answer.
 * For the tests of both runtimes and for the compiled binary alike. About 2 million records a run; it is single-minded
 * and so faster than the engine will ever ask.
 */
import { seededRandom } from "../../src/base/prng.ts";
import { createChannel } from "../../src/shm/channel.ts";
import { EngineEnd } from "../../src/shm/engine_end.ts";
import type { ResultFields } from "../../src/shm/records.ts";
import { createEngineWake, EngineWake } from "../../src/shm/wake.ts";
import type { EchoBoot, EchoReport } from "./fixtures/echo_worker.ts";
import { isTextOf, scramble, TEXT_BYTES, textOf } from "./records.ts";

export interface PushOptions {
  readonly spawn: () => Worker;
  readonly workers: number;
  readonly records: number;
  readonly seed: number;
  /** Most records pushed between two drains; 1 makes both sides sleep after each. */
  readonly batch: number;
}

export interface PushReport {
  readonly answered: number;
  readonly lost: number;
  readonly faults: readonly string[];
  readonly perSecond: number;
  readonly engineSleeps: number;
  readonly workerSleeps: number;
  readonly longestSleepMs: number;
}

const CAPACITY = 1024;
/** As in the worker: only a lost wake-up sleeps so long. */
const SLEEP_MS = 20_000;

interface Peer {
  readonly end: EngineEnd;
  readonly report: Promise<EchoReport>;
  answers: number;
  failure: string | undefined;
}

/** Throws when a worker fails to start or dies. */
export async function pushThrough(options: PushOptions): Promise<PushReport> {
  const engineWake = createEngineWake();
  const wake = new EngineWake(engineWake);
  const random = seededRandom(options.seed);
  const peers = Array.from(
    { length: options.workers },
    (_, index) => startPeer(options, { engineWake, wake, index }),
  );
  const audit = new Audit(options.records);
  const failIfWorkerFailed = () => {
    for (const { failure } of peers) if (failure !== undefined) throw new Error(`worker failed: ${failure}`);
  };
  const isBooting = () => peers.some((peer) => peer.end.workerPhase === "booting");
  while (isBooting()) {
    await wake.sleep(SLEEP_MS, () => !isBooting());
    failIfWorkerFailed();
  }
  const before = performance.now();
  let engineSleeps = 0;
  let longestSleepMs = 0;
  let pushed = 0;

  while (audit.answered < options.records) {
    for (const peer of peers) {
      if (random() < 0.01) peer.end.logicalCapacity = 1 + Math.floor(random() * CAPACITY);
      if (random() < 0.01) peer.end.setSlotLimit(1 + Math.floor(random() * 64));
      const upTo = Math.min(options.records, pushed + 1 + Math.floor(random() * options.batch));
      while (pushed < upTo && pushRecord(peer.end, pushed)) pushed++;
      peer.end.publish();
    }
    let drained = 0;
    for (const peer of peers) {
      const limit = 1 + Math.floor(random() * options.batch * 2);
      drained += peer.end.drain((result) => audit.check(peer, result), limit);
    }
    if (drained > 0 || audit.answered === options.records) continue;
    const slept = performance.now();
    await wake.sleep(SLEEP_MS, () => peers.some((peer) => peer.end.hasResults));
    longestSleepMs = Math.max(longestSleepMs, performance.now() - slept);
    engineSleeps++;
    failIfWorkerFailed();
  }

  const seconds = (performance.now() - before) / 1000;
  for (const { end } of peers) end.requestStop();
  const reports = await Promise.all(peers.map((peer) => peer.report));
  const faults = [...audit.faults, ...reports.flatMap((report) => report.faults)];
  for (const { end } of peers) {
    if (end.out !== 0 || end.workerPhase !== "drained") {
      faults.push(`${end.out} jobs out, worker ${end.workerPhase}`);
    }
  }
  return {
    answered: audit.answered,
    lost: options.records - audit.distinct,
    faults,
    perSecond: options.records / seconds,
    engineSleeps,
    workerSleeps: reports.reduce((sum, report) => sum + report.sleeps, 0),
    longestSleepMs: Math.max(longestSleepMs, ...reports.map((report) => report.longestSleepMs)),
  };
}

interface Boot {
  readonly engineWake: SharedArrayBuffer;
  readonly wake: EngineWake;
  readonly index: number;
}

function startPeer(options: PushOptions, { engineWake, wake, index }: Boot): Peer {
  const channel = createChannel({ capacity: CAPACITY, textBytes: TEXT_BYTES });
  const worker = options.spawn();
  const { promise, resolve } = Promise.withResolvers<EchoReport>();
  const peer: Peer = { end: new EngineEnd(channel), report: promise, answers: 0, failure: undefined };
  worker.onmessage = (event: MessageEvent<EchoReport>) => {
    resolve(event.data);
    worker.terminate();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    peer.failure = event.message;
    wake.wake();
  };
  const boot: EchoBoot = { channel, engineWake, seed: options.seed + index };
  worker.postMessage(boot);
  peer.end.setSlotLimit(32);
  return peer;
}

const scratch = new Uint8Array(TEXT_BYTES);
const request = { row: 0, generation: 0, flags: 0, sentUs: 0, aux0: 0, aux1: 0 };

function pushRecord(end: EngineEnd, record: number): boolean {
  request.row = record;
  request.generation = scramble(record, 1);
  request.flags = scramble(record, 2);
  request.sentUs = scramble(record, 3);
  request.aux0 = scramble(record, 4);
  request.aux1 = scramble(record, 5);
  return end.tryPush(request, textOf(record, 6, scratch));
}

/** Each record once, answers of a worker in the order in which it gave them, contents as computed. */
class Audit {
  answered = 0;
  distinct = 0;
  readonly faults: string[] = [];
  readonly #seen: Uint8Array;

  constructor(records: number) {
    this.#seen = new Uint8Array(records);
  }

  check(peer: Peer, result: ResultFields): void {
    const record = result.row;
    this.answered++;
    if (this.#seen[record] === 0) this.distinct++;
    const right = this.#seen[record] === 0 && result.aux0 === peer.answers && result.aux1 === record &&
      result.generation === scramble(record, 1) && result.outcome === (record & 0xff) &&
      result.reason === ((record >>> 8) & 0xff) && result.attempts === ((record >>> 3) & 0xffff) &&
      result.value === scramble(record, 7) && result.waitUs === scramble(record, 8) &&
      result.cpuUs === scramble(record, 9) &&
      isTextOf(record, 10, peer.end.resultText(result.slot, result.textBytes));
    if (!right && this.faults.length < 10) {
      this.faults.push(`answer ${peer.answers}: ${JSON.stringify(result)}`);
    }
    this.#seen[record] = 1;
    peer.answers++;
  }
}
