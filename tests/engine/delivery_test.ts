/** What keeps pages coming when channels fail, and what people can say to them: in a simulation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { REFUSED, RETRY, SENT } from "../../src/lanes/code.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import type { CodeSpec, MonitorSpec } from "../../src/model/monitor.ts";
import { COLORS } from "../../src/model/color.ts";
import { parseMatcher } from "../../src/model/silence.ts";
import { SUPPRESSIONS } from "../../src/telemetry/metric_table.ts";
import { Pager } from "../support/pager.ts";
import { FAILS, PASSES, Sim, type SimJob, simMonitor, type SimOptions } from "../support/sim_engine.ts";
import { NaiveStore } from "../support/sim_journal.ts";

const MINUTE = 60_000;
const channel = (file: string) => ({ kind: "log", config: { file } });

function code(over: Partial<CodeSpec> = {}): CodeSpec {
  return { dispatch: "transition", channels: [channel("a")], cooldownMs: 0, repeatMs: 0, ...over };
}

const withRed = (red: CodeSpec, over: Partial<MonitorSpec> = {}) =>
  simMonitor({ codes: { red, green: code() }, ...over });

/** `down` and `sends` say how checks and deliveries end; channels are numbers in the order in which they are named. */
function start(
  monitors: readonly MonitorSpec[],
  down: (atMs: number, monitor: string) => boolean,
  sends: (channel: number, job: SimJob) => number = () => SENT,
  over: Partial<SimOptions> = {},
) {
  const sent: { readonly channel: number; readonly atMs: number; readonly message: AlertMessage }[] = [];
  const sim: Sim = new Sim({
    monitors,
    behave: (job) => {
      if (job.lane !== "code") return down(job.atMs, job.monitor) ? FAILS : PASSES;
      const channel = job.channel as number;
      const outcome = sends(channel, job);
      if (outcome === SENT) sent.push({ channel, atMs: job.atMs, message: job.payload as AlertMessage });
      return { afterMs: 5, outcome, text: "no", value: 0 };
    },
    ...over,
  });
  const told = () => sent.map(({ channel, message }) => `${channel} ${message.color} ${message.transition}`);
  return { sim, sent, told };
}

const suppressed = (sim: Sim, color: typeof COLORS[number], reason: typeof SUPPRESSIONS[number]) =>
  sim.metrics.value("alertsSuppressed", [COLORS.indexOf(color), SUPPRESSIONS.indexOf(reason)]);

test(
  "a dead channel is tried once a minute at most, loses nothing, and delays no other",
  { timeout: 60_000 },
  () => {
    const monitors = Array.from(
      { length: 40 },
      (_, index) => withRed(code({ channels: [channel("a"), channel("b")] }), { name: `m${index}` }),
    );
    let tries = 0;
    const { sim, sent } = start(monitors, (atMs) => atMs > 5000, (channel, { atMs }) => {
      if (channel !== 0 || atMs > 8 * MINUTE) return SENT;
      tries++;
      return RETRY;
    });
    sim.run(30_000);
    assert.equal(sent.filter(({ channel }) => channel === 1).length, 40);
    assert.equal(sim.metrics.value("channelBreaker", [0]) + sim.metrics.value("channelBreaker", [1]), 1);
    sim.run(8 * MINUTE - 30_000);
    assert.ok(tries < 40, `${tries} tries in 8 minutes`);
    sim.run(2 * MINUTE);
    assert.equal(sent.filter(({ channel }) => channel === 0).length, 40, "all of it arrives");
    assert.equal(sim.metrics.total("channelBreaker"), 0);
    assert.equal(sim.metrics.total("alertsUnaccounted"), 0);
  },
);

test("a page that waits too long goes to the fallback, once, and its resolve too", () => {
  const red = code({ fallback: { afterMs: 2 * MINUTE, channels: [channel("b")] } });
  const { sim, sent, told } = start(
    [withRed(red)],
    (atMs) => atMs > 5000 && atMs < 10 * MINUTE,
    (channel) => channel === 0 ? RETRY : SENT,
  );
  sim.run(MINUTE);
  assert.deepEqual(told(), []);
  sim.run(8 * MINUTE);
  assert.deepEqual(told(), ["1 red down"]);
  assert.ok((sent[0]?.atMs ?? 0) < 5000 + 2 * MINUTE + 3000);
  sim.run(5 * MINUTE);
  assert.deepEqual(told(), ["1 red down", "1 green up"]);
  assert.equal(sim.metrics.total("alertsUnaccounted"), 0);
});

test("a page that is refused goes to the fallback at once, and is in the list of dead letters", () => {
  const red = code({ fallback: { afterMs: 10 * MINUTE, channels: [channel("b")] } });
  const { sim, sent } = start(
    [withRed(red)],
    (atMs) => atMs > 5000,
    (channel) => channel === 0 ? REFUSED : SENT,
  );
  sim.run(12_000);
  assert.deepEqual(sent.map(({ channel, message }) => [channel, message.color]), [[1, "red"]]);
  const [letter, ...more] = sim.engine.alerts.deadLetters();
  assert.deepEqual([letter?.monitor, letter?.color, letter?.error, more.length], ["web", "red", "no", 0]);
});

const ESCALATING = code({
  escalate: [{ afterMs: 10 * MINUTE, channels: [channel("b")] }, {
    afterMs: 20 * MINUTE,
    channels: [channel("c")],
  }],
});

test("while nobody acknowledges, the next ones are told in their time, and all of them hear the end", {
  timeout: 60_000,
}, () => {
  const { sim, sent, told } = start([withRed(ESCALATING)], (atMs) => atMs > 5000 && atMs < 30 * MINUTE);
  sim.run(35 * MINUTE);
  assert.deepEqual(told(), [
    "0 red down",
    "1 red escalation 1",
    "2 red escalation 2",
    "0 green up",
    "1 green up",
    "2 green up",
  ]);
  const [first, second] = sent;
  assert.ok(Math.abs((second?.atMs ?? 0) - (first?.atMs ?? 0) - 10 * MINUTE) < 1000);
});

test("an acknowledgement ends escalation and reminders, not the resolve, also over a restart", {
  timeout: 60_000,
}, () => {
  const store = new NaiveStore();
  const journal = {
    commit(batch: Parameters<NonNullable<SimOptions["journal"]>["commit"]>[0], acknowledge: () => void) {
      for (const record of JSON.parse(JSON.stringify(batch))) store.write(record);
      acknowledge();
    },
  };
  const monitors = [withRed({ ...ESCALATING, repeatMs: 5 * MINUTE })];
  const down = (atMs: number) => atMs > 5000 && atMs < 40 * MINUTE;
  const first = start(monitors, down, undefined, { journal });
  first.sim.run(6 * MINUTE);
  assert.deepEqual(first.told(), ["0 red down", "0 red reminder"]);
  assert.equal(first.sim.engine.alerts.acknowledge("nothing", "ada"), undefined);
  assert.equal(first.sim.engine.alerts.acknowledge("web", "ada")?.monitor, "web");
  first.sim.run(6 * MINUTE);
  assert.deepEqual(first.told().length, 2);
  assert.ok(suppressed(first.sim, "red", "acknowledged") >= 1);
  const second = start(monitors, down, undefined, {
    journal,
    restored: store.restore(),
    startMs: 13 * MINUTE,
  });
  second.sim.run(32 * MINUTE);
  assert.deepEqual(second.told(), ["0 green up"]);
});

test("escalation goes on after a restart, and tells nobody twice", () => {
  const store = new NaiveStore();
  const journal = {
    commit(batch: Parameters<NonNullable<SimOptions["journal"]>["commit"]>[0], acknowledge: () => void) {
      for (const record of JSON.parse(JSON.stringify(batch))) store.write(record);
      acknowledge();
    },
  };
  const down = (atMs: number) => atMs > 5000;
  const first = start([withRed(ESCALATING)], down, undefined, { journal });
  first.sim.run(12 * MINUTE);
  assert.deepEqual(first.told(), ["0 red down", "1 red escalation 1"]);
  const second = start([withRed(ESCALATING)], down, undefined, {
    journal,
    restored: store.restore(),
    startMs: 13 * MINUTE,
  });
  second.sim.run(12 * MINUTE);
  assert.deepEqual(second.told(), ["2 red escalation 2"]);
});

test("a silence keeps back what it matches; what still fails when it ends is told then", () => {
  const monitors = [
    simMonitor({ name: "db1", labels: { team: "db" } }),
    simMonitor({ name: "db2", labels: { team: "db" } }),
    simMonitor({ name: "web", labels: { team: "web" } }),
  ];
  const { sim, sent } = start(monitors, (atMs, name) => atMs > 5000 && (name === "db1" || atMs < 30_000));
  const match = [parseMatcher("team=d*")].flatMap((each) => each ?? []);
  const silence = sim.engine.alerts.silence({ match, forMs: 10 * MINUTE, comment: "move" });
  assert.equal(sim.engine.alerts.silences().length, 1);
  sim.run(5 * MINUTE);
  assert.deepEqual([...new Set(sent.map(({ message }) => message.monitor))], ["web"]);
  sim.run(7 * MINUTE);
  assert.deepEqual(sent.slice(2).map(({ message }) => [message.monitor, message.color]), [["db1", "red"]]);
  assert.equal(sim.engine.alerts.silences().length, 0, "it ended");
  assert.equal(sim.engine.alerts.unsilence(silence?.id ?? ""), false);
  sim.run(11_000);
  assert.ok(sim.metrics.total("alertsSilenced") >= 2);
  assert.equal(sim.metrics.total("alertsUnaccounted"), 0);
});

test("a silence outlives a restart", () => {
  const store = new NaiveStore();
  const journal = {
    commit(batch: Parameters<NonNullable<SimOptions["journal"]>["commit"]>[0], acknowledge: () => void) {
      for (const record of JSON.parse(JSON.stringify(batch))) store.write(record);
      acknowledge();
    },
  };
  const first = start([simMonitor()], () => false, undefined, { journal });
  first.sim.engine.alerts.silence({
    match: [{ key: "monitor", value: "web" }],
    forMs: 10 * MINUTE,
    comment: "",
  });
  first.sim.run(1000);
  const second = start([simMonitor()], () => true, undefined, {
    journal,
    restored: store.restore(),
    startMs: MINUTE,
  });
  second.sim.run(2 * MINUTE);
  assert.deepEqual(second.told(), []);
});

test("a monitor that flaps says so once and is quiet until it is calm", { timeout: 60_000 }, () => {
  const down = (atMs: number) => atMs > 5000 && atMs < 20 * MINUTE && Math.floor(atMs / 10_000) % 2 === 0;
  const { sim, sent } = start([simMonitor()], (atMs) => down(atMs) || (atMs > 60 * MINUTE), undefined, {
    flapping: { incidents: 5, windowMs: 10 * MINUTE },
  });
  sim.run(25 * MINUTE);
  const reds = sent.filter(({ message }) => message.color === "red");
  assert.equal(reds.length, 5);
  assert.equal(sent.length, 10, "those that were told have their resolve");
  assert.match(reds[4]?.message.error ?? "", /^flapping/);
  assert.ok(suppressed(sim, "red", "flapping") > 20);
  sim.run(40 * MINUTE);
  assert.deepEqual(
    sent.slice(10).map(({ message }) => message.color),
    ["red"],
    "told again after a calm time",
  );
});

test("a test alert reaches the channels that were asked for, with its resolve", () => {
  const { sim, sent } = start([withRed(code({ channels: [channel("a"), channel("b")] }))], () => false);
  const channels = sim.engine.alerts.channelsOf("web") ?? [];
  assert.equal(sim.engine.alerts.channelsOf("no"), undefined);
  sim.engine.alerts.test("web", channels);
  sim.run(12_000);
  assert.deepEqual(sent.map(({ channel, message }) => [channel, message.color]).sort(), [
    [0, "green"],
    [0, "red"],
    [1, "green"],
    [1, "red"],
  ]);
  const pager = new Pager();
  for (const { message } of sent.filter(({ channel }) => channel === 0)) pager.take(message);
  assert.equal(pager.open, 0);
  assert.match(sent[0]?.message.title ?? "", /^TEST/);
  assert.equal(sim.metrics.total("alertsUnaccounted"), 0);
});

test("ten thousand alerts at once are composed a bounded number a turn", { timeout: 60_000 }, () => {
  const monitors = Array.from(
    { length: 10_000 },
    (_, index) => simMonitor({ name: `m${index}`, intervalMs: 10_000 }),
  );
  const { sim } = start(monitors, () => true, undefined, {
    lanes: { pulse: { queueCapacity: 16_384, batchSize: 16_384, maxSlots: 16_384, minSlots: 16_384 } },
    journal: {
      commit(batch, acknowledge) {
        const decisions = batch.filter((record) => record.type === "decision" && record.alerts.length > 0);
        assert.ok(decisions.length <= 128, `${decisions.length} in one turn`);
        acknowledge();
      },
    },
  });
  sim.run(40_000);
  assert.equal(sim.metrics.total("alertsCreated"), 10_000);
  assert.equal(sim.metrics.total("alertsUnaccounted"), 0);
});
