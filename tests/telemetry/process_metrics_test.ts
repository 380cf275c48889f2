import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { processFamilies } from "../../src/telemetry/process_metrics.ts";

const BUILD = { version: "0.1.0", runtime: "test", revision: "unknown", startedAtMs: 1_700_000_000_500 };

function values(): Map<string, number> {
  return new Map(
    processFamilies(BUILD).flatMap(({ name, points }) => {
      const point = points[0];
      return point !== undefined && "value" in point ? [[name, point.value]] : [];
    }),
  );
}

test("the process metrics have values a process can have", () => {
  const found = values();
  const value = (name: string) => found.get(name) as number;
  assert.ok(value("process_cpu_seconds_total") > 0 && value("process_cpu_seconds_total") < 3600);
  assert.ok(value("process_resident_memory_bytes") > 5e6);
  assert.ok(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
  assert.ok(value("process_max_fds") > value("process_open_fds"));
  assert.equal(value("process_start_time_seconds"), 1_700_000_000.5);
});

/** Other test files run in threads of the same process, and open and close some of their own meanwhile. */
const OTHERS = 100;
const OPENED = 400;

test("an open descriptor is counted while it is open", () => {
  const before = values().get("process_open_fds") as number;
  const descriptors = Array.from({ length: OPENED }, () => openSync("/dev/null", "r"));
  const during = values().get("process_open_fds") as number;
  for (const fd of descriptors) closeSync(fd);
  assert.ok(Math.abs(during - before - OPENED) <= OTHERS, `before ${before}, during ${during}`);
});
