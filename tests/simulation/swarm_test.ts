/** A small swarm in this runtime: every promise kept, and the same seed twice is the same run. The large one is in tests/faults. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planOf } from "./plan.ts";
import { play } from "./play.ts";
import { playAll, sumUp, type Ticket } from "./swarm.ts";

const SEEDS: readonly Ticket[] = [[15, "hot"], [35, "hot"], [39, "hot"]];
const LIMIT = { timeout: 120_000 };

test("faults of every class, crashes at every boundary: no promise is broken", LIMIT, async () => {
  const figures = sumUp(await playAll(SEEDS));
  assert.deepEqual(figures.first, []);
  assert.ok(
    figures.crashes >= 80 && figures.alerts >= 150 && figures.repairs >= 10,
    JSON.stringify(figures),
  );
});

test("one seed, one run: a replay does the same at the same times", LIMIT, async () => {
  const trace = async () => {
    const lines: string[] = [];
    await play(planOf(3, "hot"), { trace: (line) => lines.push(line) });
    return lines;
  };
  const first = await trace();
  assert.ok(first.length > 500);
  assert.deepEqual(await trace(), first);
});
