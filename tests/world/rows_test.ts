import assert from "node:assert/strict";
import { test } from "node:test";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { rowsOf } from "../support/monitor_rows.ts";
import { createWorld, type World, WorldFullError } from "../../src/world/world.ts";

function spec(index: number): MonitorSpec {
  return {
    name: index % 5 === 0 ? `é-${index}` : `web-${String(index).padStart(4, "0")}`,
    enabled: index % 11 !== 3,
    probe: {
      kind: "http",
      target: `http://10.0.0.${index % 200}/health/${index}`,
      config: { method: index % 3 },
    },
    intervalMs: 1000 * (1 + index % 2),
    timeoutMs: 500,
    retries: 0,
    unhealthyThreshold: 1,
    healthyThreshold: 2,
    verificationChecks: 3,
    verificationTimeoutMs: 0,
    ...(index % 4 === 0
      ? {
        remedy: { kind: "docker", target: `c${index}`, config: {}, retries: 0, maxFailures: 1, timeoutMs: 1 },
      }
      : {}),
    codes: {
      red: {
        dispatch: "transition",
        channels: [{ kind: "log", config: { file: "/l" } }],
        cooldownMs: 1,
        repeatMs: 0,
      },
    },
    groups: index % 7 === 0 ? [`g${index % 3}`] : [],
    labels: index % 6 === 0 ? { rack: `r${index}` } : {},
    dependsOn: [],
    metadata: {},
  };
}

function contents(world: World): unknown {
  return Array.from({ length: world.count }, (_, row) => {
    const { policy, identity } = world.columns;
    const { codes, ...rest } = world.policies[policy[row] as number] as World["policies"][number];
    const channels = Object.values(codes).flatMap((code) =>
      code.channels.map((index) => world.channels[index])
    );
    return [
      world.name(row),
      world.target(row),
      world.remedyTarget(row),
      world.attributes(row),
      identity[row],
      rest,
      channels,
    ];
  });
}

function filled(count: number): World {
  const world = createWorld({ capacity: 4096 });
  for (let index = 0; index < count; index++) if (spec(index).enabled) world.add(spec(index));
  return world;
}

test("addRows() makes the rows that add() makes, and leaves disabled monitors out", () => {
  const specs = Array.from({ length: 1500 }, (_, index) => spec(index));
  const world = createWorld({ capacity: 4096 });
  world.addRows(rowsOf(specs.slice(0, 700)), 700);
  const rest = rowsOf(specs.slice(700));
  world.addRows(rest, 600);
  assert.deepEqual(contents(world), contents(filled(1300)));
});

test("addRows() refuses what does not fit by the name of the monitor, having added those before", () => {
  const world = createWorld({ capacity: 10 });
  const rows = rowsOf(Array.from({ length: 20 }, (_, index) => spec(index)));
  assert.throws(
    () => world.addRows(rows, 20),
    (error: Error) => error instanceof WorldFullError && /"web-0011".*max_monitors/.test(error.message),
  );
  assert.equal(world.count, 10);
});

test("a world filled from another's image holds the same, and takes further monitors", () => {
  const from = filled(1000);
  const image = JSON.parse(JSON.stringify(from.image()));
  const to = createWorld({ capacity: 4096 });
  assert.equal(to.canAdopt(image), true);
  const memory = from.memory(image);
  for (const [index, part] of to.memory(image).entries()) part.set(memory[index] as Uint8Array);
  to.adopt(image);
  assert.deepEqual(contents(to), contents(from));
  for (let index = 1000; index < 1200; index++) {
    if (!spec(index).enabled) continue;
    from.add(spec(index));
    to.add(spec(index));
  }
  assert.deepEqual(contents(to), contents(from));
  assert.equal(to.columns.wheelPrevious[5], -1);
  assert.equal(createWorld({ capacity: 2048 }).canAdopt(image), false);
});
