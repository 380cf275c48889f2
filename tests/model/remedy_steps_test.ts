import assert from "node:assert/strict";
import { test } from "node:test";
import type { RemedyStep } from "../../src/model/monitor.ts";
import { remedyAt, stepIndex } from "../../src/model/remedy_steps.ts";

const step = (kind: string, attempts: number): RemedyStep => ({
  kind,
  target: `${kind}-target`,
  config: {},
  retries: 0,
  timeoutMs: 1000,
  attempts,
});

test("attempts go through the steps in order, each as often as it says", () => {
  const steps = [step("docker", 2), step("kubernetes", 1), step("ssh", 3)];
  const indices = [1, 2, 3, 4, 5, 6, 7].map((attempt) => stepIndex({ steps }, attempt));
  assert.deepEqual(indices, [0, 0, 1, 2, 2, 2, 2]);
  assert.equal(stepIndex({ steps }, 0), 0, "before the first");
  const remedy = { ...step("docker", 0), steps };
  assert.equal(remedyAt(remedy, "row's", 3).target, "kubernetes-target");
});

test("a remedy without steps is the same at every attempt, on the row's target", () => {
  const remedy = { kind: "docker", config: {}, retries: 0, timeoutMs: 1000 };
  assert.equal(stepIndex(null, 1), 0);
  assert.deepEqual(remedyAt(remedy, "web", 5), { ...remedy, target: "web" });
});
