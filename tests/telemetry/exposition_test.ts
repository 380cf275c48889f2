import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { type Family, renderExposition } from "../../src/telemetry/exposition.ts";
import { MetricsView } from "../../src/telemetry/metrics_view.ts";
import { processFamilies } from "../../src/telemetry/process_metrics.ts";
import { parseExposition } from "./exposition_parser.ts";
import { SAMPLE_CHANNELS, sampleMetrics } from "./sample_metrics.ts";

const BUILD = { version: "0.1.0", runtime: "bun 1.4.5", revision: "abc", startedAtMs: 1_700_000_000_000 };

const SMALL: readonly Family[] = [
  {
    name: "a_total",
    type: "counter",
    help: "Back\\slash and\nline feed.",
    points: [{ labels: [["name", 'say "hi"\n\\o/']], value: 3 }, { labels: [["name", "é"]], value: 1e21 }],
  },
  { name: "empty", type: "gauge", help: "Left out.", points: [] },
  { name: "b", type: "gauge", help: "B.", points: [{ labels: [], value: -Infinity }] },
  {
    name: "c_seconds",
    type: "histogram",
    help: "C.",
    points: [{
      labels: [["x", "y"]],
      histogram: { bucketsUs: [500, 7500], counts: [1, 2, 4], sumUs: 20_500_000 },
    }],
  },
];

const SMALL_TEXT = `# HELP a_total Back\\\\slash and\\nline feed.
# TYPE a_total counter
a_total{name="say \\"hi\\"\\n\\\\o/"} 3
a_total{name="é"} 1e+21
# HELP b B.
# TYPE b gauge
b -Inf
# HELP c_seconds C.
# TYPE c_seconds histogram
c_seconds_bucket{x="y",le="0.0005"} 1
c_seconds_bucket{x="y",le="0.0075"} 3
c_seconds_bucket{x="y",le="+Inf"} 7
c_seconds_sum{x="y"} 20.5
c_seconds_count{x="y"} 7
`;

function everything(): string {
  return renderExposition([
    ...processFamilies(BUILD),
    ...new MetricsView(sampleMetrics().handle()).families(),
  ]);
}

test("the text format is written to the letter, with escapes, cumulative buckets and seconds", () => {
  assert.equal(renderExposition(SMALL), SMALL_TEXT);
});

test("what was escaped is read back as it was", () => {
  const families = parseExposition(SMALL_TEXT);
  assert.equal(families.get("a_total")?.help, "Back\\slash and\nline feed.");
  assert.equal(families.get("a_total")?.samples[0]?.labels["name"], 'say "hi"\n\\o/');
});

test("the whole exposition satisfies a strict parser and says what was counted", () => {
  const families = parseExposition(everything());
  const value = (family: string, labels: Record<string, string>) =>
    families.get(family)?.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))
      ?.value;
  assert.equal(value("cpra_monitors", { state: "up" }), 90);
  assert.equal(value("cpra_monitors", { state: "down" }), 10);
  assert.equal(value("cpra_checks_total", { type: "http", outcome: "fail" }), 3);
  assert.equal(
    value("cpra_alerts_total", { channel: SAMPLE_CHANNELS[1] as string, color: "red", outcome: "sent" }),
    1,
  );
  assert.equal(value("cpra_sizing_predicted_wait_seconds", { pipeline: "code", percentile: "99" }), Infinity);
  assert.equal(value("cpra_incidents_open", {}), 1);
  assert.equal(value("cpra_incidents_total", {}), 2);
  assert.equal(value("cpra_build_info", { version: "0.1.0", runtime: "bun 1.4.5", revision: "abc" }), 1);
  const lag = families.get("cpra_schedule_lag_seconds")?.samples ?? [];
  assert.equal(lag.find((sample) => sample.labels["le"] === "0.005")?.value, 50);
  assert.ok(Math.abs((lag.find((sample) => sample.name.endsWith("_sum"))?.value ?? 0) - 0.505) < 1e-9);
});

test("every family an operator was promised is there", () => {
  const names = [...parseExposition(everything()).keys()];
  const promised = [
    ..."build_info monitors checks_total check_duration_seconds schedule_lag_seconds queue_depth queue_capacity"
      .split(" "),
    ..."queue_wait_seconds queue_enqueued_total queue_dequeued_total deferred_total late_results_total workers"
      .split(" "),
    ..."slots busy sizing_arrival_rate sizing_service_seconds sizing_ca2 sizing_cs2 sizing_target_slots"
      .split(" "),
    ..."sizing_target_workers sizing_predicted_wait_seconds sizing_slo_seconds interventions_total".split(
      " ",
    ),
    ..."alerts_total incidents_open engine_tick_seconds worker_restarts_total".split(" "),
  ].map((name) => `cpra_${name}`);
  const process = ["cpu_seconds_total", "resident_memory_bytes", "start_time_seconds"].map((name) =>
    `process_${name}`
  );
  assert.deepEqual([...promised, ...process].filter((name) => !names.includes(name)), []);
});

test("the strict parser refuses what a scraper would stumble over", () => {
  const faults: readonly (readonly [string, RegExp])[] = [
    [SMALL_TEXT.trimEnd(), /no line feed/],
    [SMALL_TEXT.replace('le="+Inf"} 7', 'le="+Inf"} 2'), /not cumulative/],
    [SMALL_TEXT.replace('c_seconds_count{x="y"} 7', 'c_seconds_count{x="y"} 8'), /_count is not/],
    [SMALL_TEXT.replace('c_seconds_bucket{x="y",le="+Inf"} 7\n', ""), /no \+Inf/],
    [SMALL_TEXT.replace('c_seconds_sum{x="y"} 20.5\n', ""), /no _sum/],
    [SMALL_TEXT.replace('\\"hi\\"', '"hi"'), /malformed label/],
    [SMALL_TEXT.replace('{name="é"} 1e+21', '{name="say \\"hi\\"\\n\\\\o/"} 4'), /appears twice/],
    [SMALL_TEXT + "# HELP b B.\n# TYPE b gauge\nb 1\n", /HELP of b appears twice/],
    [SMALL_TEXT.replace("# TYPE b gauge\n", ""), /before HELP and TYPE/],
    [SMALL_TEXT.replaceAll("a_total", "a"), /_total/],
    [SMALL_TEXT.replace("b -Inf", "b undefined"), /malformed value/],
  ];
  for (const [text, complaint] of faults) assert.throws(() => parseExposition(text), complaint);
});

test("promtool has no complaint about the exposition", () => {
  const checked = spawnSync("promtool", ["check", "metrics"], { input: everything(), encoding: "utf8" });
  if (checked.error !== undefined) {
    const missing =
      "promtool is not on PATH (Debian: apt-get install prometheus); only the strict parser checked the text";
    assert.notEqual(process.env["CI"], "true", missing);
    process.stderr.write(`${missing}\n`);
    return;
  }
  assert.equal(`${checked.stdout}${checked.stderr}`, "");
  assert.equal(checked.status, 0);
});

test("promtool does complain when there is something to complain about", () => {
  const text = '# HELP x_quantile X.\n# TYPE x_quantile gauge\nx_quantile{quantile="0.5"} 1\n';
  const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  if (checked.error === undefined) assert.notEqual(checked.status, 0);
});
