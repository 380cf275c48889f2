import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashText } from "../../src/base/hash.ts";
import { columnLayout } from "../../src/world/columns.ts";
import { attachWorld, createWorld, WorldFullError } from "../../src/world/world.ts";
import { fleetMonitor, monitorSpec } from "./fleet.ts";

const REMEDY = { kind: "docker", config: {}, retries: 0, maxFailures: 1, timeoutMs: 1000 };

/** Texts that share parts, differ in numbers, or have nothing in common, in any Unicode. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.array(
    fc.constantFrom("host-", "0", "00", "7", "é", "10", "123456789", "0123456789012", ":", "/", "😀"),
    {
      maxLength: 12,
    },
  ).map((parts) => parts.join("")),
);

test("names and targets of any Unicode come back as they were, in the writer and in a reader", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, anyText, anyText), { maxLength: 30 }), (texts) => {
      const world = createWorld({ capacity: 32, arenaBytes: 100_000 });
      for (const [name, target, remedyTarget] of texts) {
        const probe = { kind: "http", target, config: {} };
        world.add(monitorSpec({ name, probe, remedy: { ...REMEDY, target: remedyTarget } }));
      }
      for (const view of [world, attachWorld(structuredClone(world.handle()))]) {
        assert.equal(view.count, texts.length);
        texts.forEach(([name, target, remedyTarget], row) => {
          assert.deepEqual([view.name(row), view.target(row), view.remedyTarget(row)], [
            name,
            target,
            remedyTarget,
          ]);
        });
      }
    }),
    { numRuns: 500 },
  );
});

test("find() gives the first row of a name, and -1 for names that are not there", () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyText, { maxLength: 20 }), anyText, (names, stranger) => {
      const world = createWorld({ capacity: 32, arenaBytes: 100_000 });
      for (const name of names) world.add(monitorSpec({ name }));
      names.forEach((name, row) => assert.equal(world.find(name), row));
      assert.equal(world.find(stranger), names.indexOf(stranger));
    }),
  );
});

test("find() tells apart two names with the same hash", () => {
  // The first two of n0, n1, n2, … with the same hash.
  const [first, second] = ["n512789", "n749192"];
  const world = createWorld({ capacity: 2 });
  world.add(monitorSpec({ name: first }));
  world.add(monitorSpec({ name: second }));
  assert.equal(world.columns.identity[0], world.columns.identity[1]);
  assert.deepEqual([world.find(first), world.find(second)], [0, 1]);
});

test("a text longer than any scratch buffer is kept whole", () => {
  const world = createWorld({ capacity: 4, arenaBytes: 10_000_000 });
  const long = "näme-12-".repeat(20_000);
  world.add(monitorSpec({ name: "short" }));
  world.add(monitorSpec({ name: long }));
  world.add(monitorSpec({ name: `${long}1` }));
  assert.equal(world.name(1), long);
  assert.equal(world.name(2), `${long}1`);
  assert.equal(world.target(2), "http://127.0.0.1/health");
});

test("a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD and is still found", () => {
  const world = createWorld({ capacity: 1 });
  world.add(monitorSpec({ name: "bad \ud800 name" }));
  assert.equal(world.name(0), "bad \ufffd name");
  assert.equal(world.find("bad \ud800 name"), 0);
});

test("a byte order mark at the beginning of a name belongs to the name", () => {
  const world = createWorld({ capacity: 1 });
  world.add(monitorSpec({ name: "\ufeffweb" }));
  assert.equal(world.name(0), "\ufeffweb");
});

test("shapes that begin alike are told apart, in a table with few slots too", () => {
  const world = createWorld({ capacity: 40, arenaBytes: 4096 });
  const names = Array.from({ length: 40 }, (_, index) => "x".repeat(1 + index % 16));
  for (const name of names) world.add(monitorSpec({ name }));
  names.forEach((name, row) => assert.equal(world.name(row), name));
});

test("a new row is pending, never checked and in no wheel slot", () => {
  const world = createWorld({ capacity: 2 });
  const row = world.add(monitorSpec({ name: "web-1" }));
  const { columns } = world;
  const zero = [
    "state",
    "flags",
    "due",
    "generation",
    "value",
    "checkedAt",
    "since",
    "incident",
    "failures",
  ] as const;
  for (const name of zero) assert.equal(columns[name][row], 0, name);
  assert.equal(columns.wheelNext[row], -1);
  assert.equal(columns.wheelPrevious[row], -1);
  assert.equal(columns.identity[row], hashText("web-1"));
});

test("an attached reader sees what the writer writes later, and every column is its own memory", () => {
  const world = createWorld({ capacity: 3 });
  const reader = attachWorld(structuredClone(world.handle()));
  for (let i = 0; i < 3; i++) world.add(monitorSpec({ name: `web-${i}` }));
  const names = Object.keys(world.columns) as (keyof typeof world.columns)[];
  names.forEach((name, index) => world.columns[name].fill(index + 1));
  assert.equal(reader.count, 3);
  names.forEach((name, index) => assert.deepEqual([...reader.columns[name]], Array(3).fill(index + 1), name));
});

test("equal policies and channels are one, and each difference makes another", () => {
  const world = createWorld({ capacity: 100 });
  const channel = () => ({ kind: "log", config: { file: "/var/log/alerts.log" } });
  const code = () => ({ dispatch: "transition" as const, channels: [channel()], cooldownMs: 0, repeatMs: 0 });
  const base = () =>
    monitorSpec({ codes: { red: code(), green: code() }, remedy: { ...REMEDY, target: "a" } });
  world.add(base());
  world.add({ ...base(), name: "other", groups: ["x"], remedy: { ...REMEDY, target: "b" } });
  assert.equal(world.policies.length, 1);
  assert.deepEqual(world.channels, [channel()]);

  const { remedy: _, ...withoutRemedy } = base();
  const different = [
    { ...base(), intervalMs: 1 },
    { ...base(), timeoutMs: 1 },
    { ...base(), retries: 9 },
    { ...base(), unhealthyThreshold: 9 },
    { ...base(), healthyThreshold: 9 },
    { ...base(), verificationChecks: 9 },
    { ...base(), verificationTimeoutMs: 9 },
    { ...base(), probe: { ...base().probe, kind: "https" } },
    { ...base(), probe: { ...base().probe, config: { method: "PUT", status: ["2xx"] } } },
    { ...base(), remedy: { ...REMEDY, target: "a", maxFailures: 2 } },
    { ...base(), remedy: { ...REMEDY, target: "a", config: { action: "stop" } } },
    { ...base(), codes: { red: code() } },
    withoutRemedy,
  ];
  different.forEach((spec, index) => {
    const row = world.add(spec);
    assert.equal(world.columns.policy[row], index + 1);
  });
  assert.equal(world.policies.length, different.length + 1);
  assert.equal(world.channels.length, 1);
  assert.equal(world.policies.at(-1)?.remedy, null);
});

test("a policy says what its monitors said, for any interleaving of few specs", () => {
  const kinds = fc.record({
    interval: fc.integer({ min: 1, max: 3 }),
    config: fc.constantFrom({ a: 1 }, { a: 2 }, { a: 1, b: [1, "x"] }, { b: [1, "x"], a: 1 }, { a: [] }, {
      a: {},
    }, null),
    color: fc.constantFrom("red" as const, "cyan" as const),
    channel: fc.constantFrom("x", "y"),
  });
  fc.assert(
    fc.property(fc.array(kinds, { maxLength: 40 }), (choices) => {
      const world = createWorld({ capacity: 64 });
      for (const { interval, config, color, channel } of choices) {
        const code = {
          dispatch: "always" as const,
          channels: [{ kind: "log", config: channel }],
          cooldownMs: 1,
          repeatMs: 2,
        };
        const probe = { kind: "tcp", target: "t", config };
        const row = world.add(monitorSpec({ intervalMs: interval, probe, codes: { [color]: code } }));
        const policy = world.policies[world.columns.policy[row] as number];
        assert.deepEqual(policy?.probe, { kind: "tcp", config });
        assert.equal(policy?.intervalMs, interval);
        assert.deepEqual(Object.keys(policy?.codes ?? {}), [color]);
        const channels = policy?.codes[color]?.channels.map((index) => world.channels[index]);
        assert.deepEqual(channels, code.channels);
      }
      assert.ok(world.channels.length <= 2);
      assert.ok(world.policies.length <= 3 * 7 * 2 * 2);
    }),
  );
});

test("attributes come back as they were, and none cost nothing", () => {
  const world = createWorld({ capacity: 4 });
  const attributes = {
    groups: ["a", "b"],
    labels: { team: "ops 1" },
    dependsOn: ["db"],
    metadata: { n: [1, null] },
  };
  const rows = [attributes, attributes, { groups: [], labels: {}, dependsOn: [], metadata: {} }]
    .map((some) => world.add(monitorSpec(some)));
  assert.deepEqual(rows.map((row) => world.columns.attributes[row] === 0), [false, false, true]);
  assert.equal(world.columns.attributes[0], world.columns.attributes[1]);
  const reader = attachWorld(world.handle());
  assert.deepEqual(reader.attributes(1), attributes);
  assert.deepEqual(reader.attributes(2), { groups: [], labels: {}, dependsOn: [], metadata: {} });
  const each = [{ groups: ["g"] }, { labels: { a: "b" } }, { dependsOn: ["db"] }, { metadata: { a: null } }];
  const others = createWorld({ capacity: 4 });
  for (const some of each) {
    const row = others.add(monitorSpec(some));
    assert.deepEqual(others.attributes(row), {
      groups: [],
      labels: {},
      dependsOn: [],
      metadata: {},
      ...some,
    });
  }
});

test("one monitor more than the capacity is refused with the limit and the setting that raises it", () => {
  const world = createWorld({ capacity: 2 });
  world.add(monitorSpec({ name: "a" }));
  world.add(monitorSpec({ name: "b" }));
  assert.throws(() => world.add(monitorSpec({ name: "c" })), {
    name: "WorldFullError",
    message: 'Cannot add monitor "c": there is room for 2 monitors, and all of it is used; ' +
      "raise the setting max_monitors (now 2)",
  });
  assert.equal(world.count, 2);
});

test("a text that does not fit is refused, and what was added before stays whole", () => {
  const world = createWorld({ capacity: 1000, arenaBytes: 4096 });
  let added = 0;
  const fill = () => {
    for (; added < 1000; added++) {
      world.add(monitorSpec({ name: `${"x".repeat(added % 90)}-${added}`, groups: [`${added}`] }));
    }
  };
  assert.throws(fill, (error: unknown) => {
    return error instanceof WorldFullError &&
      /4096 bytes for texts; raise the setting max_monitors/.test(error.message);
  });
  assert.ok(added > 5, `${added} were added`);
  assert.equal(world.count, added);
  for (let row = 0; row < added; row++) {
    assert.equal(world.name(row), `${"x".repeat(row % 90)}-${row}`);
    assert.deepEqual(world.attributes(row).groups, [`${row}`]);
  }
});

test("100,000 monitors of a fleet take at most 100 bytes each, columns and texts together", () => {
  const count = 100_000;
  const world = createWorld({ capacity: count });
  for (let i = 0; i < count; i++) world.add(fleetMonitor(i));
  const bytes = (columnLayout(count).bytes + world.arenaBytesUsed) / count;
  assert.ok(bytes <= 100, `${bytes} bytes a monitor`);
  assert.equal(world.policies.length, 6);
  for (const row of [0, 1, 2, 99_999]) {
    assert.equal(world.name(row), fleetMonitor(row).name);
    assert.equal(world.target(row), fleetMonitor(row).probe.target);
    assert.equal(world.remedyTarget(row), fleetMonitor(row).remedy?.target);
    assert.deepEqual(world.attributes(row).groups, fleetMonitor(row).groups);
  }
});

test("texts of ever new shapes neither fill the template table nor grow the writer", () => {
  const count = 20_000;
  const world = createWorld({ capacity: count });
  const letters = (index: number) => hashText(`seed ${index}`).toString(36).replace(/\d/g, "q");
  for (let i = 0; i < count; i++) world.add(monitorSpec({ name: `pod-${letters(i)}` }));
  for (let i = 0; i < count; i += 97) assert.equal(world.name(i), `pod-${letters(i)}`);
  assert.ok(world.arenaBytesUsed / count < 20, `${world.arenaBytesUsed / count} bytes a monitor`);
});
