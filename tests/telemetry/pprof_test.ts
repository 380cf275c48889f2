import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodePprof, type Pprof } from "../../src/telemetry/pprof.ts";
import { tempFolder } from "../support/binary.ts";
import { decodePprof } from "./pprof_decoder.ts";

const LOOP = { name: "loop", file: "/a/main.ts", line: 10 };
const PARSE = { name: "parse größe", file: "/a/parse.ts", line: 300 };

const PROFILE: Pprof = {
  sampleTypes: [{ type: "samples", unit: "count" }, { type: "cpu", unit: "nanoseconds" }],
  defaultType: "cpu",
  samples: [
    { stack: [PARSE, LOOP], values: [2, 3_000_000_000_000], labels: { thread: "main" } },
    { stack: [LOOP], values: [0, 1_000_000_000_000], labels: { thread: "pulse-0" } },
  ],
  timeMs: 1_700_000_000_123,
  durationUs: 5_000_000_000,
  periodType: { type: "cpu", unit: "nanoseconds" },
  period: 1_000_000,
  program: "cpra",
  comments: ["thread x is left out"],
};

test("encodePprof() writes what an independent, strict decoder reads back", () => {
  const decoded = decodePprof(encodePprof(PROFILE));
  assert.deepEqual(decoded.types, ["samples/count", "cpu/nanoseconds"]);
  assert.deepEqual([decoded.defaultType, decoded.periodType, decoded.period], [
    "cpu",
    "cpu/nanoseconds",
    1_000_000,
  ]);
  assert.equal(decoded.timeNanos, 1_700_000_000_123_000_000n);
  assert.equal(decoded.durationNanos, 5e12);
  assert.deepEqual(decoded.comments, ["thread x is left out"]);
  assert.deepEqual(decoded.samples, [
    {
      stack: ["parse größe", "loop"],
      files: ["/a/parse.ts", "/a/main.ts"],
      lines: [300, 10],
      values: [2, 3e12],
      labels: { thread: "main" },
    },
    {
      stack: ["loop"],
      files: ["/a/main.ts"],
      lines: [10],
      values: [0, 1e12],
      labels: { thread: "pulse-0" },
    },
  ]);
});

test("a profile without samples is a profile", () => {
  assert.deepEqual(decodePprof(encodePprof({ ...PROFILE, samples: [] })).samples, []);
});

const withoutGo = spawnSync("go", ["version"]).status !== 0 && "go is not on PATH";

test("go tool pprof reads it: types, times, functions, labels", { skip: withoutGo }, () => {
  using folder = tempFolder();
  const file = join(folder.path, "cpu.pb.gz");
  writeFileSync(file, encodePprof(PROFILE));
  const run = (flag: string) => {
    const { status, stdout, stderr } = spawnSync("go", ["tool", "pprof", flag, file], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  assert.match(run("-top"), /Type: cpu\n[^]*Total samples = 4000s[^]*3000s 75\.00% .* parse größe/);
  assert.match(run("-tags"), /75\.00%\): main[^]*25\.00%\): pulse-0/);
  assert.match(run("-comments"), /thread x is left out/);
});
