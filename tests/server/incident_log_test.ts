import assert from "node:assert/strict";
import { test } from "node:test";
import { createIncidentLog } from "../../src/server/incident_log.ts";
import type { IncidentEvent } from "../../src/server/messages.ts";

function event(id: string, change: Partial<IncidentEvent> = {}): IncidentEvent {
  return {
    id,
    row: 0,
    monitor: "web",
    target: "127.0.0.1:1",
    transition: "opened",
    open: true,
    sinceMs: 1000,
    atMs: 2000,
    error: "connection refused",
    ...change,
  };
}

test("an incident is open from its first step to the one that closes it", () => {
  const log = createIncidentLog();
  log.take(event("a", { row: 7 }));
  log.take(event("a", { row: 7, transition: "remedy-started", error: "" }));
  assert.deepEqual(log.open(10).map(({ transition, error }) => [transition, error]), [[
    "remedy-started",
    "connection refused",
  ]]);
  assert.equal(log.openOf(7)?.id, "a");
  log.take(event("a", { row: 7, transition: "recovered", open: false, error: "", atMs: 9000 }));
  assert.deepEqual(log.open(10), []);
  assert.equal(log.openOf(7), undefined);
  assert.equal(log.closed(10)[0]?.event.atMs, 9000);
  assert.equal(log.closed(10)[0]?.lastError, "connection refused");
});

test("the newest come first and the limit holds", () => {
  const log = createIncidentLog();
  const rows = { a: 1, b: 2, c: 3, d: 4 };
  for (const [id, row] of Object.entries(rows)) log.take(event(id, { row }));
  log.take(event("a", { row: 1, transition: "again" }));
  assert.deepEqual(log.open(3).map(({ id }) => id), ["d", "c", "b"]);
  for (const id of ["a", "b"] as const) log.take(event(id, { row: rows[id], open: false }));
  assert.deepEqual(log.closed(1).map((entry) => entry.event.id), ["b"]);
});

test("the end of an older incident does not close the one its monitor has now", () => {
  const log = createIncidentLog();
  log.take(event("new"));
  log.take(event("old", { open: false, error: "" }));
  assert.equal(log.openOf(0)?.id, "new");
  assert.deepEqual(log.closed(1).map(({ lastError }) => lastError), [""]);
});

test("the lists stay bounded when everything fails", () => {
  const log = createIncidentLog();
  for (let i = 0; i < 12_000; i++) log.take(event(`i${i}`, { row: i }));
  assert.equal(log.open(20_000).length, 10_000);
  for (let i = 0; i < 12_000; i++) log.take(event(`i${i}`, { row: i, open: false }));
  assert.equal(log.open(20_000).length, 0);
  assert.equal(log.closed(20_000).length, 200);
  log.take(event("later"));
  assert.equal(log.open(1)[0]?.id, "later");
});
