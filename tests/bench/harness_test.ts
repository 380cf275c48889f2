import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, mix } from "../../bench/harness.ts";

function counting(count: number): () => number {
  return () => {
    let hash = 0;
    for (let i = 0; i < count; i++) hash = mix(hash, i);
    return hash;
  };
}

test("compare() times every way in every round and compares with the first", () => {
  const calls: string[] = [];
  const way = (name: string) => ({
    name,
    work: () => {
      calls.push(name);
      return counting(1000)();
    },
  });
  const timings = compare({ name: "count", operations: 1000, ways: [way("a"), way("b")] }, { rounds: 3 });
  assert.deepEqual(timings.map(({ way }) => way), ["a", "b"]);
  // One call of each to warm up, then rounds that begin with each in turn.
  assert.deepEqual(calls, ["a", "b", "a", "b", "b", "a", "a", "b"]);
  assert.equal(timings[0]?.ratio, 1);
  for (const { minNs, medianNs, hash } of timings) {
    assert.ok(minNs > 0 && minNs <= medianNs);
    assert.equal(hash, counting(1000)());
  }
});

test("compare() refuses a way that computes something else", () => {
  const ways = [{ name: "right", work: counting(10) }, { name: "lazy", work: counting(9) }];
  assert.throws(
    () => compare({ name: "count", operations: 10, ways }, { rounds: 1 }),
    /count: "lazy" computed \d+, "right" \d+/,
  );
});
