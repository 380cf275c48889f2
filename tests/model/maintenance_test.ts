import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maintenanceAt, type MaintenanceTime } from "../../src/model/maintenance.ts";

const DAYS = [0, 1, 2, 3, 4, 5, 6];
const at = (text: string) => Date.parse(text);
const weekly = (over: Partial<Extract<MaintenanceTime, { kind: "weekly" }>>): MaintenanceTime => ({
  kind: "weekly",
  days: DAYS,
  fromMinute: 22 * 60,
  toMinute: 23 * 60,
  zone: "UTC",
  ...over,
});

test("a window of fixed times is open from its start until just before its end", () => {
  const time: MaintenanceTime = { kind: "once", startMs: 1000, endMs: 2000 };
  assert.deepEqual(maintenanceAt(time, 999), { active: false, fromMs: -Infinity, untilMs: 1000 });
  assert.deepEqual(maintenanceAt(time, 1000), { active: true, fromMs: 1000, untilMs: 2000 });
  assert.deepEqual(maintenanceAt(time, 2000), { active: false, fromMs: 2000, untilMs: Infinity });
});

test("a weekly window opens on its days in its zone, over midnight too", () => {
  // Saturday 22:00 to Sunday 02:00 in Berlin, UTC+1 in winter.
  const time = weekly({ days: [6], toMinute: 120, zone: "Europe/Berlin" });
  assert.equal(maintenanceAt(time, at("2026-01-10T20:59:59Z")).active, false);
  const open = maintenanceAt(time, at("2026-01-10T21:00:00Z"));
  assert.deepEqual(open, {
    active: true,
    fromMs: at("2026-01-10T21:00:00Z"),
    untilMs: at("2026-01-11T01:00:00Z"),
  });
  assert.equal(maintenanceAt(time, at("2026-01-11T21:30:00Z")).active, false);
});

test("a window keeps its local time when the clocks change, and moves with an hour that does not exist", () => {
  const nightly = weekly({ fromMinute: 60, toMinute: 300, zone: "Europe/Berlin" });
  // 29 March 2026: 02:00 becomes 03:00. 01:00 is UTC+1, 05:00 is UTC+2: three hours.
  assert.deepEqual(maintenanceAt(nightly, at("2026-03-29T01:30:00Z")), {
    active: true,
    fromMs: at("2026-03-29T00:00:00Z"),
    untilMs: at("2026-03-29T03:00:00Z"),
  });
  // 25 October 2026: 03:00 becomes 02:00: five hours.
  assert.deepEqual(maintenanceAt(nightly, at("2026-10-25T01:30:00Z")), {
    active: true,
    fromMs: at("2026-10-24T23:00:00Z"),
    untilMs: at("2026-10-25T04:00:00Z"),
  });
  const gone = weekly({ fromMinute: 150, toMinute: 240, zone: "Europe/Berlin" });
  assert.equal(maintenanceAt(gone, at("2026-03-29T01:45:00Z")).active, true);
  assert.equal(maintenanceAt(gone, at("2026-03-29T02:00:00Z")).active, false);
});

test("what is said of a span holds everywhere in it, in any zone", () => {
  const zones = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
  ];
  fc.assert(
    fc.property(
      fc.record({
        days: fc.subarray(DAYS, { minLength: 1 }),
        fromMinute: fc.nat({ max: 1439 }),
        toMinute: fc.nat({ max: 1439 }),
        zone: fc.constantFrom(...zones),
      }),
      fc.nat({ max: 366 * 24 * 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (over, minute, part) => {
        const time = weekly(over);
        const wallMs = at("2026-01-01T00:00:00Z") + minute * 60_000;
        const { active, fromMs, untilMs } = maintenanceAt(time, wallMs);
        assert.ok(fromMs <= wallMs && wallMs < untilMs);
        const first = Math.max(fromMs, wallMs - 86_400_000);
        // Rounding may put the sum just below both of its ends.
        const inside = Math.max(first, Math.floor(first * (1 - part) + (untilMs - 1) * part));
        assert.equal(maintenanceAt(time, inside).active, active, new Date(inside).toISOString());
        assert.ok(untilMs - wallMs <= 8 * 86_400_000);
      },
    ),
    { numRuns: 400 },
  );
});
