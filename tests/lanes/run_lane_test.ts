import assert from "node:assert/strict";
import { test } from "node:test";
import { type Execution, runLane } from "../../src/lanes/run_lane.ts";
import { emptyExecution } from "../../src/lanes/worker.ts";
import { createChannel } from "../../src/shm/channel.ts";
import { EngineEnd } from "../../src/shm/engine_end.ts";
import type { JobFields } from "../../src/shm/records.ts";
import { WorkerEnd } from "../../src/shm/worker_end.ts";

/** A lane whose jobs end when the test says so. */
function lane() {
  const channel = createChannel({ capacity: 16, textBytes: 64 });
  const engine = new EngineEnd(channel);
  const started: {
    readonly job: JobFields;
    readonly payload: string;
    end(done?: Partial<Execution>): void;
  }[] = [];
  let wakes = 0;
  const ended = runLane({
    end: new WorkerEnd(channel),
    wakeEngine: () => void wakes++,
    engineUs: () => (performance.now() * 1000) >>> 0,
    threadCpuUs: () => 0,
    execute: (job, payload) =>
      new Promise((resolve) => {
        const text = new TextDecoder().decode(payload.slice());
        started.push({ job, payload: text, end: (done = {}) => resolve({ ...emptyExecution(), ...done }) });
      }),
  });
  const push = (row: number) => {
    const sentUs = (performance.now() * 1000) >>> 0;
    engine.tryPush(
      { row, generation: 7, flags: 0, sentUs, aux0: 0, aux1: 0 },
      new TextEncoder().encode(`row ${row}`),
    );
    engine.publish();
  };
  return { engine, started, ended, push, wakes: () => wakes };
}

/** Lets the lane's promises and doorbells settle; a timer, since a sleeping doorbell alone keeps no runtime alive. */
async function settle(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !holds(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.ok(holds());
}

test("jobs run in the order of their pushes, at most slotLimit at a time, and their results come back", async () => {
  const { engine, started, ended, push, wakes } = lane();
  engine.setSlotLimit(2);
  for (let row = 0; row < 5; row++) push(row);
  await settle(() => started.length === 2);
  assert.deepEqual(started.map(({ payload }) => payload), ["row 0", "row 1"]);
  started[0]?.end({ outcome: 1, value: 42, text: new TextEncoder().encode("refused") });
  await settle(() => started.length === 3);
  const results: [number, number, number, string][] = [];
  engine.drain((result) => {
    const text = new TextDecoder().decode(engine.resultText(result.slot, result.textBytes).slice());
    results.push([result.row, result.outcome, result.value, text]);
  }, 10);
  assert.deepEqual(results, [[0, 1, 42, "refused"]]);
  assert.ok(wakes() >= 1);
  engine.requestStop();
  for (let at = 1; at < started.length; at++) started[at]?.end();
  await ended;
});

test("a stop lets running jobs finish and leaves the waiting ones to others", async () => {
  const { engine, started, ended, push } = lane();
  engine.setSlotLimit(1);
  push(0);
  push(1);
  await settle(() => started.length === 1);
  engine.requestStop();
  started[0]?.end();
  await ended;
  assert.equal(engine.workerPhase, "drained");
  engine.drain(() => {}, 10);
  const left: number[] = [];
  engine.forEachOut((job) => left.push(job.row));
  assert.deepEqual(left, [1]);
});

test("a raised slot limit starts waiting jobs, and the heartbeat goes on while nothing ends", async () => {
  const { engine, started, ended, push } = lane();
  engine.setSlotLimit(1);
  for (let row = 0; row < 3; row++) push(row);
  await settle(() => started.length === 1);
  const beat = engine.heartbeat;
  engine.setSlotLimit(3);
  await settle(() => started.length === 3 && engine.heartbeat !== beat);
  engine.requestStop();
  for (const { end } of started) end();
  await ended;
});
