import assert from "node:assert/strict";
import { test } from "node:test";
import { endedUnderLoad, fewDescriptors, stopped } from "./hardship.ts";

test("stopped for three seconds and let go: checks go on, nobody is told anything", async () => {
  const figures = await stopped(3);
  assert.equal(figures.falseAlerts, 0, JSON.stringify(figures));
  assert.ok(figures.backMs < 3000, JSON.stringify(figures));
});

test("256 descriptors and 2,000 slow targets: no start but the number that would do; with that many no false alarm", async () => {
  const few = await fewDescriptors(256, 2000);
  assert.deepEqual([few.falseAlerts, few.checks], [0, 0], JSON.stringify(few));
  assert.ok(few.needed > 256, JSON.stringify(few));
  const enough = await fewDescriptors(few.needed, 2000);
  assert.equal(enough.falseAlerts, 0, JSON.stringify(enough));
  assert.ok(enough.checks > 2000, JSON.stringify(enough));
});

test("SIGTERM under load with an alert that nobody takes: an orderly end within 30 s", async () => {
  const figures = await endedUnderLoad(500);
  assert.ok(figures.ms < 30_000 && figures.code === 0, JSON.stringify(figures));
});
