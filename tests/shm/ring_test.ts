import assert from "node:assert/strict";
import { test } from "node:test";
import { createLayout } from "../../src/shm/layout.ts";
import { RingConsumer, RingProducer } from "../../src/shm/ring.ts";

const LAYOUT = createLayout({
  places: { type: "u32", length: 8 },
  tail: { type: "i32", length: 1 },
  head: { type: "i32", length: 1 },
});

function ringAt(position: number) {
  const columns = LAYOUT.attach(LAYOUT.allocate());
  columns.tail[0] = position;
  columns.head[0] = position;
  return { producer: new RingProducer(columns), consumer: new RingConsumer(columns) };
}

test("pushed slots become visible with publish(), in order", () => {
  const { producer, consumer } = ringAt(0);
  for (const slot of [5, 3, 9]) producer.push(slot);
  assert.equal(consumer.take(), -1);
  assert.ok(consumer.empty);
  assert.equal(producer.publish(), true);
  assert.equal(producer.publish(), false);
  assert.ok(!consumer.empty);
  assert.deepEqual([consumer.take(), consumer.take(), consumer.take(), consumer.take()], [5, 3, 9, -1]);
});

test("push() into a full ring asserts", () => {
  const { producer, consumer } = ringAt(0);
  for (let slot = 0; slot < 8; slot++) producer.push(slot);
  assert.throws(() => producer.push(8), /full ring/);
  producer.publish();
  assert.equal(consumer.take(), 0);
  producer.push(8);
});

for (const position of [0x7ffffffa, -6]) {
  test(`indices may wrap: a ring goes on past position ${position >>> 0}`, () => {
    const { producer, consumer } = ringAt(position);
    for (let round = 0; round < 40; round++) {
      const count = 1 + (round % 8);
      for (let slot = 0; slot < count; slot++) producer.push(round * 8 + slot);
      assert.equal(producer.waiting(), count);
      producer.publish();
      for (let slot = 0; slot < count; slot++) assert.equal(consumer.take(), round * 8 + slot);
      assert.equal(consumer.take(), -1);
      assert.equal(producer.waiting(), 0);
    }
  });

  test(`a ring around position ${position >>> 0} asserts when it is full`, () => {
    const { producer } = ringAt(position);
    for (let slot = 0; slot < 8; slot++) producer.push(slot);
    assert.throws(() => producer.push(8), /full ring/);
  });
}
