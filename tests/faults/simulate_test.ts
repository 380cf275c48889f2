/** What CI owes the simulation: many years and crashes, in both runtimes side by side. See tools/simulate.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CI_SEEDS, simulate } from "../../tools/simulate.ts";

test("thirty monitor-years and five hundred crashes of the simulation: every promise is kept", {
  timeout: 900_000,
}, async () => {
  const { figures } = await simulate({ tickets: CI_SEEDS });
  assert.deepEqual(figures.first, []);
  assert.ok(figures.monitorYears >= 30 && figures.crashes >= 500, JSON.stringify(figures));
});
