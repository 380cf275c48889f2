import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeldJobs } from "../../src/lanes/held_jobs.ts";

/** Longest time by which a job may become ready after its time: one bucket. */
const GRAIN_MS = 0.25;
const SLOTS = 64;

test("a job becomes ready at its time, at most a grain later, and earlier ones come first", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ pauseMs: fc.double({ min: 0, max: 40, noNaN: true }), aheads: aheads() })),
    fc.double({ min: 0, max: 1e9, noNaN: true }),
    (steps, startMs) => {
      const held = new HeldJobs({ slots: SLOTS, nowMs: startMs });
      const free = Array.from({ length: SLOTS }, (_, slot) => slot);
      const due = new Map<number, number>();
      let nowMs = startMs;
      for (const { pauseMs, aheads } of steps) {
        for (const aheadMs of aheads.slice(0, free.length)) {
          const slot = free.pop() as number;
          due.set(slot, nowMs + aheadMs);
          held.hold(slot, nowMs + aheadMs);
        }
        const waitMs = held.waitMs(nowMs, 1e6);
        const nextMs = Math.min(Infinity, ...due.values());
        if (due.size > 0) {
          assert.ok(
            waitMs <= Math.max(0, nextMs - nowMs) + GRAIN_MS,
            `waits ${waitMs} for ${nextMs - nowMs}`,
          );
        }
        nowMs += pauseMs;
        held.release(nowMs);
        for (let slot = held.take(); slot >= 0; slot = held.take()) {
          assert.ok((due.get(slot) as number) <= nowMs, "too early");
          due.delete(slot);
          free.push(slot);
        }
        for (const atMs of due.values()) assert.ok(atMs > nowMs - GRAIN_MS, "forgotten");
      }
    },
  ));
});

test("ready jobs come in the order of their times, in that of their coming when times are equal", () => {
  const held = new HeldJobs({ slots: 8, nowMs: 1000 });
  for (const [slot, atMs] of [[0, 1003], [1, 1001], [2, 1003], [3, 999], [4, 1001], [5, 998]] as const) {
    held.hold(slot, atMs);
  }
  held.release(1010);
  const order = [];
  for (let slot = held.take(); slot >= 0; slot = held.take()) order.push(slot);
  assert.deepEqual(order, [3, 5, 1, 4, 0, 2]);
  assert.equal(held.hasReady, false);
});

test("a process that was stopped for long finds all it holds at once", () => {
  const held = new HeldJobs({ slots: 8, nowMs: 0 });
  for (let slot = 0; slot < 8; slot++) held.hold(slot, slot * 3);
  held.release(3_600_000);
  let taken = 0;
  while (held.take() >= 0) taken++;
  assert.equal(taken, 8);
});

function aheads() {
  return fc.array(fc.double({ min: -20, max: 25, noNaN: true }), { maxLength: 6 });
}
