/** The table of answers, row by row. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { classifyAnswer, RETRY_AFTER_MS_MAX } from "../../src/net/retry_class.ts";

const NOW_MS = Date.parse("2026-01-02T03:04:05Z");

test("classifyAnswer() has a class for every status", () => {
  const rows: readonly (readonly ["ok" | "retry" | "refused", readonly number[]])[] = [
    ["ok", [200, 201, 202, 204, 299]],
    ["retry", [408, 425, 429, 500, 502, 503, 504, 599]],
    ["refused", [
      100,
      199,
      300,
      301,
      302,
      304,
      307,
      308,
      400,
      401,
      403,
      404,
      405,
      409,
      410,
      413,
      422,
      451,
      499,
    ]],
  ];
  for (const [expected, statuses] of rows) {
    for (const status of statuses) {
      assert.equal(classifyAnswer({ status, headers: {} }, NOW_MS).class, expected, String(status));
    }
  }
});

test("classifyAnswer() reads Retry-After as seconds or HTTP-date, capped, and leaves out what is neither", () => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ["0", 0],
    ["5", 5000],
    [" 7 ", 7000],
    ["3600", 3_600_000],
    ["86400", RETRY_AFTER_MS_MAX],
    ["99999999999999999999", RETRY_AFTER_MS_MAX],
    ["Fri, 02 Jan 2026 03:04:35 GMT", 30_000],
    ["Fri, 02 Jan 2026 03:04:00 GMT", 0],
    ["Sat, 03 Jan 2026 03:04:05 GMT", RETRY_AFTER_MS_MAX],
    ["-5", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["soon GMT", undefined],
    ["", undefined],
  ];
  for (const [value, retryAfterMs] of rows) {
    const expected = retryAfterMs === undefined ? { class: "retry" } : { class: "retry", retryAfterMs };
    assert.deepEqual(
      classifyAnswer({ status: 429, headers: { "retry-after": value } }, NOW_MS),
      expected,
      value,
    );
  }
});
