import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { createClockSync } from "../../src/lanes/clock_sync.ts";

test("the offset is off by at most half of the quickest round trip", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const trueOffset = (random() - 0.5) * 1e6;
    const sync = createClockSync();
    let nowMs = 1000;
    let quickest = Infinity;
    for (let wanted = true; wanted;) {
      const there = random() * 5;
      const back = random() * 5;
      quickest = Math.min(quickest, there + back);
      const engineMs = nowMs + there + trueOffset;
      wanted = sync.answer({ sentMs: nowMs, receivedMs: nowMs + there + back, engineMs });
      nowMs += there + back + 1;
    }
    const error = Math.abs(sync.offsetMs() - trueOffset);
    assert.ok(
      error <= quickest / 2 + 1e-6,
      `seed ${seed}: off by ${error} ms, quickest round trip ${quickest} ms`,
    );
  }
});
