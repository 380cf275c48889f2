import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FAULT_SERVFAIL,
  NAME_FAILED,
  NAME_FOUND,
  NAME_MISSING,
  NAME_MISSING_BRIEFLY,
  NAME_WAITING,
} from "../../src/model/names.ts";
import { NameKeeper } from "../../src/names/keeper.ts";
import type { Resolved } from "../../src/names/resolver.ts";
import { createNameTable, NameKeeperEnd, NameTable } from "../../src/shm/name_table.ts";

const FOUND: Resolved = {
  kind: "found",
  addresses: { ipv4: ["192.0.2.1"], ipv6: ["2001:db8::1"] },
  ttlMs: 30_000,
};
const MISSING: Resolved = { kind: "missing", ttlMs: 5000 };
const FAILED: Resolved = { kind: "failed", fault: FAULT_SERVFAIL };

/** A keeper on a clock of the test's, with a resolver that answers when and what the test says. */
class Bench {
  readonly buffer = createNameTable();
  readonly table = new NameTable(this.buffer);
  nowMs = 1000;
  answer: Resolved = FOUND;
  held: ((resolved: Resolved) => void)[] | undefined;
  readonly asked: string[] = [];
  keeper = this.start();

  start(): NameKeeper {
    return new NameKeeper({
      end: new NameKeeperEnd(this.buffer),
      nowMs: () => this.nowMs,
      missingAfterMs: 60_000,
      observe: () => {},
      resolve: (name) => {
        this.asked.push(name);
        const { held } = this;
        return held === undefined
          ? Promise.resolve(this.answer)
          : new Promise((resolve) => held.push(resolve));
      },
    });
  }

  entry(name: string): number {
    const text = new TextEncoder().encode(name);
    return this.table.find(text, 0, text.length);
  }

  /** IPv4, IPv6. */
  counts(name: string): number[] {
    const entry = this.entry(name);
    return [this.table.tries(entry, "ipv4_only"), this.table.tries(entry, "ipv6_only")];
  }

  async look(name: string, afterMs = 0): Promise<number> {
    this.nowMs += afterMs;
    this.keeper.step();
    this.table.look(this.entry(name));
    this.keeper.take();
    await settled();
    return this.table.look(this.entry(name));
  }
}

/** All that promises alone can still do. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test("a name is asked for once per TTL, however many look", async () => {
  const bench = new Bench();
  for (let second = 0; second < 90; second++) {
    for (let monitor = 0; monitor < 5; monitor++) {
      assert.equal(await bench.look("a.example", monitor === 0 ? 1000 : 0), NAME_FOUND);
    }
  }
  assert.equal(bench.asked.length, 3);
});

test("servers that fail leave what was known in use, for a day, asked for every 30 s", async () => {
  const bench = new Bench();
  await bench.look("a.example");
  bench.answer = FAILED;
  for (let minute = 0; minute < 60; minute++) {
    assert.equal(await bench.look("a.example", 60_000), NAME_FOUND);
    assert.deepEqual(bench.counts("a.example"), [1, 1]);
  }
  assert.equal(bench.asked.length, 61);
  assert.equal(await bench.look("a.example", 86_400_000), NAME_FAILED);
  assert.equal(bench.table.detail(bench.entry("a.example")), FAULT_SERVFAIL);
  bench.answer = FOUND;
  assert.equal(await bench.look("a.example", 5000), NAME_FOUND);
});

test("without anything known the failure is kept for five seconds", async () => {
  const bench = new Bench();
  bench.answer = FAILED;
  for (let i = 0; i < 10; i++) assert.equal(await bench.look("a.example", 1000), NAME_FAILED);
  assert.equal(bench.asked.length, 2);
});

test("servers that are slow: after 1.8 s what was known is given out, and their answer counts when it comes", async () => {
  const bench = new Bench();
  await bench.look("a.example");
  bench.held = [];
  assert.equal(await bench.look("a.example", 31_000), NAME_WAITING);
  assert.equal(await bench.look("a.example", 1700), NAME_WAITING);
  assert.equal(await bench.look("a.example", 200), NAME_FOUND);
  bench.held[0]?.({ kind: "found", addresses: { ipv4: ["192.0.2.9"], ipv6: [] }, ttlMs: 30_000 });
  await settled();
  assert.deepEqual(bench.counts("a.example"), [1, 0]);
  assert.equal(await bench.look("a.example"), NAME_FOUND);
  assert.equal(bench.asked.length, 2);
});

test("a name that does not exist is doubted for a minute, asked for as often as the answer says, then believed", async () => {
  const bench = new Bench();
  bench.answer = MISSING;
  for (let second = 0; second < 60; second++) {
    assert.equal(await bench.look("a.example", 1000), NAME_MISSING_BRIEFLY, `${second} s`);
  }
  assert.equal(bench.asked.length, 12);
  assert.equal(await bench.look("a.example", 1000), NAME_MISSING);
  bench.answer = FOUND;
  assert.equal(await bench.look("a.example", 5000), NAME_FOUND);
  bench.answer = MISSING;
  assert.equal(await bench.look("a.example", 30_000), NAME_MISSING_BRIEFLY, "the doubt begins anew");
});

test("questions that are out are bounded, and all come in turn", async () => {
  const bench = new Bench();
  bench.held = [];
  const names = Array.from({ length: 1000 }, (_, i) => `h${i}.example`);
  for (const name of names) bench.table.look(bench.entry(name));
  bench.keeper.take();
  assert.equal(bench.asked.length, 64);
  for (let i = 0; i < names.length; i++) {
    bench.held[i]?.(FOUND);
    await settled();
  }
  assert.deepEqual(bench.asked, names);
  assert.ok(names.every((name) => bench.table.look(bench.entry(name)) === NAME_FOUND));
  assert.ok(!bench.keeper.busy);
});

test("a keeper that was lost with questions out is followed by one that puts them again", async () => {
  const bench = new Bench();
  bench.held = [];
  assert.equal(await bench.look("a.example"), NAME_WAITING);
  bench.keeper.close();
  bench.held = undefined;
  bench.keeper = bench.start();
  bench.keeper.take();
  await settled();
  assert.equal(bench.table.look(bench.entry("a.example")), NAME_FOUND);
});

test("when the files change everything is asked for anew", async () => {
  const bench = new Bench();
  await bench.look("a.example");
  bench.keeper.expireAll();
  bench.answer = { kind: "found", addresses: { ipv4: [], ipv6: ["::1"] }, ttlMs: 1000 };
  assert.equal(await bench.look("a.example"), NAME_FOUND);
  assert.deepEqual(bench.counts("a.example"), [0, 1]);
});
