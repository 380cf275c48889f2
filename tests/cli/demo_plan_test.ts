import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import assert from "node:assert/strict";
import { startTargets } from "../../mock-servers/targets.ts";
import { FAULT_SCHEMA, needsListener } from "../../mock-servers/target_faults.ts";
import { seededRandom } from "../../src/base/prng.ts";
import { loadManifests } from "../../src/manifest/load.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { PROBES } from "../../src/probes/registry.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";
import { type DemoFailure, demoManifest, demoSchedule } from "../../src/cli/demo_plan.ts";

const FLEET = { shared: 9964, own: 36 };

function failures(seed: number, count: number): readonly DemoFailure[] {
  const schedule = demoSchedule(seededRandom(seed), FLEET);
  return Array.from({ length: count }, () => schedule.next().value);
}

test("demoManifest() has a monitor for every target, and a repair for those with a port of their own", async () => {
  await using targets = await startTargets({ count: 90, own: 10, control: 0 });
  const monitors = [...demoManifest({ targets, notify: "log", notifyConfig: { file: "alerts.log" } })];
  assert.equal(monitors.length, 100);
  assert.equal(new Set(monitors.map((monitor) => monitor["name"])).size, 100);
  const repaired = monitors.filter((monitor) => "intervention" in monitor);
  assert.deepEqual(repaired, monitors.slice(90));
  assert.deepEqual(repaired[3]?.["intervention"], {
    action: "webhook",
    max_failures: 2,
    timeout: "10s",
    config: { url: `${targets.control}/repair/93` },
  });
  const { host, port } = targets.addressOf(99);
  assert.deepEqual((monitors[99]?.["pulse_check"] as { config: unknown }).config, { host, port });
  assert.deepEqual((monitors[90]?.["pulse_check"] as { config: unknown }).config, {
    url: targets.addressOf(90).url,
  });
});

test("demoManifest() loads without a problem", async () => {
  await using targets = await startTargets({ count: 30, own: 10, control: 0 });
  const folder = mkdtempSync(join(tmpdir(), "cpra-demo-"));
  const file = join(folder, "demo.jsonl");
  const monitors = [...demoManifest({ targets, notify: "log", notifyConfig: { file: "alerts.log" } })];
  writeFileSync(file, monitors.map((monitor) => `${JSON.stringify(monitor)}\n`).join(""));
  const registries = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
  const loaded = await loadManifests([file], { registries, env: {}, strict: true });
  rmSync(folder, { recursive: true });
  assert.deepEqual(loaded.problems, []);
  assert.equal(loaded.monitorCount, 40);
});

test("demoSchedule() is decided by its seed", () => {
  assert.deepEqual(failures(4, 200), failures(4, 200));
  assert.notDeepEqual(failures(4, 200), failures(5, 200));
});

test("demoSchedule() breaks a target every 3 to 5 s, in ways the fleet can carry out", () => {
  const seen = failures(1, 1000);
  for (const [i, { afterMs, index, fault, terms }] of seen.entries()) {
    assert.ok(afterMs >= 3000 && afterMs <= 5000);
    assert.ok(index >= 0 && index < FLEET.shared + FLEET.own);
    const own = index >= FLEET.shared;
    assert.ok(
      own || !needsListener(FAULT_SCHEMA.parse(fault)),
      `${JSON.stringify(fault)} on shared target ${index}`,
    );
    assert.ok(own || index % 10 !== 9, "a check that only connects would not see it");
    assert.ok(own || terms.forMs !== undefined, "what has no repair heals by itself");
    assert.ok(
      (terms.resistRepairs ?? 0) < 2 || terms.forMs !== undefined,
      "what no repair helps heals by itself",
    );
    assert.ok(!seen.slice(Math.max(0, i - 8), i).some((before) => before.index === index));
  }
});

test("demoSchedule() shows every kind of ending: repaired, repaired at the second try, given up, healed", () => {
  const seen = failures(1, 1000).map(({ index, terms }) => {
    if (index < FLEET.shared) return "healed";
    return terms.forMs !== undefined ? "given up" : terms.resistRepairs === 1 ? "second try" : "repaired";
  });
  const share = (what: string) => seen.filter((each) => each === what).length / seen.length;
  assert.ok(
    share("healed") > 0.3 && share("repaired") > 0.3 && share("second try") > 0.05 &&
      share("given up") > 0.02,
  );
});
