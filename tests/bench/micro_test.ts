import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT } from "../../bench/child.ts";
import { benchMicro } from "../../bench/micro.ts";

test("every micro bench runs, agrees with its plain twin and with another checkout", async () => {
  const { tables } = await benchMicro({ rounds: 1, scale: 0.01, old: ROOT });
  const rows = tables[0]?.rows ?? [];
  const benches = ["ring", "wheel", "transition", "columns", "parse", "exposition"];
  for (const bench of benches) {
    const ways = rows.filter(([name]) => String(name).startsWith(bench));
    assert.ok(ways.length >= 2, `${bench} has ${ways.length} ways`);
    // Of one bench, all hashes are the same: compare() has seen to it.
    assert.equal(new Set(ways.map((row) => row[5])).size, 1);
  }
});
