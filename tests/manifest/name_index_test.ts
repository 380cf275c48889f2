import assert from "node:assert/strict";
import { test } from "node:test";
import { NameIndex } from "../../src/manifest/name_index.ts";

test("100,000 similar names are all kept with their places, and none is taken for another", () => {
  const index = new NameIndex();
  const place = (i: number) => ({ file: i % 2 === 0 ? "a" : "b", line: i + 1, column: (i % 7) + 1 });
  for (let i = 0; i < 100_000; i++) assert.equal(index.add(`http-monitor-${i}`, place(i)), undefined);
  for (let i = 0; i < 100_000; i += 13) {
    assert.deepEqual(index.add(`http-monitor-${i}`, { file: "c", line: 1, column: 1 }), place(i));
    assert.ok(index.has(`http-monitor-${i}`));
    assert.ok(!index.has(`http-monitor-${i}x`));
  }
});
