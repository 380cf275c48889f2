/**
 * The real engine, cut off at every write boundary and begun again from what its journal holds: targets die and heal, the
 * sink refuses and loses answers, commits are slow. After each seed: no alert lost, first deliveries in order, repeats with the
 * same key only, no remedy run twice, every red has its green, nothing left behind.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, seededRandom } from "../../src/base/prng.ts";
import { REFUSED, RETRY, SENT } from "../../src/lanes/code.ts";
import type { RemedyJob } from "../../src/lanes/intervention.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import type { MonitorStands, StoredIncident, StoredState } from "../../src/model/journal_record.ts";
import type { CodeSpec, MonitorSpec } from "../../src/model/monitor.ts";
import { FAIL, PASS } from "../../src/model/outcome.ts";
import {
  type Ending,
  FAILS,
  PASSES,
  repairableMonitor,
  Sim,
  type SimJob,
  simMonitor,
} from "../support/sim_engine.ts";
import { SimJournal } from "../support/sim_journal.ts";

const FAULTS_END_MS = 240_000;
const CALM_MS = 420_000;
const CRASH_EVERY_MS = 12_000;

interface Delivered {
  readonly key: string;
  readonly channel: string;
  readonly id: number;
}

function code(channel: string): CodeSpec {
  return {
    dispatch: "transition",
    channels: [{ kind: "webhook", config: { url: channel } }],
    cooldownMs: 0,
    repeatMs: 0,
  };
}

function fleet(): MonitorSpec[] {
  const codes = (channel: string) => ({
    red: code(channel),
    yellow: code(channel),
    green: code(channel),
    cyan: code(channel),
  });
  return Array.from({ length: 8 }, (_, index) => {
    const over = {
      name: `m${index}`,
      unhealthyThreshold: 1 + index % 3,
      healthyThreshold: 1 + index % 2,
      codes: codes(index % 2 === 0 ? "a" : "b"),
    };
    return index < 4 ? repairableMonitor(1 + index % 3, over) : simMonitor(over);
  });
}

/** The world around cpra: it goes on whatever happens to the process. */
class Outside {
  readonly delivered: Delivered[] = [];
  readonly repairs = new Map<string, number>();
  readonly #random: Random;
  readonly #deadUntil = new Map<string, number>();
  readonly #channelOf: (job: SimJob) => string;
  refusals = 0;

  constructor(random: Random, channelOf: (job: SimJob) => string) {
    this.#random = random;
    this.#channelOf = channelOf;
  }

  behave(job: SimJob): Ending {
    if (job.lane === "pulse") return this.#check(job);
    if (job.lane === "intervention") return this.#repair(job);
    return this.#send(job);
  }

  #check({ monitor, atMs }: SimJob): Ending {
    const random = this.#random;
    const until = this.#deadUntil.get(monitor) ?? 0;
    if (atMs > until && atMs < FAULTS_END_MS && random() < 0.05) {
      this.#deadUntil.set(monitor, atMs + 1000 + random() * 30_000);
    }
    return (this.#deadUntil.get(monitor) ?? 0) > atMs ? FAILS : PASSES;
  }

  #repair({ monitor, atMs, payload }: SimJob): Ending {
    const { incident, attempt } = payload as RemedyJob;
    const key = `${incident} ${attempt}`;
    this.repairs.set(key, (this.repairs.get(key) ?? 0) + 1);
    if (this.#random() < 0.5) this.#deadUntil.set(monitor, atMs);
    return { afterMs: 1 + Math.floor(this.#random() * 3000), outcome: this.#random() < 0.6 ? PASS : FAIL };
  }

  #send(job: SimJob): Ending {
    const random = this.#random;
    const afterMs = 1 + Math.floor(random() * 200);
    const faulty = job.atMs < FAULTS_END_MS;
    if (faulty && random() < 0.1) return { afterMs, outcome: RETRY, text: "503" };
    const { key, seq } = job.payload as AlertMessage;
    this.delivered.push({ key, channel: this.#channelOf(job), id: seq });
    // Taken, and the answer lost.
    if (faulty && random() < 0.1) return { afterMs, outcome: RETRY, text: "reset" };
    if (faulty && random() < 0.01) {
      this.refusals++;
      return { afterMs, outcome: REFUSED, text: "400" };
    }
    return { afterMs, outcome: SENT };
  }
}

interface Run {
  readonly journal: SimJournal;
  readonly outside: Outside;
  readonly sim: Sim;
  readonly crashes: number;
}

function play(seed: number): Run {
  const random = seededRandom(seed);
  let nowMs = 1000;
  const channelOf = (job: SimJob) => Number(job.monitor.slice(1)) % 2 === 0 ? "a" : "b";
  const outside = new Outside(random, channelOf);
  const journal = new SimJournal({ nowMs: () => nowMs, random, slowestMs: random() < 0.5 ? 5 : 400 });
  const monitors = fleet();
  const boot = () =>
    new Sim({
      monitors,
      behave: (job) => outside.behave(job),
      seed: seed + journal.store.boots,
      journal: journal.port(),
      restored: journal.store.restore(),
      startMs: nowMs,
    });
  let sim = boot();
  let crashes = 0;
  let crashAt = { commits: 1, taken: Infinity };
  let crashAtMs = nowMs + CRASH_EVERY_MS;
  while (nowMs < CALM_MS) {
    sim.run(1);
    nowMs = sim.nowMs;
    journal.step();
    if (journal.idle && nowMs % 50 === 0) checkStanding(sim, journal, seed);
    const { commits, taken } = journal;
    if (taken >= crashAt.taken) {
      crashAt = { commits: Infinity, taken: Infinity };
      crashAtMs = Math.min(crashAtMs, nowMs + Math.floor(random() * 20));
    }
    const due = commits >= crashAt.commits || nowMs >= crashAtMs;
    if (!due || nowMs >= FAULTS_END_MS) continue;
    crashes++;
    journal.crash();
    // Right after a commit, while one is under way (its acts must not have begun), or in the middle of something.
    const some = 1 + Math.floor(random() * 12);
    crashAt = random() < 0.5
      ? { commits: journal.commits + some, taken: Infinity }
      : { commits: Infinity, taken: journal.taken + some };
    nowMs += Math.floor(random() * 2000);
    crashAtMs = nowMs + random() * CRASH_EVERY_MS;
    sim = boot();
  }
  return { journal, outside, sim, crashes };
}

/** With nothing on its way, the journal has exactly what the engine would need. */
function checkStanding(sim: Sim, { store }: SimJournal, seed: number): void {
  const { monitors, alerts, repairs } = sim.engine.standing();
  const essence = ({ monitor, stands }: MonitorStands) => {
    const { state, flags, attempts, verifyLeft, incident } = stands as StoredState;
    const { id, seq, opened } = incident as StoredIncident;
    return [monitor, state, flags, attempts, verifyLeft, id, seq, opened].join(" ");
  };
  const where = `seed ${seed}, at ${sim.nowMs}`;
  assert.deepEqual([...store.monitors.values()].map(essence).sort(), monitors.map(essence).sort(), where);
  assert.deepEqual([...store.alerts.keys()].sort(), alerts.map(({ id }) => id).sort(), where);
  assert.deepEqual(
    [...store.repairs.keys()].sort(),
    repairs.map((each) => `${each.incident} ${each.attempt}`).sort(),
    where,
  );
}

function check({ journal, outside, sim }: Run, seed: number): void {
  const { store } = journal;
  const twice = [...outside.repairs].filter(([, times]) => times > 1);
  assert.deepEqual(twice, [], `seed ${seed}: remedies run twice`);

  const first = new Map<string, string[]>();
  const seen = new Set<string>();
  for (const { key, channel } of outside.delivered) {
    if (seen.has(key)) continue;
    seen.add(key);
    const line = `${key.split(":")[1]} ${channel}`;
    first.set(line, [...first.get(line) ?? [], key]);
  }
  const written = new Map(journal.messages.map(({ key }, index) => [key, index]));
  const lost = [...written.keys()].filter((key) => !seen.has(key));
  assert.equal(lost.length, 0, `seed ${seed}: alerts lost: ${lost}`);
  const unwritten = [...seen].filter((key) => !written.has(key));
  assert.deepEqual(unwritten, [], `seed ${seed}: sent, but not written`);
  for (const [line, keys] of first) {
    const order = keys.map((key) => written.get(key) as number);
    assert.deepEqual(order, [...order].sort((left, right) => left - right), `seed ${seed}: order of ${line}`);
  }
  const told = (color: string) =>
    new Set(journal.messages.filter((each) => each.color === color).map((m) => m.dedupKey));
  const green = told("green");
  const unresolved = [...told("red"), ...told("yellow")].filter((key) => !green.has(key));
  assert.deepEqual(unresolved, [], `seed ${seed}: trouble without its end`);
  for (const color of ["red", "yellow", "green"]) {
    const keys = journal.messages.filter((each) => each.color === color).map(({ dedupKey }) => dedupKey);
    assert.equal(new Set(keys).size, keys.length, `seed ${seed}: ${color} told once per incident`);
  }

  const left = [store.monitors.size, store.alerts.size, store.repairs.size];
  assert.deepEqual(left, [0, 0, 0], `seed ${seed}: monitors, alerts, repairs left in the journal`);
  for (let row = 0; row < sim.world.count; row++) {
    assert.equal(sim.state(row), "up", `seed ${seed}, row ${row}`);
  }
}

test("crashes at write boundaries lose nothing, run nothing twice, and keep the order", () => {
  let crashes = 0;
  let alerts = 0;
  let repeats = 0;
  let repairs = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const run = play(seed);
    check(run, seed);
    crashes += run.crashes;
    alerts += run.journal.messages.length;
    repeats += run.outside.delivered.length - new Set(run.outside.delivered.map(({ key }) => key)).size;
    repairs += run.outside.repairs.size;
  }
  // The faults did happen: a run without them would prove nothing.
  assert.ok(
    crashes > 150 && alerts > 300 && repeats > 30 && repairs > 20,
    `${[crashes, alerts, repeats, repairs]}`,
  );
});
