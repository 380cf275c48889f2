import assert from "node:assert/strict";
import { test } from "node:test";
import { allocationSamples, heapPprof, snapshotSamples } from "../../src/telemetry/heap_pprof.ts";

const SNAPSHOT = JSON.stringify({
  snapshot: {
    meta: {
      "node_fields": ["type", "name", "id", "self_size"],
      "node_types": [["object", "string", "closure", "concatenated string"], "string", "number", "number"],
    },
  },
  nodes: [0, 0, 1, 32, 0, 0, 2, 32, 1, 1, 3, 100, 3, 1, 4, 50, 2, 2, 5, 8, 0, 3, 6, 1e9, 0, 4, 7, 0],
  strings: ["Monitor", "s3cret-routing-key", "tick", "ArrayBuffer", "Empty"],
});

test("a snapshot is summed up by constructor, never by what a string holds", () => {
  const samples = snapshotSamples(SNAPSHOT, "main", 300);
  const found = samples.map(({ stack, values }) => [stack.map(({ name }) => name).join(" < "), ...values]);
  assert.deepEqual(found, [
    ["Monitor < (object)", 2, 64],
    ["(string)", 1, 100],
    ["(concatenated string)", 1, 50],
    ["tick < (closure)", 1, 8],
    ["(not attributed)", 0, 78],
  ]);
  assert.doesNotMatch(JSON.stringify(samples), /s3cret/);
  assert.ok(samples.every(({ labels }) => labels.thread === "main"));
});

test("allocation samples become stacks, the innermost function first", () => {
  const callFrame = (functionName: string) => ({
    functionName,
    scriptId: "1",
    url: "a.ts",
    lineNumber: 4,
    columnNumber: 0,
  });
  const leaf = { callFrame: callFrame("make"), selfSize: 64, children: [] };
  const head = {
    callFrame: callFrame("(root)"),
    selfSize: 0,
    children: [{ callFrame: callFrame("tick"), selfSize: 0, children: [leaf] }],
  };
  const samples = allocationSamples(head, "main");
  assert.deepEqual(samples.map(({ stack, values }) => [stack.map(({ name }) => name), values]), [[[
    "make",
    "tick",
  ], [0, 64]]]);
  const rest = { timeMs: 0, durationUs: 0, program: "cpra", comments: [] };
  const profile = heapPprof({ samples, ...rest });
  assert.deepEqual(profile.sampleTypes.map(({ type }) => type), ["inuse_objects", "inuse_space"]);
});
