import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePerfdata, parsePluginOutput } from "../../src/probes/perfdata.ts";

test("performance data is read as the plug-in guidelines write it", () => {
  assert.deepEqual(parsePerfdata("time=0.012s;1;2;0;10"), [
    { label: "time", value: 0.012, unit: "s", warn: "1", crit: "2", min: 0, max: 10 },
  ]);
  assert.deepEqual(parsePerfdata("'free space (C:)'=12%;@10:20;~:5 'it''s'=1c u=U"), [
    { label: "free space (C:)", value: 12, unit: "%", warn: "@10:20", crit: "~:5" },
    { label: "it's", value: 1, unit: "c" },
    { label: "u", value: null, unit: "" },
  ]);
  assert.deepEqual(parsePerfdata("a=-1.5e3ms;;;;100 b=,5"), [
    { label: "a", value: -1500, unit: "ms", max: 100 },
    { label: "b", value: 0.5, unit: "" },
  ]);
});

test("what does not fit the form is left out, the rest is kept", () => {
  assert.deepEqual(parsePerfdata("junk =5 a=b c=1 d='x' 'open=1"), [{ label: "c", value: 1, unit: "" }]);
  assert.equal(parsePerfdata("a=1 ".repeat(1000)).length, 64);
});

test("output of several lines gives the first line and all data", () => {
  assert.deepEqual(parsePluginOutput("OK - fine | a=1\r\nmore\nlines | b=2\nc=3\n"), {
    line: "OK - fine",
    perfdata: [
      { label: "a", value: 1, unit: "" },
      { label: "b", value: 2, unit: "" },
      { label: "c", value: 3, unit: "" },
    ],
  });
  assert.deepEqual(parsePluginOutput(""), { line: "", perfdata: [] });
});

test("any output is parsed quickly and gives finite numbers only", () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => {
    for (const datum of parsePerfdata(text)) assert.ok(datum.value === null || Number.isFinite(datum.value));
  }));
  const startedMs = performance.now();
  for (const nasty of ["'", "''", "'a", "a", "=", "a=", "'a' ", ";"]) {
    parsePerfdata(nasty.repeat(65_536 / nasty.length));
  }
  assert.ok(performance.now() - startedMs < 5000);
});
