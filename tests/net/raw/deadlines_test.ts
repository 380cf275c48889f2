import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../src/base/prng.ts";
import { Deadlines } from "../../../src/net/raw/deadlines.ts";

test("deadlines fire once, never early, at most one tick late, as a naive list says", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = seededRandom(seed);
  const slots = 50;
  let nowMs = 12_345.6;
  const wheel = new Deadlines({ slots, nowMs });
  const naive = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const slot = Math.floor(random() * slots);
    const choice = random();
    if (choice < 0.5) {
      const atMs = nowMs + random() * (random() < 0.1 ? 20_000 : 300);
      wheel.set(slot, atMs);
      naive.set(slot, atMs);
    } else if (choice < 0.7) {
      wheel.clear(slot);
      naive.delete(slot);
    } else {
      const waitMs = wheel.waitMs(nowMs, 200);
      const earliest = Math.min(...naive.values(), Infinity);
      assert.ok(
        waitMs <= Math.max(0, earliest - nowMs) + 5,
        `seed ${seed}, step ${step}: waits ${waitMs} ms`,
      );
      nowMs += random() < 0.02 ? random() * 30_000 : random() * 20;
      wheel.expire(nowMs, (fired) => {
        const atMs = naive.get(fired) ?? Infinity;
        assert.ok(atMs <= nowMs, `seed ${seed}, step ${step}: slot ${fired} early`);
        naive.delete(fired);
      });
      for (const [left, atMs] of naive) {
        assert.ok(atMs > nowMs - 4, `seed ${seed}, step ${step}: slot ${left} is late`);
      }
    }
  }
});

test("a deadline may be set again by its own visit", () => {
  const wheel = new Deadlines({ slots: 2, nowMs: 0 });
  const fired: number[] = [];
  wheel.set(1, 10);
  for (let nowMs = 0; nowMs <= 100; nowMs += 5) {
    wheel.expire(nowMs, (slot) => {
      fired.push(nowMs);
      if (fired.length < 3) wheel.set(slot, nowMs + 20);
    });
  }
  assert.equal(fired.length, 3);
  assert.equal(wheel.waitMs(100, 200), 200);
});
