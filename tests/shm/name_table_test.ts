import assert from "node:assert/strict";
import { test } from "node:test";
import type { IpPreference } from "../../src/base/ip_preference.ts";
import { NAME_FAILED, NAME_FOUND, NAME_WAITING } from "../../src/model/names.ts";
import { createNameTable, NameKeeperEnd, NameTable } from "../../src/shm/name_table.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function find(table: NameTable, name: string): number {
  const text = bytes(`http://${name}/x`);
  return table.find(text, 7, text.length - 2);
}

function open() {
  const buffer = createNameTable();
  return {
    buffer,
    table: new NameTable(buffer),
    other: new NameTable(buffer),
    keeper: new NameKeeperEnd(buffer),
  };
}

test("a name is one entry for all threads, whatever its letters' case", () => {
  const { table, other, keeper } = open();
  const names = Array.from({ length: 2000 }, (_, i) => `host-${i}.example`);
  const entries = names.map((name) => find(table, name));
  assert.equal(new Set(entries).size, names.length);
  assert.equal(keeper.count, names.length);
  assert.deepEqual(names.map((name) => find(other, name.toUpperCase())), entries);
  assert.deepEqual(entries.map((entry) => keeper.name(entry)), names);
});

test("what is wanted is asked for once, until it is answered", () => {
  const { table, other, keeper } = open();
  const [a, b] = [find(table, "a.example"), find(other, "b.example")];
  for (let i = 0; i < 3; i++) {
    assert.equal(table.look(a), NAME_WAITING);
    assert.equal(other.look(b), NAME_WAITING);
  }
  assert.deepEqual([keeper.takeAsked(), keeper.takeAsked(), keeper.takeAsked()], [a, b, -1]);
  assert.equal(table.look(a), NAME_WAITING);
  assert.equal(keeper.takeAsked(), -1);
  keeper.publish(a, { status: NAME_FOUND, detail: 0, ipv4: [new Uint8Array([192, 0, 2, 1])], ipv6: [] });
  keeper.answered(a);
  assert.equal(table.look(a), NAME_FOUND);
  keeper.expire(a);
  assert.equal(table.look(a), NAME_WAITING);
  assert.equal(keeper.takeAsked(), a);
});

test("addresses of both kinds come out as they went in, at most four of each", () => {
  const { table, keeper } = open();
  const entry = find(table, "a.example");
  const ipv4 = Array.from({ length: 6 }, (_, i) => new Uint8Array([192, 0, 2, 200 + i]));
  const ipv6 = [new Uint8Array(16).map((_, i) => 255 - i), new Uint8Array(16).fill(128)];
  keeper.publish(entry, { status: NAME_FOUND, detail: 0, ipv4, ipv6 });
  const into = new Uint8Array(16);
  const inOrder = (prefer: IpPreference) =>
    Array.from({ length: table.tries(entry, prefer) }, (_, nth) => {
      const length = table.copyAddress(entry, { nth, prefer }, into);
      return into.slice(0, length);
    });
  const of4 = ipv4.slice(0, 4);
  assert.deepEqual(inOrder("ipv4"), of4);
  assert.deepEqual(inOrder("ipv4_only"), of4);
  assert.deepEqual(inOrder("ipv6"), [...ipv6, ...of4.slice(0, 2)]);
  assert.deepEqual(inOrder("ipv6_only"), ipv6);
  assert.equal(table.copyAddress(entry, { nth: 2, prefer: "ipv6_only" }, into), 0);
  keeper.publish(entry, "keep");
  assert.deepEqual(inOrder("ipv6_only"), ipv6);
  keeper.publish(entry, { status: NAME_FAILED, detail: 2, ipv4: [], ipv6: [] });
  assert.equal(table.copyAddress(entry, { nth: 0, prefer: "ipv4" }, into), 0);
  assert.equal(table.detail(entry), 2);
});

test("who waits on an event loop is woken by the answer, and who asks wakes the keeper", async () => {
  const { table, keeper } = open();
  const entry = find(table, "a.example");
  // Deno does not take a wait for shared memory as a reason to stay.
  const stay = setInterval(() => {}, 1000);
  const slept = keeper.sleep(5000);
  const startedMs = performance.now();
  table.look(entry);
  await slept;
  const waiting = table.changed(entry, 5000);
  keeper.publish(entry, { status: NAME_FAILED, detail: 0, ipv4: [], ipv6: [] });
  await waiting;
  await table.changed(entry, 5000);
  assert.ok(performance.now() - startedMs < 2000);
  clearInterval(stay);
});

test("a keeper that takes over finds what the one before it had taken", () => {
  const { buffer, table, keeper } = open();
  const entries = ["a", "b", "c"].map((name) => find(table, `${name}.example`));
  for (const entry of entries) table.look(entry);
  assert.equal(keeper.takeAsked(), entries[0]);
  const next = new NameKeeperEnd(buffer);
  assert.deepEqual(entries.map((entry) => next.isAsked(entry)), [true, true, true]);
  assert.deepEqual([next.takeAsked(), next.takeAsked(), next.takeAsked()], [entries[1], entries[2], -1]);
});

test("a full table says so and keeps what it has", () => {
  const { table } = open();
  const text = new Uint8Array(4);
  const view = new DataView(text.buffer);
  let full = 0;
  for (let i = 0; i < (1 << 18) + 5; i++) {
    // No upper-case letter: they would be the same name.
    view.setUint32(0, 0x80808080 | (i & 127) | (i >> 7 & 127) << 8 | (i >> 14 & 127) << 16);
    if (table.find(text, 0, 4) < 0) full++;
  }
  assert.equal(full, 5);
  view.setUint32(0, 0x80808080);
  assert.equal(table.find(text, 0, 4), 0);
});
