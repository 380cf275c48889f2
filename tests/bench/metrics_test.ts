import assert from "node:assert/strict";
import { test } from "node:test";
import { grown, parseMetrics, quantileMs, sumOf } from "../../bench/metrics.ts";

const BEFORE = parseMetrics(`# HELP a
a_total{x="1",y="p"} 5
a_total{x="2",y="p"} 7
a_total_other 100
w_bucket{p="a",le="0.01"} 10
w_bucket{p="a",le="0.02"} 10
w_bucket{p="a",le="+Inf"} 10
`);
const AFTER = parseMetrics(`a_total{x="1",y="p"} 6
a_total{x="2",y="p"} 17
a_total_other 900
w_bucket{p="a",le="0.01"} 60
w_bucket{p="a",le="0.02"} 110
w_bucket{p="a",le="+Inf"} 110
w_bucket{p="b",le="0.01"} 0
w_bucket{p="b",le="0.02"} 0
w_bucket{p="b",le="+Inf"} 100
`);
const SPAN = { before: BEFORE, after: AFTER };

test("series are summed by name and labels", () => {
  assert.equal(sumOf(AFTER, "a_total"), 23);
  assert.equal(grown(SPAN, "a_total"), 11);
  assert.equal(grown(SPAN, "a_total", ['x="2"']), 10);
});

test("a quantile is of what was observed in between", () => {
  const of = (q: number, label: string) => quantileMs(SPAN, "w", { q, labels: [label] });
  assert.equal(of(0.25, 'p="a"'), 5);
  assert.equal(of(0.75, 'p="a"'), 15);
  assert.equal(of(0.5, 'p="b"'), 20, "above the last bound it is that bound");
  assert.ok(Number.isNaN(of(0.5, 'p="c"')));
});
