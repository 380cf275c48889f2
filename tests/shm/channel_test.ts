import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createChannel } from "../../src/shm/channel.ts";
import { EngineEnd } from "../../src/shm/engine_end.ts";
import { emptyJob, emptyResult, type JobFields, type JobRequest } from "../../src/shm/records.ts";
import { WorkerEnd } from "../../src/shm/worker_end.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

function channel(options: { readonly capacity: number; readonly textBytes: number }) {
  const handle = createChannel(options);
  return { engine: new EngineEnd(handle), worker: new WorkerEnd(handle) };
}

function job(row: number): JobRequest {
  return { row, generation: row + 1, flags: 3, sentUs: 0xfffffff0, aux0: row * 2, aux1: 0xffffffff };
}

function taken(worker: WorkerEnd): JobFields[] {
  const jobs: JobFields[] = [];
  const into = emptyJob();
  while (worker.take(into)) jobs.push({ ...into });
  return jobs;
}

test("a job and its result carry every field and both texts", () => {
  const { engine, worker } = channel({ capacity: 4, textBytes: 16 });
  assert.ok(engine.tryPush(job(7), ENCODER.encode("payload é")));
  engine.publish();
  const [received] = taken(worker);
  assert.deepEqual(received, { ...job(7), slot: 0, textBytes: 10 });
  assert.equal(DECODER.decode(worker.jobText(0, 10)), "payload é");
  const report = {
    ...{ slot: 0, outcome: 2, reason: 200, attempts: 3, value: 0xffffffff, waitUs: 1, serviceUs: 2 },
    ...{ dnsUs: 3, connectUs: 4, firstByteUs: 5, cpuUs: 6, aux0: 7, aux1: 8 },
  };
  worker.complete(report, ENCODER.encode("answer"));
  const visited = engine.drain((result) => {
    assert.deepEqual(result, { ...report, row: 7, generation: 8, textBytes: 6 });
    assert.equal(DECODER.decode(engine.resultText(result.slot, result.textBytes)), "answer");
    assert.equal(
      DECODER.decode(engine.jobText(result.slot, 10)),
      "payload é",
      "the answer leaves the payload alone",
    );
  }, 10);
  assert.equal(visited, 1);
  assert.equal(engine.out, 0);
});

test("times beyond 71 minutes saturate, attempts beyond 65,535 too", () => {
  const { engine, worker } = channel({ capacity: 1, textBytes: 0 });
  engine.tryPush(job(1));
  engine.publish();
  taken(worker);
  worker.complete({ ...emptyResult(), serviceUs: 2 ** 33, cpuUs: Infinity, attempts: 1e6 });
  engine.drain((result) => {
    assert.equal(result.serviceUs, 0xffffffff);
    assert.equal(result.cpuUs, 0xffffffff);
    assert.equal(result.attempts, 0xffff);
  }, 1);
});

test("tryPush() refuses a job without credit, and a result gives the credit back", () => {
  const { engine, worker } = channel({ capacity: 2, textBytes: 0 });
  assert.ok(engine.tryPush(job(1)) && engine.tryPush(job(2)));
  assert.equal(engine.tryPush(job(3)), false);
  engine.publish();
  assert.equal(engine.waiting(), 2);
  const jobs = taken(worker);
  assert.equal(engine.waiting(), 0);
  assert.equal(engine.out, 2);
  worker.complete({ ...emptyResult(), slot: (jobs[1] as JobFields).slot });
  assert.equal(engine.hasResults, true);
  assert.equal(engine.tryPush(job(3)), false, "a result that was not drained still holds its slot");
  assert.equal(engine.drain((result) => assert.equal(result.row, 2), 10), 1);
  assert.equal(engine.hasResults, false);
  assert.ok(engine.tryPush(job(3)));
});

test("a lowered logical capacity takes effect as results come back", () => {
  const { engine, worker } = channel({ capacity: 8, textBytes: 0 });
  for (let row = 0; row < 6; row++) engine.tryPush(job(row));
  engine.logicalCapacity = 2;
  engine.publish();
  for (const each of taken(worker)) worker.complete({ ...emptyResult(), slot: each.slot });
  assert.equal(engine.drain(() => {}, 4), 4, "the limit of drain() holds");
  assert.equal(engine.tryPush(job(9)), false);
  engine.drain(() => {}, 4);
  assert.ok(engine.tryPush(job(9)) && engine.tryPush(job(10)));
  assert.equal(engine.tryPush(job(11)), false);
  engine.logicalCapacity = 8;
  assert.ok(engine.tryPush(job(11)));
  assert.throws(() => engine.logicalCapacity = 9, /not in 1\.\.8/);
});

test("a visit of drain() may push, and finds the slot of its result taken until it ends", () => {
  const { engine, worker } = channel({ capacity: 1, textBytes: 0 });
  engine.tryPush(job(1));
  engine.publish();
  worker.complete({ ...emptyResult(), slot: (taken(worker)[0] as JobFields).slot });
  engine.drain(() => assert.equal(engine.tryPush(job(2)), false), 1);
  assert.ok(engine.tryPush(job(2)));
});

test("forEachOut() lists the jobs of a lost worker in the order of pushes, with their texts", () => {
  const { engine, worker } = channel({ capacity: 8, textBytes: 8 });
  for (let row = 0; row < 5; row++) engine.tryPush(job(row), ENCODER.encode(`text ${row}`));
  engine.publish();
  const jobs = taken(worker);
  // Slots come back in this order, so that later jobs get them in reverse.
  for (const index of [1, 3, 0]) worker.complete({ ...emptyResult(), slot: (jobs[index] as JobFields).slot });
  engine.drain(() => {}, 8);
  for (const row of [10, 11, 12]) engine.tryPush(job(row), ENCODER.encode(`text ${row}`));
  const listed: string[] = [];
  engine.forEachOut((each) =>
    listed.push(`${each.row} ${DECODER.decode(engine.jobText(each.slot, each.textBytes))}`)
  );
  assert.deepEqual(listed, ["2 text 2", "4 text 4", "10 text 10", "11 text 11", "12 text 12"]);
});

test("broken code is stopped: a second result, a text too long, a capacity that is no power of two", () => {
  const { engine, worker } = channel({ capacity: 2, textBytes: 4 });
  assert.throws(() => engine.tryPush(job(1), new Uint8Array(5)), /job text of 5 bytes/);
  engine.tryPush(job(1));
  engine.publish();
  const slot = (taken(worker)[0] as JobFields).slot;
  assert.throws(
    () => worker.complete({ ...emptyResult(), slot }, new Uint8Array(5)),
    /result text of 5 bytes/,
  );
  worker.complete({ ...emptyResult(), slot });
  assert.throws(() => worker.complete({ ...emptyResult(), slot }), /holds no job/);
  assert.throws(() => createChannel({ capacity: 6, textBytes: 4 }), /power of two/);
  assert.throws(
    () => new WorkerEnd({ ...createChannel({ capacity: 4, textBytes: 4 }), capacity: 8 }),
    /layout/,
  );
});

test("orders, phase and heartbeat cross over", () => {
  const { engine, worker } = channel({ capacity: 2, textBytes: 0 });
  assert.deepEqual([worker.slotLimit, worker.stopRequested, engine.workerPhase, engine.heartbeat], [
    0,
    false,
    "booting",
    0,
  ]);
  engine.setSlotLimit(12);
  engine.requestStop();
  worker.beat();
  worker.setPhase("draining");
  assert.deepEqual([worker.slotLimit, worker.stopRequested, engine.workerPhase, engine.heartbeat], [
    12,
    true,
    "draining",
    1,
  ]);
});

for (
  const [what, cause] of [
    ["a published job", (engine: EngineEnd) => void (engine.tryPush(job(1)), engine.publish())],
    ["a changed slot limit", (engine: EngineEnd) => engine.setSlotLimit(5)],
    ["a stop", (engine: EngineEnd) => engine.requestStop()],
  ] as const
) {
  test(`waitForJobs() is ended by ${what}, before and during the wait`, async () => {
    const before = channel({ capacity: 2, textBytes: 0 });
    cause(before.engine);
    await before.worker.waitForJobs(60_000);
    const during = channel({ capacity: 2, textBytes: 0 });
    const timer = setInterval(() => {}, 1000);
    const waiting = during.worker.waitForJobs(60_000);
    cause(during.engine);
    await waiting;
    clearInterval(timer);
  });
}

test("waitForJobs() does not spin on orders that were read already", async () => {
  const { engine, worker } = channel({ capacity: 2, textBytes: 0 });
  engine.setSlotLimit(5);
  engine.requestStop();
  assert.deepEqual([worker.slotLimit, worker.stopRequested], [5, true]);
  const before = performance.now();
  const timer = setInterval(() => {}, 1000);
  await worker.waitForJobs(20);
  clearInterval(timer);
  assert.ok(performance.now() - before >= 19);
});

type Step =
  | { readonly do: "push"; readonly text: string }
  | { readonly do: "publish" }
  | { readonly do: "take" }
  | { readonly do: "complete"; readonly which: number; readonly text: string }
  | { readonly do: "drain"; readonly limit: number }
  | { readonly do: "resize"; readonly to: number };

const TEXT = fc.string({ unit: "grapheme-ascii", maxLength: 12 });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("push" as const), text: TEXT }) },
  { weight: 3, arbitrary: fc.constant({ do: "publish" as const }) },
  { weight: 5, arbitrary: fc.constant({ do: "take" as const }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("complete" as const), which: fc.nat(), text: TEXT }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("drain" as const), limit: fc.nat({ max: 5 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("resize" as const), to: fc.integer({ min: 1, max: 8 }) }),
  },
);

interface TwinJob {
  readonly row: number;
  readonly text: string;
}

/** Both ends against plain arrays: pushed → published → held by the worker → finished → drained. */
function runAgainstTwin(steps: readonly Step[]): void {
  const { engine, worker } = channel({ capacity: 8, textBytes: 16 });
  const unpublished: TwinJob[] = [];
  const inRing: TwinJob[] = [];
  const held: (TwinJob & { readonly slot: number })[] = [];
  const finished: TwinJob[] = [];
  let limit = 8;
  let row = 0;
  const out = () => unpublished.length + inRing.length + held.length + finished.length;
  for (const step of steps) {
    if (step.do === "push") {
      const accepted = engine.tryPush(job(row), ENCODER.encode(step.text));
      assert.equal(accepted, out() < limit);
      if (accepted) unpublished.push({ row, text: step.text });
      row++;
    } else if (step.do === "publish") {
      engine.publish();
      inRing.push(...unpublished.splice(0));
    } else if (step.do === "take") {
      const into = emptyJob();
      const expected = inRing.shift();
      assert.equal(worker.take(into), expected !== undefined);
      if (expected === undefined) continue;
      assert.equal(into.row, expected.row);
      assert.equal(DECODER.decode(worker.jobText(into.slot, into.textBytes)), expected.text);
      held.push({ ...expected, slot: into.slot });
    } else if (step.do === "complete") {
      const [done] = held.splice(step.which % Math.max(1, held.length), 1);
      if (done === undefined) continue;
      worker.complete({ ...emptyResult(), slot: done.slot, value: done.row }, ENCODER.encode(step.text));
      finished.push({ row: done.row, text: step.text });
    } else if (step.do === "drain") {
      engine.drain((result) => {
        const expected = finished.shift() as TwinJob;
        assert.deepEqual([result.row, result.value], [expected.row, expected.row]);
        assert.equal(DECODER.decode(engine.resultText(result.slot, result.textBytes)), expected.text);
      }, step.limit);
    } else {
      engine.logicalCapacity = step.to;
      limit = step.to;
    }
    assert.equal(engine.out, out());
    assert.equal(engine.waiting(), unpublished.length + inRing.length);
  }
  const listed: number[] = [];
  engine.forEachOut((each) => listed.push(each.row));
  const expected = [...unpublished, ...inRing, ...held, ...finished].map((each) => each.row);
  assert.deepEqual(listed, expected.sort((left, right) => left - right));
}

test("both ends behave as plain arrays do, over 2,000 random histories", () => {
  fc.assert(fc.property(fc.array(STEP, { maxLength: 80 }), runAgainstTwin), { numRuns: 2000 });
});

test("a worker asleep in the kernel is notified once per sleep, by jobs and by orders, and never while awake", () => {
  const handle = createChannel({ capacity: 4, textBytes: 8 });
  let rings = 0;
  const engine = new EngineEnd(handle, () => void rings++);
  const worker = new WorkerEnd(handle);
  const push = () => {
    engine.tryPush({ row: 1, generation: 1, flags: 0, sentUs: 0, aux0: 0, aux1: 0 });
    engine.publish();
  };
  push();
  assert.equal(rings, 0, "awake");
  assert.equal(worker.lieDown(), false, "a job waits");
  assert.equal(worker.take(emptyJob()), true);
  assert.equal(worker.lieDown(), true);
  push();
  push();
  assert.equal(rings, 1);
  worker.rise();
  while (worker.take(emptyJob()));
  assert.equal(worker.lieDown(), true);
  engine.setSlotLimit(7);
  assert.equal(rings, 2);
  worker.rise();
  assert.equal(worker.lieDown(), false, "an order that was not read");
  assert.equal(worker.slotLimit, 7);
  assert.equal(worker.lieDown(), true);
  engine.requestStop();
  assert.equal(rings, 3);
});
