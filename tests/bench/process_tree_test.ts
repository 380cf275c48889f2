import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { endChild, pinned } from "../../bench/child.ts";
import { treeCost } from "../../bench/process_tree.ts";

test("a tree's cost has the time of children that are gone, and the memory of those that are not", async () => {
  const burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
  const script = `sh -c '${burn}'; exec 3<&0; sh -c 'echo ready; read line' <&3 & wait`;
  const child = pinned(["sh", "-c", script], { core: undefined });
  await once(child.stdout as NodeJS.EventEmitter, "data");
  const cost = treeCost([child.pid as number]);
  assert.equal(cost.processes, 2);
  assert.ok(cost.cpuUs >= 10_000, `${cost.cpuUs} µs`);
  assert.ok(cost.rssBytes > 500_000);
  child.stdin?.end();
  await endChild(child);
  assert.deepEqual(treeCost([child.pid as number]), { cpuUs: 0, rssBytes: 0, processes: 0 });
});
