import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { listMonitors } from "../../src/world/view.ts";
import { createWorld } from "../../src/world/world.ts";
import { monitorSpec } from "./fleet.ts";

function worldOf(names: readonly string[], states: readonly number[]) {
  const world = createWorld({ capacity: Math.max(1, names.length) });
  names.forEach((name, index) => {
    const row = world.add(monitorSpec({ name }));
    world.columns.state[row] = states[index] ?? 0;
  });
  return world;
}

const names = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "é", "1", "2", "😀"), maxLength: 6 }), {
  maxLength: 30,
});

test("pages put together are the rows that a filter over all names and states gives, in order", () => {
  fc.assert(
    fc.property(
      names,
      fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 30 }),
      fc.record({
        state: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
        name: fc.option(fc.string({ unit: fc.constantFrom("a", "b", "é", "1", "😀"), maxLength: 2 }), {
          nil: undefined,
        }),
        limit: fc.integer({ min: 1, max: 5 }),
      }),
      (all, states, { state, name, limit }) => {
        const world = worldOf(all, states);
        const expected = all.map((_, row) => row).filter((row) => {
          return (state === undefined || (states[row] ?? 0) === state) &&
            (all[row] as string).includes(name ?? "");
        });
        const filter = {
          limit,
          ...(state === undefined ? {} : { state }),
          ...(name === undefined ? {} : { name }),
        };
        const found: number[] = [];
        let cursor: number | null = 0;
        while (cursor !== null) {
          const page = listMonitors(world, { ...filter, cursor });
          assert.ok(page.rows.length === limit || page.nextCursor === null);
          found.push(...page.rows);
          cursor = page.nextCursor;
        }
        assert.deepEqual(found, expected);
      },
    ),
    { numRuns: 1000 },
  );
});

test("the last full page says that nothing follows", () => {
  const world = worldOf(["a", "b", "x"], []);
  assert.deepEqual(listMonitors(world, { limit: 3 }), { rows: [0, 1, 2], nextCursor: null });
  assert.deepEqual(listMonitors(world, { limit: 2 }), { rows: [0, 1], nextCursor: 2 });
  assert.deepEqual(listMonitors(world, { limit: 5, cursor: 99 }), { rows: [], nextCursor: null });
});
