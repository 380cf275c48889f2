/** A small version of the bench of sends: it must run over every channel and count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { benchSends } from "../../bench/sends.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";

test("the bench of sends measures every channel but the console", async () => {
  const { tables } = await benchSends({ sends: 8 });
  const rows = tables[0]?.rows ?? [];
  assert.deepEqual(
    rows.map(([kind]) => kind),
    NOTIFIERS.map(({ kind }) => kind).filter((kind) => kind !== "console"),
  );
  for (const [kind, count, cpuUs, rate] of rows) {
    assert.ok((count as number) >= 1 && (cpuUs as number) > 0 && (rate as number) > 0, String(kind));
  }
});
