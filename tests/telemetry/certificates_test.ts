import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateFamily } from "../../src/telemetry/certificates.ts";
import { createWorld } from "../../src/world/world.ts";
import { sampleSpec } from "../server/sample_world.ts";

const DAY_MS = 86_400_000;

test("certificates are counted by the days they have left, each count with those of the shorter times", () => {
  const world = createWorld({ capacity: 8 });
  const today = 20_000;
  for (const days of [undefined, -5, 0, 10, 60, 400]) {
    const row = world.add(sampleSpec(`m${days}`));
    if (days !== undefined) world.columns.certificateDay[row] = today + days;
  }
  const { points } = certificateFamily(world, today * DAY_MS + 1000);
  assert.deepEqual(points.map((point) => [point.labels[0]?.[1], "value" in point ? point.value : -1]), [
    ["0", 2],
    ["7", 2],
    ["14", 3],
    ["30", 3],
    ["90", 4],
    ["+Inf", 5],
  ]);
});

test("without a certificate there is no such metric", () => {
  const world = createWorld({ capacity: 8 });
  world.add(sampleSpec("m"));
  assert.deepEqual(certificateFamily(world, 0).points, []);
});
