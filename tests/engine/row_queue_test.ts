import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { RowQueue } from "../../src/engine/row_queue.ts";

test("rows come out as they went in, over many growths and turns (seed 5, against an array)", () => {
  const random = seededRandom(5);
  const queue = new RowQueue();
  const model: number[] = [];
  for (let step = 0, fill = 0.5; step < 60_000; step++) {
    if (step % 5000 === 0) fill = random();
    if (random() < fill) {
      queue.push(step);
      model.push(step);
    } else if (model.length > 0) {
      assert.equal(queue.first, model.shift());
      queue.dropFirst();
    }
    assert.equal(queue.length, model.length);
  }
  for (const row of model) {
    assert.equal(queue.first, row);
    queue.dropFirst();
  }
  assert.equal(queue.first, -1);
});
