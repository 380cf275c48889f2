import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { type PushOptions, pushThrough } from "./push.ts";

/** Some seconds on an idle machine; the tests of other runs may share it. */
const TIMEOUT_MS = 120_000;

const spawn = () => new Worker(new URL("./fixtures/echo_worker.ts", import.meta.url), { type: "module" });

async function pushAndCheck(options: Omit<PushOptions, "spawn" | "seed">): Promise<void> {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const report = await pushThrough({ ...options, spawn, seed });
  const context = `seed ${seed}: ${JSON.stringify(report)}`;
  assert.deepEqual(report.faults, [], context);
  assert.equal(report.lost, 0, context);
  assert.equal(report.answered, options.records, context);
  assert.ok(report.longestSleepMs < 15_000, `a wake-up was lost, ${context}`);
  assert.ok(report.workerSleeps > 0 && report.engineSleeps > 0, `nobody slept, ${context}`);
  process.stdout.write(
    `${options.records} records, ${options.workers} workers, ${Math.round(report.perSecond)} records/s, ` +
      `sleeps ${report.engineSleeps} + ${report.workerSleeps}\n`,
  );
}

test("two million records go through two workers and back, each once, in order, intact", {
  timeout: TIMEOUT_MS,
}, async () => {
  await pushAndCheck({ workers: 2, records: 2_000_000, batch: 600 });
});

test(
  "single records find the other side awake or wake it, 20,000 times both ways",
  { timeout: TIMEOUT_MS },
  async () => {
    await pushAndCheck({ workers: 1, records: 20_000, batch: 1 });
  },
);
