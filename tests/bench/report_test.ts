import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cellText, type DatedReport, median, renderText, writeResults } from "../../bench/report.ts";
import { renderChart } from "../../bench/svg_chart.ts";
import { thisMachine } from "../../bench/machine.ts";

const REPORT: DatedReport = {
  name: "sample",
  conditions: "new connection",
  revision: "abc",
  at: "2026-01-01T00:00:00Z",
  seconds: 3.2,
  loadBefore: 0.5,
  loadAfter: 1,
  tables: [{
    title: "Costs",
    columns: ["program", "µs", "of it"],
    rows: [["a|b", 12_345.6, 0.12345], ["c", Infinity, null]],
  }],
  charts: [
    {
      kind: "bars",
      title: "Cost <each>",
      unit: "µs",
      logarithmic: true,
      bars: [{ label: "a", value: 5 }, { label: "b", value: 500 }],
    },
    {
      kind: "lines",
      title: "Over time",
      x: "s",
      y: "ms",
      lines: [{ label: "P99", points: [[0, 1], [1, NaN], [2, 3]] }],
    },
  ],
  remarks: ["d: not installed"],
};

test("a table on the terminal lines numbers up and says what is not known", () => {
  assert.equal(
    renderText(REPORT),
    `sample: new connection. 2026-01-01T00:00:00Z, 3 s, load 0.5 → 1, revision abc.

Costs
program      µs  of it
a|b      12,346  0.123
c             ∞      –

* d: not installed
`,
  );
});

test("results are JSON, Markdown and a chart each; a new report takes the place of the old one of its name", () => {
  const folder = mkdtempSync(join(tmpdir(), "cpra-test-"));
  const [bars] = REPORT.charts ?? [];
  writeResults(folder, thisMachine(), [REPORT, { ...REPORT, name: "other", seconds: 99 }]);
  writeResults(folder, thisMachine(), [{ ...REPORT, charts: bars === undefined ? [] : [bars] }]);
  const files = ["latest.json", "latest.md", "other-1.svg", "other-2.svg", "sample-1.svg"];
  assert.deepEqual(readdirSync(folder).sort(), files);
  const written = JSON.parse(readFileSync(join(folder, "latest.json"), "utf8")) as {
    machine: { cores: number };
  };
  assert.ok(written.machine.cores >= 1);
  const markdown = readFileSync(join(folder, "latest.md"), "utf8");
  assert.match(markdown, /\| a\\\|b \| 12,346 \| 0\.123 \|/);
  assert.match(markdown, /!\[Over time\]\(other-2\.svg\)/);
  writeResults(folder, { ...thisMachine(), cpu: "another" }, [REPORT]);
  assert.doesNotMatch(readFileSync(join(folder, "latest.md"), "utf8"), /## other/);
  rmSync(folder, { recursive: true });
});

test("a chart is well-formed and without numbers that are none", () => {
  for (const chart of REPORT.charts ?? []) {
    const svg = renderChart(chart);
    assert.match(svg, /^<svg xmlns=.*<\/svg>\n$/s);
    assert.doesNotMatch(svg, /NaN|Infinity|<each>/);
    const opened = [...svg.matchAll(/<(svg|text)\b/g)].length;
    assert.equal([...svg.matchAll(/<\/(svg|text)>/g)].length, opened);
  }
});

test("a chart of nothing is drawn all the same", () => {
  assert.doesNotMatch(renderChart({ kind: "lines", title: "t", x: "x", y: "y", lines: [] }), /NaN|Infinity/);
  assert.doesNotMatch(renderChart({ kind: "bars", title: "t", unit: "u", bars: [] }), /NaN|Infinity/);
});

test("numbers are shown with three digits that count", () => {
  assert.deepEqual([0, 0.00123456, 12.345, 999.9, 1_234_567, NaN].map(cellText), [
    "0",
    "0.00123",
    "12.3",
    "1000",
    "1,234,567",
    "–",
  ]);
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});
