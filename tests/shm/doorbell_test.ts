import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngineWake, EngineWake } from "../../src/shm/wake.ts";

const nothing = () => false;

/** Runtimes end when only a shared-memory wait is pending; a thread of cpra always has something else open. */
async function keptAlive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

test("sleep() ends at its timeout, and may be called again", async () => {
  const wake = new EngineWake(createEngineWake());
  const before = performance.now();
  await keptAlive(wake.sleep(20, nothing));
  const took = performance.now() - before;
  assert.ok(took >= 19, `slept ${took} ms`);
  await keptAlive(wake.sleep(1, nothing));
});

test("sleep() ends when another attachment wakes", async () => {
  const buffer = createEngineWake();
  const sleeping = new EngineWake(buffer).sleep(60_000, nothing);
  new EngineWake(buffer).wake();
  const before = performance.now();
  await keptAlive(sleeping);
  assert.ok(performance.now() - before < 10_000);
});

test("sleep() returns at once when there is news already", async () => {
  const wake = new EngineWake(createEngineWake());
  await wake.sleep(60_000, () => true);
  await wake.sleep(60_000, () => true);
});

test("what comes between raising the flag and waiting ends the sleep", async () => {
  const wake = new EngineWake(createEngineWake());
  await keptAlive(wake.sleep(60_000, () => {
    wake.wake();
    return false;
  }));
});

test("a wake of an awake engine leaves nothing behind", async () => {
  const wake = new EngineWake(createEngineWake());
  wake.wake();
  const before = performance.now();
  await keptAlive(wake.sleep(20, nothing));
  assert.ok(performance.now() - before >= 19);
});

test("a second sleep at the same time asserts", async () => {
  const wake = new EngineWake(createEngineWake());
  const first = wake.sleep(60_000, nothing);
  await assert.rejects(wake.sleep(1, nothing), /two sleeps/);
  wake.wake();
  await keptAlive(first);
});
