import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createQueue, QUEUE_KINDS, type QueueKind, type QueueOptions } from "../../src/engine/queue.ts";
import { createChannel } from "../../src/shm/channel.ts";
import { EngineEnd } from "../../src/shm/engine_end.ts";
import { emptyJob, emptyResult, type JobRequest } from "../../src/shm/records.ts";
import { WorkerEnd } from "../../src/shm/worker_end.ts";

const OPTIONS: QueueOptions = { capacity: 4, maxCapacity: 16, growAfterTicks: 3, shrinkAfterTicks: 5 };

/** A worker that takes and finishes jobs when told to. */
class Worker {
  readonly engine: EngineEnd;
  readonly #end: WorkerEnd;
  readonly #held: number[] = [];

  constructor(capacity = 16) {
    const handle = createChannel({ capacity, textBytes: 8 });
    this.engine = new EngineEnd(handle);
    this.#end = new WorkerEnd(handle);
  }

  /** Takes up to `count` jobs; their rows and first text bytes. */
  take(count = Infinity): { row: number; text: number | undefined }[] {
    const jobs: { row: number; text: number | undefined }[] = [];
    const into = emptyJob();
    while (jobs.length < count && this.#end.take(into)) {
      this.#held.push(into.slot);
      jobs.push({ row: into.row, text: this.#end.jobText(into.slot, into.textBytes)[0] });
    }
    return jobs;
  }

  finish(count = Infinity): number {
    for (const slot of this.#held.splice(0, count)) this.#end.complete({ ...emptyResult(), slot });
    return this.engine.drain(() => {}, Infinity);
  }
}

function job(row: number): JobRequest {
  return { row, generation: 0, flags: 0, sentUs: 0, aux0: 0, aux1: 0 };
}

function rows(worker: Worker): number[] {
  return worker.take().map((each) => each.row);
}

test("a ring queue defers what finds no credit, and counts it", () => {
  const worker = new Worker();
  const queue = createQueue("ring", OPTIONS, () => [worker.engine]);
  const offers = [0, 1, 2, 3, 4, 5].map((row) => queue.offer(job(row)));
  assert.deepEqual(offers, ["queued", "queued", "queued", "queued", "deferred", "deferred"]);
  queue.pump();
  assert.deepEqual(queue.stats, {
    depth: 4,
    capacity: 4,
    enqueued: 4,
    dequeued: 0,
    deferred: 2,
    overflow: 0,
  });
  assert.deepEqual(rows(worker), [0, 1, 2, 3]);
  assert.deepEqual(queue.stats, {
    depth: 0,
    capacity: 4,
    enqueued: 4,
    dequeued: 4,
    deferred: 2,
    overflow: 0,
  });
});

test("a hybrid queue refuses nothing and keeps the order, also of offers that come while there is overflow", () => {
  const worker = new Worker();
  const queue = createQueue("hybrid", OPTIONS, () => [worker.engine]);
  for (let row = 0; row < 6; row++) queue.offer(job(row), Uint8Array.of(row));
  queue.pump();
  assert.deepEqual(queue.stats, {
    depth: 6,
    capacity: 4,
    enqueued: 6,
    dequeued: 0,
    deferred: 0,
    overflow: 2,
  });
  const seen = worker.take();
  worker.finish();
  assert.equal(queue.offer(job(6), Uint8Array.of(6)), "overflow", "credits are free, but older jobs wait");
  queue.pump();
  seen.push(...worker.take());
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6].map((row) => ({ row, text: row })));
});

test("what was offered is the caller's again: overflow keeps a copy of job and text", () => {
  const worker = new Worker();
  const queue = createQueue("hybrid", { ...OPTIONS, capacity: 1 }, () => [worker.engine]);
  const scratch = { ...job(0) };
  const text = new Uint8Array(1);
  for (let row = 0; row < 3; row++) {
    scratch.row = row;
    text[0] = row;
    queue.offer(scratch, text);
  }
  const seen = [];
  for (let turn = 0; turn < 3; turn++) {
    queue.pump();
    seen.push(...worker.take());
    worker.finish();
  }
  assert.deepEqual(seen, [0, 1, 2].map((row) => ({ row, text: row })));
});

test("without workers a hybrid queue keeps its jobs and the others defer them", () => {
  const ends: EngineEnd[] = [];
  const hybrid = createQueue("hybrid", OPTIONS, () => ends);
  assert.equal(hybrid.offer(job(1)), "overflow");
  assert.equal(createQueue("ring", OPTIONS, () => ends).offer(job(1)), "deferred");
  assert.equal(createQueue("adaptive", OPTIONS, () => ends).offer(job(1)), "deferred");
  const worker = new Worker();
  ends.push(worker.engine);
  hybrid.pump();
  assert.deepEqual(rows(worker), [1]);
});

test("a job goes to the worker with the most free credits, in turn among equals", () => {
  const workers = [new Worker(), new Worker(), new Worker()] as const;
  const queue = createQueue(
    "ring",
    { ...OPTIONS, capacity: 8 },
    () => workers.map((worker) => worker.engine),
  );
  for (let row = 0; row < 6; row++) queue.offer(job(row));
  assert.deepEqual(workers.map((worker) => worker.engine.out), [2, 2, 2]);
  queue.pump();
  workers[1].take();
  workers[1].finish();
  for (let row = 0; row < 3; row++) queue.offer(job(row));
  assert.deepEqual(
    workers.map((worker) => worker.engine.out),
    [2, 2, 3],
    "two to the idle one, then in turn",
  );
});

test("an adaptive queue doubles after some ticks above its watermark, up to its maximum", () => {
  const worker = new Worker();
  const queue = createQueue("adaptive", OPTIONS, () => [worker.engine]);
  const capacities: number[] = [];
  for (let tick = 0; tick < 10; tick++) {
    while (queue.offer(job(tick)) === "queued");
    queue.tick();
    capacities.push(queue.stats.capacity);
  }
  assert.deepEqual(capacities, [4, 4, 8, 8, 8, 16, 16, 16, 16, 16]);
});

test("an adaptive queue halves when idle for long, down to where it began", () => {
  const worker = new Worker();
  const queue = createQueue("adaptive", { ...OPTIONS, growAfterTicks: 1 }, () => [worker.engine]);
  for (let tick = 0; tick < 2; tick++) {
    while (queue.offer(job(tick)) === "queued");
    queue.tick();
  }
  queue.pump();
  assert.equal(queue.stats.capacity, 16);
  worker.take();
  worker.finish();
  const capacities: number[] = [];
  for (let tick = 0; tick < 12; tick++) {
    queue.tick();
    capacities.push(queue.stats.capacity);
  }
  assert.deepEqual(capacities, [16, 16, 16, 16, 8, 8, 8, 8, 8, 4, 4, 4]);
});

test("short peaks leave an adaptive queue as it is", () => {
  const worker = new Worker();
  const queue = createQueue("adaptive", OPTIONS, () => [worker.engine]);
  for (let tick = 0; tick < 20; tick++) {
    if (tick % 3 === 2) {
      worker.take();
      worker.finish();
    } else while (queue.offer(job(tick)) === "queued");
    queue.pump();
    queue.tick();
    assert.equal(queue.stats.capacity, 4);
  }
});

test("short pauses leave an adaptive queue as it is", () => {
  const worker = new Worker();
  const queue = createQueue("adaptive", OPTIONS, () => [worker.engine]);
  for (let tick = 0; tick < OPTIONS.growAfterTicks; tick++) {
    while (queue.offer(job(tick)) === "queued");
    queue.tick();
  }
  for (let tick = 0; tick < 20; tick++) {
    queue.pump();
    worker.take();
    worker.finish();
    if (tick % 3 === 2) { for (let row = 0; row < 4; row++) queue.offer(job(row)); }
    queue.tick();
    assert.equal(queue.stats.capacity, 8);
  }
});

test("a worker's end takes what was in its ring out of the depth", () => {
  const workers = [new Worker(), new Worker()];
  const queue = createQueue("ring", OPTIONS, () => workers.map((worker) => worker.engine));
  for (let row = 0; row < 8; row++) queue.offer(job(row));
  queue.pump();
  workers.pop();
  assert.deepEqual(queue.stats, {
    depth: 4,
    capacity: 4,
    enqueued: 8,
    dequeued: 4,
    deferred: 0,
    overflow: 0,
  });
});

type Step =
  | { readonly do: "offer" }
  | { readonly do: "pump" }
  | { readonly do: "tick" }
  | { readonly do: "take"; readonly worker: number; readonly count: number }
  | { readonly do: "finish"; readonly worker: number; readonly count: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ do: "offer" as const }) },
  { weight: 3, arbitrary: fc.constant({ do: "pump" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "tick" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("take" as const),
      worker: fc.nat({ max: 2 }),
      count: fc.nat({ max: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("finish" as const),
      worker: fc.nat({ max: 2 }),
      count: fc.nat({ max: 6 }),
    }),
  },
);

/** Whatever happens: each accepted job reaches exactly one worker, each worker gets its jobs in order, counts add up. */
function checkQueue(kind: QueueKind, steps: readonly Step[]): void {
  const workers = [new Worker(), new Worker(), new Worker()];
  const queue = createQueue(kind, OPTIONS, () => workers.map((worker) => worker.engine));
  const accepted: number[] = [];
  const seen: number[][] = [[], [], []];
  let row = 0;
  let deferred = 0;
  const collect = (index: number, count: number) => {
    seen[index]?.push(...(workers[index] as Worker).take(count).map((each) => each.row));
  };
  for (const step of steps) {
    if (step.do === "offer") {
      const offer = queue.offer(job(row));
      if (offer === "deferred") deferred++;
      else accepted.push(row);
      assert.ok(kind === "hybrid" ? offer !== "deferred" : offer !== "overflow");
      row++;
    } else if (step.do === "pump") queue.pump();
    else if (step.do === "tick") queue.tick();
    else if (step.do === "take") collect(step.worker, step.count);
    else (workers[step.worker] as Worker).finish(step.count);
    const { stats } = queue;
    const taken = seen.flat().length;
    assert.deepEqual([stats.enqueued, stats.dequeued, stats.deferred], [accepted.length, taken, deferred]);
    assert.equal(stats.depth, accepted.length - taken);
    const out = workers.reduce((sum, worker) => sum + worker.engine.out, 0);
    assert.ok(stats.capacity >= 12 && stats.capacity <= 48);
    assert.ok(kind === "adaptive" || out <= stats.capacity);
  }
  while (queue.stats.depth > 0) {
    queue.pump();
    for (const index of [0, 1, 2]) {
      collect(index, Infinity);
      (workers[index] as Worker).finish();
    }
  }
  for (const each of seen) assert.deepEqual(each, [...each].sort((left, right) => left - right));
  assert.deepEqual(seen.flat().sort((left, right) => left - right), accepted);
}

for (const kind of QUEUE_KINDS) {
  test(`a queue of kind ${kind} loses nothing, repeats nothing and keeps each worker's order, over 1,000 histories`, () => {
    const history = fc.array(STEP, { maxLength: 120 });
    fc.assert(fc.property(history, (steps) => checkQueue(kind, steps)), { numRuns: 1000 });
  });
}
