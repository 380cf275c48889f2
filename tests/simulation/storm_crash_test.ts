/**
 * Storms and single failures while the process is cut off again and again: whoever reads the channel knows of every failure
 * once faults stop, and of its end; repeats have the same key.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { RETRY, SENT } from "../../src/lanes/code.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import { Pager } from "../support/pager.ts";
import { FAILS, PASSES, Sim, simMonitor } from "../support/sim_engine.ts";
import { SimJournal } from "../support/sim_journal.ts";

const SEEDS = Number(process.env["CPRA_STORM_SEEDS"] ?? 4);
const FAULTS_END_MS = 120_000;
const RECOVER_AT_MS = 600_000;
const END_MS = 720_000;

function play(seed: number) {
  const random = seededRandom(seed);
  const count = 10 + Math.floor(random() * 50);
  const monitors = Array.from({ length: count }, (_, index) =>
    simMonitor({
      name: `m${index}`,
      intervalMs: 1000 + Math.floor(random() * 4000),
      unhealthyThreshold: 1 + (index % 2),
      probe: { kind: "http", target: `http://10.0.0.${index % 3}/`, config: {} },
    }));
  const bursts = Array.from({ length: 4 }, () => 2000 + random() * FAULTS_END_MS);
  const spans = monitors.map(() => {
    const from = random() < 0.6 ? bursts[Math.floor(random() * 4)] as number : random() * FAULTS_END_MS;
    const stays = random() < 0.3;
    return [from, stays ? RECOVER_AT_MS : Math.min(RECOVER_AT_MS, from + random() * 60_000)] as const;
  });
  const down = (name: string, atMs: number) => {
    const [from, until] = spans[Number(name.slice(1))] as readonly [number, number];
    return atMs >= from && atMs < until;
  };
  let nowMs = 1000;
  const journal = new SimJournal({ nowMs: () => nowMs, random, slowestMs: random() < 0.5 ? 5 : 300 });
  const taken = new Map<string, AlertMessage>();
  const boot = () =>
    new Sim({
      monitors,
      digest: { min: 4, windowMs: 3000 },
      seed: seed + journal.store.boots,
      journal: journal.port(),
      restored: journal.store.restore(),
      startMs: nowMs,
      behave: ({ lane, monitor, atMs, payload }) => {
        if (lane !== "code") return down(monitor, atMs) ? FAILS : PASSES;
        const afterMs = 1 + Math.floor(random() * 50);
        if (atMs < FAULTS_END_MS && random() < 0.1) return { afterMs, outcome: RETRY, text: "503" };
        const message = payload as AlertMessage;
        const before = taken.get(message.key);
        if (before !== undefined) assert.equal(message.summary, before.summary, "a repeat says the same");
        else taken.set(message.key, message);
        const lost = atMs < FAULTS_END_MS && random() < 0.05;
        return lost ? { afterMs, outcome: RETRY, text: "reset" } : { afterMs, outcome: SENT };
      },
    });
  let sim = boot();
  let crashAtMs = nowMs + random() * 10_000;
  const runTo = (endMs: number) => {
    while (nowMs < endMs) {
      sim.run(1);
      nowMs = sim.nowMs;
      journal.step();
      if (nowMs < crashAtMs || nowMs > FAULTS_END_MS) continue;
      journal.crash();
      nowMs += Math.floor(random() * 2000);
      crashAtMs = nowMs + random() * 10_000;
      sim = boot();
    }
  };
  const pager = () => {
    const read = new Pager();
    for (const message of taken.values()) read.take(message);
    return read;
  };
  runTo(RECOVER_AT_MS - 1);
  const known = pager().known();
  for (const { name } of monitors) {
    if (down(name, nowMs)) assert.ok(known.has(name), `seed ${seed}: nobody knows of ${name}`);
  }
  runTo(END_MS);
  const left = pager();
  assert.equal(left.open, 0, `seed ${seed}: ${[...left.known()].join(", ")} stays open`);
  assert.equal(sim.metrics.total("alertsUnaccounted"), 0, `seed ${seed}`);
  assert.equal(sim.metrics.total("digestsOpen"), 0, `seed ${seed}`);
  assert.deepEqual([...journal.store.facts.keys()].filter((key) => key.startsWith("storm")), []);
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(
    `nobody is left in the dark by storms and crashes (seed ${seed})`,
    { timeout: 60_000 },
    () => play(seed),
  );
}
