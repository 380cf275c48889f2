import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { suggest } from "../../src/base/suggest.ts";

test("suggest() finds the word that was meant", () => {
  const words = ["pulse_check", "intervention", "codes", "red", "yellow", "pagerduty", "log"];
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["pulse_chekc", "pulse_check"],
    ["intervenion", "intervention"],
    ["Codes", "codes"],
    ["rde", "red"],
    ["yelow", "yellow"],
    ["pager_duty", "pagerduty"],
    ["lgo", "log"],
    ["x", undefined],
    ["", undefined],
    ["completely different", undefined],
    ["y".repeat(1000), undefined],
  ];
  for (const [word, expected] of cases) assert.equal(suggest(word, words), expected, word);
});

/** The definition, written out: exponential, for short words only. */
function naiveDistance(from: string, to: string): number {
  if (from === "" || to === "") return from.length + to.length;
  const edits = [
    naiveDistance(from.slice(1), to) + 1,
    naiveDistance(from, to.slice(1)) + 1,
    naiveDistance(from.slice(1), to.slice(1)) + (from[0] === to[0] ? 0 : 1),
  ];
  if (from.length > 1 && to.length > 1 && from[0] === to[1] && from[1] === to[0]) {
    edits.push(naiveDistance(from.slice(2), to.slice(2)) + 1);
  }
  return Math.min(...edits);
}

test("suggest() takes a word within a third of its length in edits, by the definition of the distance", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 7 });
  fc.assert(
    fc.property(word, word, (from, to) => {
      const near = naiveDistance(from, to) <= Math.max(1, Math.floor(from.length / 3));
      assert.equal(suggest(from, [to]), near ? to : undefined);
    }),
    { numRuns: 300, seed: 7 },
  );
});
