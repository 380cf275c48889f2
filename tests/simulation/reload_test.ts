/**
 * Random sequences of manifests in a running engine against engines that begin with the last of them: the same monitors,
 * policies, channels and windows, the same lattice for every check, no check twice at a time, every alert accounted for.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { type Random, seededRandom } from "../../src/base/prng.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { FAILS, PASSES, repairableMonitor, Sim, simMonitor } from "../support/sim_engine.ts";
import { beginReload } from "../support/sim_reload.ts";

const SEQUENCES = Number(process.env["CPRA_RELOAD_RUNS"] ?? 40);
const NAMES = 30;
const INTERVALS_MS = [200, 500, 1000];
const CHECKED_MS = 2500;

function randomManifest(random: Random): MonitorSpec[] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const keep = random();
  const monitors: MonitorSpec[] = [];
  for (let number = 0; number < NAMES; number++) {
    if (random() > keep) continue;
    const target = `http://127.0.0.${pick([1, 2])}/${pick(["", "health"])}`;
    const channel = { kind: "log", config: { file: pick(["a", "b", "c"]) } };
    const codes = { dispatch: "transition" as const, channels: [channel], cooldownMs: 0, repeatMs: 0 };
    const over: Partial<MonitorSpec> = {
      name: `m${number}`,
      probe: { kind: "http", target, config: { status: pick([200, 204]) } },
      intervalMs: pick(INTERVALS_MS),
      timeoutMs: 100,
      unhealthyThreshold: pick([1, 3]),
      codes: { red: codes, green: codes },
      groups: pick([[], ["web"], ["db", "web"]]),
      dependsOn: [],
    };
    monitors.push(random() < 0.3 ? repairableMonitor(2, over) : simMonitor(over));
  }
  // Any order: a monitor is known by its name alone.
  return monitors.sort(() => random() - 0.5);
}

/** What is stored of each monitor, by name. */
function contents(sim: Sim): Map<string, unknown> {
  const { world } = sim;
  const all = new Map<string, unknown>();
  for (let row = 0; row < world.count; row++) {
    if (!world.isMonitor(row)) continue;
    const { codes, ...policy } = world.policies[world.columns.policy[row] as number] as NonNullable<
      typeof world.policies[number]
    >;
    const channelsOf = Object.entries(codes).map(([color, code]) =>
      [color, { ...code, channels: code.channels.map((index) => world.channels[index]) }] as const
    );
    const targets = [world.target(row), world.remedyTarget(row)];
    all.set(world.name(row), [policy, Object.fromEntries(channelsOf), targets, world.attributes(row)]);
  }
  return all;
}

/** When each monitor was checked since then. */
function lattice(sim: Sim, sinceMs: number): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const { lane, monitor, atMs } of sim.jobs) {
    if (lane !== "pulse" || atMs < sinceMs) continue;
    times.set(monitor, [...times.get(monitor) ?? [], atMs]);
  }
  return times;
}

test("any sequence of reloads ends where a start with the last manifest begins", () => {
  const seed = Number(process.env["CPRA_SEED"] ?? Math.floor(Math.random() * 1e9));
  let late = 0;
  for (let sequence = 0; sequence < SEQUENCES; sequence++) {
    const note = `CPRA_SEED=${seed} sequence ${sequence}`;
    const random = seededRandom(seed + sequence);
    const bad = new Set<string>();
    const behave: ConstructorParameters<typeof Sim>[0]["behave"] = ({ lane, monitor }) =>
      lane === "pulse" && bad.has(monitor) ? { ...FAILS, afterMs: 40 } : { ...PASSES, afterMs: 20 };
    let manifest = randomManifest(random);
    const sim = new Sim({ monitors: manifest, behave, capacity: 2 * NAMES, seed });
    for (let step = 0; step < 4; step++) {
      for (let number = 0; number < NAMES; number++) {
        if (random() < 0.2) bad.add(`m${number}`);
        else bad.delete(`m${number}`);
      }
      sim.run(Math.floor(random() * 2500));
      manifest = randomManifest(random);
      const begun = beginReload(sim, { monitors: manifest });
      assert.ok(sim.runUntil(() => begun.done, 2000), `${note}: the reload ends`);
    }
    sim.run(200);
    const fromMs = sim.nowMs;
    const fresh = new Sim({ monitors: manifest, behave, startMs: fromMs });
    assert.deepEqual(contents(sim), contents(fresh), note);
    sim.run(CHECKED_MS);
    fresh.run(CHECKED_MS);
    const [ours, theirs] = [lattice(sim, fromMs + 500), lattice(fresh, fromMs + 500)];
    for (const { name, intervalMs } of manifest) {
      const [left, right] = [ours.get(name) ?? [], theirs.get(name) ?? []];
      assert.ok(Math.abs(left.length - right.length) <= 1, `${note}: ${name} ${left} as ${right}`);
      const offset = (((left[0] as number) - (right[0] as number)) % intervalMs + intervalMs) % intervalMs;
      assert.ok(Math.min(offset, intervalMs - offset) <= 12, `${note}: ${name} ${left[0]} as ${right[0]}`);
    }
    assert.deepEqual([...ours.keys()].sort(), manifest.map(({ name }) => name).sort(), note);
    const byState = [0, 1, 2, 3, 4, 5, 6, 7].map((state) => sim.metrics.value("monitors", [state]));
    assert.equal(byState.reduce((sum, count) => sum + count, 0), manifest.length, note);
    sim.run(12_000);
    assert.equal(sim.metrics.value("alertsUnaccounted", []), 0, note);
    late += sim.metrics.value("lateResults", []);
  }
  assert.ok(late > 0, "some checks were out when their monitor changed or went");
});
