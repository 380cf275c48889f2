import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RemedyLimits, type RemedyRun } from "../../src/engine/remedy_limits.ts";
import { REMEDIATION_DEFAULTS, type RemediationSettings } from "../../src/model/protection.ts";

const GROUP_SIZES: Readonly<Record<string, number>> = { small: 4, large: 40 };
const FLEET = 600;

function limitsOf(over: Partial<RemediationSettings> = {}): RemedyLimits {
  return new RemedyLimits({ ...REMEDIATION_DEFAULTS, ...over }, () => ({
    monitors: FLEET,
    group: (name) => GROUP_SIZES[name] ?? 0,
  }));
}

function runOf(row: number, over: Partial<RemedyRun> = {}): RemedyRun {
  return { row, incident: `i${row}`, target: `t${row}`, groups: [], ...over };
}

test("a target that was repaired cools down before another incident may repair it, not before the same one", () => {
  const limits = limitsOf();
  const first = runOf(1, { target: "web" });
  limits.begin(first, 0);
  assert.equal(limits.refusal(runOf(2, { target: "web" }), 10)?.reason, "target_busy");
  limits.end(1, 1000);
  assert.equal(limits.refusal(first, 1000), undefined);
  const second = runOf(2, { target: "web" });
  assert.deepEqual(limits.refusal(second, 2000), { reason: "cooldown", untilMs: 601_000 });
  assert.equal(limits.refusal(second, 601_000), undefined);
});

test("a target is repaired so often a day and no more", () => {
  const limits = limitsOf({ attemptsPerDay: 2, cooldownMs: 0 });
  for (const atMs of [0, 1000]) {
    limits.begin(runOf(1), atMs);
    limits.end(1, atMs + 1);
  }
  assert.deepEqual(limits.refusal(runOf(1), 2000), { reason: "day_limit", untilMs: 86_400_000 });
  assert.equal(limits.refusal(runOf(1), 86_400_000), undefined);
});

test("a repair that was called off leaves no trace", () => {
  const limits = limitsOf({ attemptsPerDay: 1, atOnce: 1, fleetPerMinuteMin: 1, fleetPerMinutePct: 0 });
  limits.begin(runOf(1), 0);
  assert.equal(limits.refusal(runOf(2), 0)?.reason, "at_once");
  limits.cancel(1);
  assert.equal(limits.refusal(runOf(1), 0), undefined);
  assert.equal(limits.end(1, 5), false);
});

test("cool-downs survive a restart, and a wall clock that went back ends none early", () => {
  const before = limitsOf();
  before.begin(runOf(1), 5000);
  before.end(1, 6000);
  before.begin(runOf(2), 6500);
  const changed: unknown[] = [];
  before.takeChanged({ monoMs: 7000, wallMs: 1_000_000 }, (_target, each) => changed.push(each));
  const saved = JSON.parse(JSON.stringify(changed));
  const after = limitsOf();
  after.restore(saved, { monoMs: 100, wallMs: 1_060_000 });
  assert.deepEqual(after.refusal(runOf(3, { target: "t1" }), 100), {
    reason: "cooldown",
    untilMs: 100 - 61_000 + 600_000,
  });
  assert.equal(after.refusal(runOf(3, { target: "t2" }), 100)?.reason, "cooldown");
  const back = limitsOf();
  back.restore(saved, { monoMs: 100, wallMs: 0 });
  assert.equal(back.refusal(runOf(3, { target: "t1" }), 100)?.untilMs, 600_100);
});

test("whatever is asked, the blast radius holds at every moment", () => {
  const step = fc.record({
    row: fc.nat({ max: 30 }),
    afterMs: fc.nat({ max: 20_000 }),
    act: fc.constantFrom("begin", "begin", "end", "cancel"),
    group: fc.constantFrom("small", "large"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const limits = limitsOf({ atOnce: 5 });
      const running = new Map<number, { group: string; beganMs: number; target: string }>();
      const begun: number[] = [];
      const lastEnd = new Map<string, number>();
      let nowMs = 0;
      for (const { row, afterMs, act, group } of steps) {
        nowMs += afterMs;
        const target = `t${row % 12}`;
        const run = runOf(row, { target, groups: [group], incident: `i${row}-${nowMs}` });
        if (act === "begin" && !running.has(row) && limits.refusal(run, nowMs) === undefined) {
          assert.ok(
            ![...running.values()].some((each) => each.target === target),
            "one at a time on a target",
          );
          assert.ok(nowMs - (lastEnd.get(target) ?? -Infinity) >= 600_000, "cool-down");
          limits.begin(run, nowMs);
          running.set(row, { group, beganMs: nowMs, target });
          begun.push(nowMs);
        } else if (act === "end" && limits.end(row, nowMs)) {
          lastEnd.set(running.get(row)?.target ?? "", nowMs);
          running.delete(row);
        } else if (act === "cancel" && running.has(row)) {
          limits.cancel(row);
          begun.splice(begun.lastIndexOf(running.get(row)?.beganMs ?? -1), 1);
          running.delete(row);
        }
        assert.ok(running.size <= 5);
        for (const [name, size] of Object.entries(GROUP_SIZES)) {
          const inGroup = [...running.values()].filter((each) => each.group === name).length;
          assert.ok(inGroup <= Math.max(1, Math.floor(size / 10)), `${inGroup} of ${name}`);
        }
        assert.ok(begun.filter((atMs) => nowMs - atMs < 60_000).length <= 6, "fleet per minute");
      }
    }),
    { numRuns: 500 },
  );
});
