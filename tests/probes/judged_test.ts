/** The checks that the engine judges: what they say of which facts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JudgedProbe, JudgeFacts } from "../../src/model/plugin.ts";
import { signalTarget } from "../../src/model/signal.ts";
import { GROUP } from "../../src/probes/group.ts";
import { PUSH } from "../../src/probes/push.ts";

function judge<Config>(probe: JudgedProbe<Config>, config: unknown, facts: Partial<JudgeFacts>): string {
  const { shared } = probe.split(probe.schema.parse(config));
  const signals = { sinceMs: 0, awakeMs: 0, code: 0, text: "" };
  const result = probe.judge({ config: shared, nowMs: 0, states: [], signals, ...facts });
  return result === undefined
    ? "nothing"
    : `${result.outcome} ${result.reason} ${result.value}: ${result.text ?? ""}`;
}

const THREE = { monitors: ["a", "b", "c"] };

test("a group passes while enough of its monitors are up", () => {
  const of = (config: object, ...states: JudgeFacts["states"]) =>
    judge(GROUP, { ...THREE, ...config }, { states });
  assert.equal(of({}, "up", "degraded", "up"), "pass none 0: 3 of 3 up, 3 wanted");
  assert.equal(of({}, "up", "down", "up"), "fail members 2: 2 of 3 up, 3 wanted; not b");
  const two = { ["min_up"]: 2 };
  assert.equal(of(two, "up", "down", "up"), "pass none 0: 2 of 3 up, 2 wanted; not b");
  assert.equal(of(two, "up", "repairing", "verifying"), "fail members 1: 1 of 3 up, 2 wanted; not b, c");
  assert.equal(of({ ["min_up"]: "34%" }, "up", "down", "up"), "pass none 0: 2 of 3 up, 2 wanted; not b");
  assert.equal(
    of({}, "up", undefined, "up"),
    "fail members 2: 2 of 3 up, 3 wanted; not b",
    "one that is gone",
  );
});

test("a group says nothing while those never checked could decide it, and leaves out those in maintenance", () => {
  const of = (config: object, ...states: JudgeFacts["states"]) =>
    judge(GROUP, { ...THREE, ...config }, { states });
  assert.equal(of({}, "pending", "pending", "pending"), "nothing");
  assert.equal(of({}, "up", "pending", "up"), "nothing");
  assert.equal(of({}, "up", "pending", "down"), "fail members 1: 1 of 3 up, 3 wanted; not b, c");
  assert.equal(of({ ["min_up"]: 1 }, "up", "pending", "down"), "pass none 0: 1 of 3 up, 1 wanted; not b, c");
  assert.equal(of({}, "up", "maintenance", "up"), "pass none 0: 2 of 2 up, 2 wanted");
  assert.equal(of({}, "maintenance", "maintenance", "maintenance"), "nothing");
});

const JOB = { token: "0123456789abcdef", period: "10m", grace: "1m", ["max_run"]: "5m" };
const MINUTE = 60_000;

test("a push monitor waits a period and a grace, from its beginning or its last signal", () => {
  const at = (minutes: number, signals: Partial<JudgeFacts["signals"]>) =>
    judge(PUSH, JOB, {
      nowMs: minutes * MINUTE,
      signals: { sinceMs: 0, awakeMs: 0, code: 0, text: "", ...signals },
    });
  assert.equal(at(0, {}), "nothing");
  assert.equal(at(11, {}), "nothing");
  assert.equal(at(11.1, {}), "fail silent 666: expected every 10m");
  assert.equal(at(20, { okMs: 15 * MINUTE }), "pass none 0: last signal 300 s ago");
  assert.equal(at(26.5, { okMs: 15 * MINUTE }), "fail silent 690: expected every 10m");
  assert.equal(at(31, { okMs: 15 * MINUTE, awakeMs: 30.5 * MINUTE }), "pass none 0: last signal 960 s ago");
  assert.equal(at(32, { okMs: 15 * MINUTE, awakeMs: 30.5 * MINUTE }), "fail silent 1020: expected every 10m");
});

test("a push monitor fails at once when told so, and when what began does not end", () => {
  const at = (minutes: number, signals: Partial<JudgeFacts["signals"]>) =>
    judge(PUSH, JOB, {
      nowMs: minutes * MINUTE,
      signals: { sinceMs: 0, awakeMs: 0, code: 0, text: "", ...signals },
    });
  const failed = { okMs: MINUTE, failMs: 2 * MINUTE, code: 3, text: "disk full" };
  assert.equal(at(2, failed), "fail reported 3: disk full");
  assert.equal(at(4, { ...failed, okMs: 3 * MINUTE }), "pass none 0: last signal 60 s ago");
  assert.equal(at(4, { okMs: MINUTE, startMs: 2 * MINUTE }), "pass none 0: last signal 180 s ago, running");
  assert.equal(at(8, { okMs: MINUTE, startMs: 2 * MINUTE }), "fail unfinished 360: longer than 5m");
  assert.equal(at(8, { startMs: 2 * MINUTE }), "fail unfinished 360: longer than 5m");
});

test("the token of a push monitor stays in its configuration: its target is a digest", () => {
  const { target, shared } = PUSH.split(PUSH.schema.parse(JOB));
  assert.match(target, /^token [0-9a-f]{32}$/);
  assert.equal(target, signalTarget(JOB.token));
  assert.ok(!JSON.stringify(shared).includes(JOB.token));
  const refused = (config: object) => {
    const parsed = PUSH.schema.safeParse({ ...JOB, ...config });
    return parsed.success ? "" : parsed.error.issues.map(({ path }) => path.join(".")).join();
  };
  assert.equal(refused({}), "");
  assert.equal(refused({ token: "short" }), "token");
  assert.equal(refused({ token: "0123456789abcde/" }), "token");
  assert.equal(refused({ period: 0 }), "period");
  const group = (config: object) => GROUP.schema.safeParse({ ...THREE, ...config }).success;
  assert.ok(!group({ monitors: [] }) && !group({ monitors: ["a", "a"] }) && !group({ ["min_up"]: 4 }));
  assert.ok(!group({ ["min_up"]: "0%" }) && group({ ["min_up"]: 3 }));
});
