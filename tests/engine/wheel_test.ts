import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../src/base/prng.ts";
import { Wheel, type WheelColumns } from "../../src/engine/wheel.ts";

const UNBOUNDED = 1_000_000;

function columns(rows: number): WheelColumns {
  return {
    next: new Int32Array(rows).fill(-1),
    previous: new Int32Array(rows).fill(-1),
    due: new Uint32Array(rows),
  };
}

function visits(wheel: Wheel, toTick: number): number[] {
  const rows: number[] = [];
  assert.equal(wheel.advance(toTick, (row) => rows.push(row), UNBOUNDED), true);
  return rows;
}

test("rows are visited at their tick, in order of ticks", () => {
  const wheel = new Wheel(columns(4), { startTick: 0, slots: 16 });
  wheel.insert(0, 9);
  wheel.insert(1, 3);
  wheel.insert(2, 4);
  assert.deepEqual(visits(wheel, 2), []);
  assert.deepEqual(visits(wheel, 8), [1, 2]);
  assert.deepEqual(visits(wheel, 9), [0]);
  assert.deepEqual(visits(wheel, 100), []);
});

test("a row further off than one revolution stays until it is due", () => {
  const wheel = new Wheel(columns(2), { startTick: 0, slots: 16 });
  wheel.insert(0, 5 + 16 * 3);
  wheel.insert(1, 5);
  assert.deepEqual(visits(wheel, 52), [1]);
  assert.deepEqual(visits(wheel, 53), [0]);
});

test("a row inserted in the past is due at the next tick worked off, and keeps its own due tick", () => {
  const own = columns(1);
  const wheel = new Wheel(own, { startTick: 100, slots: 16 });
  visits(wheel, 150);
  wheel.insert(0, 120);
  assert.equal(own.due[0], 120);
  assert.equal(wheel.nextDue(150, 50), 1);
  assert.deepEqual(visits(wheel, 151), [0]);
});

test("a visit that puts its row back at once does not make advance() endless", () => {
  const wheel = new Wheel(columns(1), { startTick: 0, slots: 16 });
  wheel.insert(0, 0);
  let count = 0;
  wheel.advance(9, (row) => {
    count++;
    wheel.insert(row, 0);
  }, UNBOUNDED);
  assert.equal(count, 10, "once per tick");
});

test("a visit may remove the rows that would come next", () => {
  const wheel = new Wheel(columns(8), { startTick: 0, slots: 4 });
  for (let row = 0; row < 8; row++) wheel.insert(row, 2);
  const visited: number[] = [];
  wheel.advance(2, (row) => {
    visited.push(row);
    for (let other = 0; other < 8; other++) wheel.remove(other);
  }, UNBOUNDED);
  assert.equal(visited.length, 1);
  assert.equal(wheel.remove(visited[0] as number), false);
});

test("ticks wrap: rows across 2^32 are visited in order", () => {
  const wheel = new Wheel(columns(3), { startTick: 0xfffffff0, slots: 16 });
  wheel.insert(0, 0x5);
  wheel.insert(1, 0xfffffffe);
  wheel.insert(2, 0x40);
  assert.equal(wheel.nextDue(0xffffffef, 100), 15);
  assert.deepEqual(visits(wheel, 0x10), [1, 0]);
  assert.deepEqual(visits(wheel, 0x40), [2]);
});

test("advance() stops at its budget and goes on where it was", () => {
  const wheel = new Wheel(columns(100), { startTick: 0, slots: 16 });
  for (let row = 0; row < 100; row++) wheel.insert(row, 3);
  const visited = new Set<number>();
  let calls = 1;
  while (!wheel.advance(20, (row) => visited.add(row), 10)) {
    assert.ok(visited.size <= calls * 10);
    if (visited.size < 100 && visited.size > 0) assert.equal(wheel.nextDue(20, 50), 0, "late already");
    calls++;
  }
  assert.equal(visited.size, 100);
  assert.ok(calls >= 12, `${calls} calls for 100 rows and 21 ticks`);
});

test("nextDue() gives the limit when nothing is due within it, whatever lies further off", () => {
  const wheel = new Wheel(columns(1), { startTick: 0, slots: 16 });
  assert.equal(wheel.nextDue(0, 30), 30);
  wheel.insert(0, 40);
  assert.equal(wheel.nextDue(0, 30), 30);
  assert.equal(wheel.nextDue(0, 100), 40);
});

test("inserting a row twice asserts", () => {
  const wheel = new Wheel(columns(1), { startTick: 0, slots: 16 });
  wheel.insert(0, 4);
  assert.throws(() => wheel.insert(0, 5), /in the wheel already/);
});

/** Between which ticks a row must be visited: one tick, except for what was inserted at an unknown position of the wheel. */
interface Expected {
  readonly earliest: number;
  readonly latest: number;
}

interface History {
  readonly start: number;
  readonly seed: number;
  readonly steps: readonly {
    readonly kind: number;
    readonly row: number;
    readonly ticks: number;
    readonly budget: number;
  }[];
}

const ROWS = 24;

/**
 * The wheel beside a plain map from row to due tick. Ticks here are offsets from `start` without wrap. Every visit is
 * looked up in the map, and does by chance what the engine may do: put the row back, insert others, remove others.
 */
function runAgainstTwin(history: History): void {
  const random = seededRandom(history.seed);
  const wheel = new Wheel(columns(ROWS), { startTick: history.start, slots: 8 });
  const twin = new Map<number, Expected>();
  const at = (offset: number) => (history.start + offset) >>> 0;
  let now = -1;
  /** An advance ended by its budget, or the running tick cannot be told: the wheel is anywhere up to now + 1. */
  let positionKnown = true;
  let floor = 0;

  const insert = (row: number, offset: number, position: number) => {
    if (twin.has(row)) return;
    wheel.insert(row, at(offset));
    const earliest = positionKnown ? Math.max(offset, position) : offset;
    twin.set(row, { earliest, latest: positionKnown ? earliest : Math.max(offset, now + 1) });
  };
  const remove = (row: number) => assert.equal(wheel.remove(row), twin.delete(row), `remove(${row})`);
  const visit = (row: number) => {
    const expected = twin.get(row);
    assert.ok(expected !== undefined, `row ${row} visited, which is not in the wheel`);
    const { earliest, latest } = expected;
    assert.ok(earliest <= now, `row ${row} due at ${earliest} visited at ${now}`);
    assert.ok(latest >= floor, `row ${row} of tick ${latest} visited after tick ${floor}`);
    floor = Math.max(floor, earliest);
    twin.delete(row);
    const chance = random();
    const ahead = Math.floor(random() * 40) - 5;
    const other = Math.floor(random() * ROWS);
    const knownBefore = positionKnown;
    positionKnown = earliest === latest;
    if (chance < 0.6) insert(row, floor + ahead, floor + 1);
    if (chance > 0.4 && chance < 0.7) insert(other, floor + ahead, floor + 1);
    if (chance > 0.8) remove(other);
    positionKnown = knownBefore;
  };

  for (const step of history.steps) {
    if (step.kind < 4) insert(step.row, now + step.ticks - 10, now + 1);
    else if (step.kind < 5) remove(step.row);
    else {
      now += step.ticks;
      positionKnown = wheel.advance(at(now), visit, step.budget);
      if (!positionKnown) continue;
      floor = now + 1;
      for (const [row, { earliest, latest }] of twin) {
        assert.ok(latest > now, `row ${row} due at ${latest} not visited by ${now}`);
        if (earliest <= now) twin.set(row, { earliest: floor, latest: floor });
      }
      const nearest = Math.min(...[...twin.values()].map(({ earliest }) => earliest - now), 30);
      assert.equal(wheel.nextDue(at(now), 30), nearest);
    }
  }
}

test("the wheel behaves as a plain map does, over 5,000 random histories", () => {
  const step = fc.record({
    kind: fc.nat({ max: 9 }),
    row: fc.nat({ max: ROWS - 1 }),
    ticks: fc.nat({ max: 60 }),
    budget: fc.oneof(fc.constant(UNBOUNDED), fc.integer({ min: 1, max: 20 })),
  });
  const history = fc.record({
    start: fc.constantFrom(0, 1000, 0x7fffffe0, 0xffffffd0),
    seed: fc.nat(),
    steps: fc.array(step, { minLength: 5, maxLength: 60 }),
  });
  fc.assert(fc.property(history, runAgainstTwin), { numRuns: 5000 });
});
