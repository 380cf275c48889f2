import assert from "node:assert/strict";
import { test } from "node:test";
import { FleetFacts } from "../../src/engine/fleet_facts.ts";
import type { MaintenanceWindow } from "../../src/model/maintenance.ts";
import { createWorld } from "../../src/world/world.ts";
import { simMonitor } from "../support/sim_engine.ts";

const time = { kind: "once", startMs: 0, endMs: 1 } as const;
const window = (name: string, match: Partial<MaintenanceWindow["match"]>): MaintenanceWindow => ({
  name,
  match: { all: false, monitors: [], groups: [], labels: {}, ...match },
  time,
});

test("rows learned from the world in bulk are known as those that were added one by one", () => {
  const windows = [
    window("named", { monitors: ["m-3", "m-8"] }),
    window("group", { groups: ["web"] }),
    window("label", { labels: { site: "a" } }),
  ];
  for (const all of [false, true]) {
    const of = all ? [...windows, window("all", { all: true })] : windows;
    const [oneByOne, inBulk] = [new FleetFacts(of), new FleetFacts(of)];
    const world = createWorld({ capacity: 20 });
    for (let index = 0; index < 20; index++) {
      const spec = simMonitor({
        name: `m-${index}`,
        groups: index % 3 === 0 ? ["web", "eu"] : [],
        labels: index % 4 === 0 ? { site: index % 8 === 0 ? "a" : "b" } : {},
        dependsOn: index === 7 ? ["m-1"] : [],
      });
      const row = world.add(spec);
      oneByOne.add(row, spec);
      if (row < 5) inBulk.add(row, spec);
    }
    inBulk.addRows(world, 5);
    assert.deepEqual(inBulk.windows, oneByOne.windows);
    assert.deepEqual([...inBulk.groupSizes], [...oneByOne.groupSizes]);
    assert.deepEqual([...inBulk.parentsOf], [...oneByOne.parentsOf]);
  }
});
