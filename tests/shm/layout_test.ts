import assert from "node:assert/strict";
import { test } from "node:test";
import { createLayout } from "../../src/shm/layout.ts";

const SHAPE = {
  flags: { type: "u8", length: 3 },
  rows: { type: "i32", length: 40 },
  ports: { type: "u16", length: 1 },
  sums: { type: "f64", length: 5 },
  empty: { type: "u32", length: 0 },
} as const;

test("columns of one layout start on their own 128 bytes and do not overlap", () => {
  const layout = createLayout(SHAPE);
  const columns = layout.attach(layout.allocate());
  let end = 4;
  for (const [name, column] of Object.entries(columns)) {
    assert.equal(column.byteOffset % 128, 0, name);
    assert.ok(column.byteOffset >= end, name);
    end = column.byteOffset + column.byteLength;
  }
  assert.ok(end <= layout.bytes);
  assert.deepEqual(Object.values(columns).map((column) => column.length), [3, 40, 1, 5, 0]);
});

test("two attachments of one buffer see each other's values", () => {
  const layout = createLayout(SHAPE);
  const buffer = layout.allocate();
  layout.attach(buffer).sums[4] = -0.5;
  assert.equal(createLayout(SHAPE).attach(buffer).sums[4], -0.5);
});

test("attach() refuses a buffer that was laid out otherwise", () => {
  const buffer = createLayout(SHAPE).allocate();
  const renamed = createLayout({ ...SHAPE, flags: { type: "u8", length: 2 } });
  assert.throws(() => renamed.attach(buffer), /laid out otherwise/);
  const larger = createLayout({ ...SHAPE, rows: { type: "i32", length: 400 } });
  assert.throws(() => larger.attach(buffer), /bytes expected/);
});
