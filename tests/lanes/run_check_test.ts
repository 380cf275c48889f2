import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "../../src/base/schema.ts";
import { runCheck } from "../../src/lanes/run_check.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../../src/model/plugin.ts";

const REQUEST: ProbeRequest = { monitor: "web", target: "t", config: {}, timeoutMs: 30 };
const PASSED: ProbeResult = { outcome: "pass", reason: "none", value: 0 };
const FAILED: ProbeResult = { outcome: "fail", reason: "refused", value: 0 };
const LOCAL: ProbeResult = { outcome: "local", reason: "local_descriptors", value: 24 };

function probe(run: Probe["run"]): Probe {
  return {
    kind: "fake",
    aliases: [],
    summary: "",
    schema: z.unknown(),
    example: "",
    split: () => ({ target: "t", shared: {} }),
    descriptors: 1,
    estimateMs: 1,
    run,
  };
}

/** Gives the results in turn, the last one again and again, and counts the attempts. */
function scripted(...results: readonly ProbeResult[]) {
  let attempts = 0;
  const run = () => Promise.resolve(results[Math.min(attempts++, results.length - 1)] as ProbeResult);
  return { probe: probe(run), count: () => attempts };
}

test("a check that passes is tried once, whatever its retries", async () => {
  const { probe, count } = scripted(PASSED);
  assert.deepEqual(await runCheck(probe, REQUEST, 3), { result: PASSED, attempts: 1, fault: undefined });
  assert.equal(count(), 1);
});

test("a failed attempt is repeated up to `retries` times, and a pass ends it", async () => {
  assert.equal((await runCheck(scripted(FAILED, FAILED, PASSED).probe, REQUEST, 3)).attempts, 3);
  const end = await runCheck(scripted(FAILED).probe, REQUEST, 2);
  assert.deepEqual([end.attempts, end.result], [3, FAILED]);
});

test("a local failure is repeated at most once", async () => {
  assert.equal((await runCheck(scripted(LOCAL).probe, REQUEST, 5)).attempts, 2);
  assert.equal((await runCheck(scripted(LOCAL).probe, REQUEST, 0)).attempts, 1);
});

test("every attempt has a deadline of its own, at which its signal fires", async () => {
  const signals: AbortSignal[] = [];
  const slow = probe((_request, signal) => {
    signals.push(signal);
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(FAILED)));
  });
  assert.equal((await runCheck(slow, REQUEST, 1)).attempts, 2);
  assert.equal(new Set(signals).size, 2);
  assert.ok(signals.every((signal) => signal.aborted));
});

test("a probe that ignores its signal is given up shortly after its deadline", async () => {
  const deaf = probe(() => new Promise(() => {}));
  const { result } = await runCheck(deaf, REQUEST, 0);
  assert.deepEqual([result.outcome, result.reason, result.value], ["fail", "response_timeout", 30]);
});

test("a probe that throws, at once or later, is a local fault that is told and not repeated", async () => {
  const throwers = [
    probe(() => {
      throw new TypeError("boom\nsecond line");
    }),
    probe(() => Promise.reject(new TypeError("boom"))),
  ];
  for (const thrower of throwers) {
    const { result, attempts, fault } = await runCheck(thrower, REQUEST, 3);
    assert.deepEqual([result.outcome, result.reason, attempts], ["local", "local_fault", 1]);
    assert.equal(fault, "TypeError: boom");
  }
});
