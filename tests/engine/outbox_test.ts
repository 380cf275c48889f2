import { test } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../src/base/prng.ts";
import { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN } from "../../src/engine/breaker.ts";
import { createOutbox, type Delivery, type Outbox, type OutboxOptions } from "../../src/engine/outbox.ts";
import type { AlertMessage } from "../../src/model/message.ts";
import type { DeliveryResult } from "../../src/model/plugin.ts";

const SENT: DeliveryResult = { result: "sent" };
const RETRY: DeliveryResult = { result: "retry", error: "503" };
const REFUSED: DeliveryResult = { result: "refused", error: "404" };

/** The outbox only carries messages; these tests tell them apart by their number. */
function messageOf(seq: number): AlertMessage {
  return { seq } as AlertMessage;
}

function newOutbox(options: Partial<OutboxOptions> = {}): Outbox {
  return createOutbox({ channels: 1, random: () => 0.5, ...options });
}

function add(outbox: Outbox, row: number, channel = 0, seq = 0): number {
  return outbox.add({ row, channel, message: messageOf(seq) });
}

/** Everything that goes out at once, at most `most`. */
function takeDue(outbox: Outbox, nowMs: number, most = Infinity): Delivery[] {
  const taken: Delivery[] = [];
  outbox.due(nowMs, (delivery) => {
    if (taken.length >= most) return false;
    taken.push({ ...delivery });
    return true;
  });
  return taken;
}

const rowsOf = (deliveries: readonly Delivery[]) => deliveries.map(({ row }) => row);

test("the second message of a row waits for the first, on the same channel only", () => {
  const outbox = newOutbox({ channels: 2 });
  const first = add(outbox, 7, 0, 1);
  add(outbox, 7, 0, 2);
  add(outbox, 7, 1, 3);
  assert.deepEqual(takeDue(outbox, 0).map(({ message }) => message.seq), [1, 3]);
  outbox.settle(first, SENT, 0);
  assert.deepEqual(takeDue(outbox, 0).map(({ message }) => message.seq), [2]);
});

test("a stuck row holds back only itself", () => {
  const outbox = newOutbox();
  const stuck = add(outbox, 1);
  add(outbox, 1);
  takeDue(outbox, 0);
  outbox.settle(stuck, RETRY, 0);
  for (const row of [2, 3, 4]) add(outbox, row);
  assert.deepEqual(rowsOf(takeDue(outbox, 1)), [2, 3, 4]);
  assert.equal(outbox.pendingOf(1), 2);
});

test("a channel has at most its window in flight, and a dead channel slows no other", () => {
  const outbox = newOutbox({ channels: 2, window: 3 });
  for (let row = 0; row < 10; row++) add(outbox, row, 0);
  assert.equal(takeDue(outbox, 0).length, 3);
  for (let row = 0; row < 10; row++) add(outbox, row, 1);
  const live = takeDue(outbox, 0);
  assert.deepEqual(live.map(({ channel }) => channel), [1, 1, 1]);
  for (const { id } of live) outbox.settle(id, SENT, 0);
  assert.deepEqual(takeDue(outbox, 0).map(({ channel }) => channel), [1, 1, 1]);
});

test("channels take turns, and whoever met a full lane is first the next time", () => {
  const outbox = newOutbox({ channels: 3 });
  for (let row = 0; row < 4; row++) add(outbox, row, 0);
  for (let row = 0; row < 4; row++) add(outbox, row, 1);
  add(outbox, 0, 2);
  assert.deepEqual(takeDue(outbox, 0, 4).map(({ channel }) => channel), [0, 1, 2, 0]);
  assert.deepEqual(takeDue(outbox, 0).map(({ channel }) => channel), [1, 0, 1, 0, 1]);
});

test("a delivery that met a full lane has not been attempted", () => {
  const outbox = newOutbox();
  add(outbox, 1);
  assert.equal(takeDue(outbox, 0, 0).length, 0);
  assert.deepEqual(takeDue(outbox, 0).map(({ attempt }) => attempt), [1]);
});

test("retries wait a random share of 1 s, 2 s, 4 s … at most 5 min, never less than 100 ms", () => {
  for (
    const [share, expected] of [[0.5, [500, 1000, 2000, 4000]], [0, [100, 100]], [0.01, [
      100,
      100,
      100,
      100,
      160,
    ]]] as const
  ) {
    const outbox = newOutbox({ random: () => share });
    const id = add(outbox, 1);
    let nowMs = 0;
    for (const waitMs of expected) {
      takeDue(outbox, nowMs);
      outbox.settle(id, RETRY, nowMs);
      assert.equal(outbox.nextDueMs(nowMs), nowMs + waitMs);
      assert.equal(takeDue(outbox, nowMs + waitMs - 1).length, 0);
      nowMs += waitMs;
    }
  }
  const outbox = newOutbox({ random: () => 1 - Number.EPSILON });
  const id = add(outbox, 1);
  let nowMs = 0;
  for (let attempt = 1; attempt <= 2000; attempt++) {
    const other = add(outbox, 2);
    assert.deepEqual(takeDue(outbox, nowMs).find((delivery) => delivery.id === id)?.attempt, attempt);
    outbox.settle(id, RETRY, nowMs);
    // The channel works: its breaker has no part in this.
    outbox.settle(other, SENT, nowMs);
    assert.ok(outbox.nextDueMs(nowMs) - nowMs <= 300_000);
    nowMs = outbox.nextDueMs(nowMs);
  }
  assert.equal(outbox.counts.pending, 1, "nothing is given up");
});

test("a channel that fails five times in a row gets one delivery at a time, at growing distances, until it works", () => {
  const changes: number[] = [];
  const outbox = newOutbox({
    channels: 2,
    random: () => 0,
    breakerChanged: (channel, { state }) => changes.push(10 * channel + state),
  });
  for (let row = 0; row < 40; row++) add(outbox, row);
  const first = takeDue(outbox, 0);
  assert.equal(first.length, 16);
  for (const { id } of first) outbox.settle(id, RETRY, 0);
  assert.deepEqual(changes, [BREAKER_OPEN]);
  assert.equal(takeDue(outbox, 4999).length, 0, "nothing while it is open");
  add(outbox, 1000, 1);
  assert.deepEqual(rowsOf(takeDue(outbox, 4999)), [1000], "the other channel goes on");
  assert.equal(outbox.nextDueMs(4999), 5000);
  const [probe] = takeDue(outbox, 5000);
  assert.equal(takeDue(outbox, 5000).length, 0, "one at a time");
  outbox.settle(probe?.id as number, RETRY, 5100);
  assert.equal(takeDue(outbox, 15_099).length, 0, "twice the span");
  const [again] = takeDue(outbox, 15_100);
  outbox.settle(again?.id as number, REFUSED, 15_200);
  assert.deepEqual(changes, [
    BREAKER_OPEN,
    BREAKER_HALF_OPEN,
    BREAKER_OPEN,
    BREAKER_HALF_OPEN,
    BREAKER_CLOSED,
  ]);
  assert.equal(takeDue(outbox, 15_200).length, 16, "a refusal is an answer: it works");
  assert.equal(outbox.unaccounted(), 0);
});

test("Retry-After is a lower bound, up to an hour", () => {
  const outbox = newOutbox();
  const id = add(outbox, 1);
  for (const [retryAfterMs, expected] of [[30_000, 30_000], [10, 1000], [1e12, 3_600_000]] as const) {
    takeDue(outbox, outbox.nextDueMs(0));
    outbox.settle(id, { ...RETRY, retryAfterMs } as DeliveryResult, 0);
    assert.equal(outbox.nextDueMs(0), expected);
  }
});

test("a refused delivery is a dead letter with its error, and the next of its row goes out", () => {
  const outbox = newOutbox();
  const id = add(outbox, 5, 0, 1);
  add(outbox, 5, 0, 2);
  takeDue(outbox, 0);
  outbox.settle(id, REFUSED, 9);
  const letter = {
    id,
    row: 5,
    channel: 0,
    attempt: 1,
    message: messageOf(1),
    error: "404",
    atMs: 9,
  };
  assert.deepEqual(outbox.deadLetters, [letter]);
  assert.deepEqual(takeDue(outbox, 9).map(({ message }) => message.seq), [2]);
});

test("dead letters are all counted, the last hundred are kept", () => {
  const outbox = newOutbox();
  for (let row = 0; row < 250; row++) {
    const id = add(outbox, row);
    takeDue(outbox, 0);
    outbox.settle(id, REFUSED, 0);
  }
  assert.equal(outbox.counts.deadLettered, 250);
  assert.deepEqual(
    outbox.deadLetters.map(({ row }) => row),
    Array.from({ length: 100 }, (_, index) => 150 + index),
  );
});

test("what a dead worker held goes out first at once, and waits when it is lost again", () => {
  const outbox = newOutbox({ window: 1 });
  const id = add(outbox, 1);
  add(outbox, 2);
  takeDue(outbox, 0);
  assert.equal(outbox.lost(id, 0)?.id, id);
  assert.deepEqual(takeDue(outbox, 0).map(({ row, attempt }) => ({ row, attempt })), [{
    row: 1,
    attempt: 2,
  }]);
  outbox.lost(id, 0);
  assert.deepEqual(rowsOf(takeDue(outbox, 0)), [2]);
  assert.equal(outbox.nextDueMs(0), 1000);
  assert.deepEqual(outbox.counts, { created: 2, delivered: 0, pending: 2, deadLettered: 0, lost: 2 });
});

test("a result for what is not in flight is dropped", () => {
  const outbox = newOutbox();
  const id = add(outbox, 1);
  assert.equal(outbox.settle(id, SENT, 0), undefined);
  takeDue(outbox, 0);
  assert.equal(outbox.settle(id, SENT, 0)?.row, 1);
  assert.equal(outbox.settle(id, SENT, 0), undefined);
  assert.equal(outbox.lost(id, 0), undefined);
  assert.deepEqual(outbox.counts, { created: 1, delivered: 1, pending: 0, deadLettered: 0, lost: 0 });
});

test("nextDueMs() does not ask for a call that could do nothing", () => {
  const outbox = newOutbox({ window: 1 });
  assert.equal(outbox.nextDueMs(5), Infinity);
  const id = add(outbox, 1);
  add(outbox, 2);
  assert.equal(outbox.nextDueMs(5), 5);
  takeDue(outbox, 5, 0);
  assert.equal(outbox.nextDueMs(5), Infinity, "the lane was full");
  takeDue(outbox, 5);
  assert.equal(outbox.nextDueMs(5), Infinity, "the window is full");
  outbox.settle(id, SENT, 5);
  assert.equal(outbox.nextDueMs(5), 5);
});

test("an unknown channel is a fault of the caller", () => {
  assert.throws(() => add(newOutbox(), 1, 1), /assertion failed/);
});

// The naive twin: a list of everything that ever entered, searched from its beginning for each question.

interface Item {
  readonly id: number;
  readonly row: number;
  readonly channel: number;
  state: "ready" | "flying" | "waiting" | "delivered" | "dead";
  attempt: number;
  losses: number;
  dueMs: number;
}

const CHANNELS = 3;
const WINDOW = 2;

class World {
  readonly items: Item[] = [];
  /** Per channel; `untilMs` is null while it is not open. */
  readonly breakers = Array.from(
    { length: CHANNELS },
    () => ({ failures: 0, opened: 0, untilMs: null as number | null, half: false }),
  );
  nowMs = 0;
  share = 0;
  readonly outbox = createOutbox({ channels: CHANNELS, window: WINDOW, random: () => this.share });

  pending(item: Item): boolean {
    return item.state !== "delivered" && item.state !== "dead";
  }

  /** First in its row's line on its channel, and its time has come. */
  mayGo(item: Item): boolean {
    const first = this.items.find((each) =>
      each.row === item.row && each.channel === item.channel && this.pending(each)
    );
    return first === item && item.state !== "flying" && (item.state === "ready" || item.dueMs <= this.nowMs);
  }

  flying(channel?: number): Item[] {
    return this.items.filter((item) =>
      item.state === "flying" && (channel === undefined || item.channel === channel)
    );
  }

  window(channel: number): number {
    const breaker = this.breakers[channel] as World["breakers"][number];
    if (breaker.untilMs !== null) return 0;
    return breaker.half ? 1 : WINDOW;
  }

  /** What a result that was an answer of the channel, or none, does to its breaker. */
  learn(channel: number, answered: boolean): void {
    const breaker = this.breakers[channel] as World["breakers"][number];
    if (answered) return void Object.assign(breaker, { failures: 0, opened: 0, untilMs: null, half: false });
    breaker.failures++;
    if (breaker.untilMs !== null || (!breaker.half && breaker.failures < 5)) return;
    breaker.untilMs = this.nowMs + Math.min(60_000, 5000 * 2 ** breaker.opened++);
    breaker.half = false;
  }

  candidates(channel: number): Item[] {
    return this.flying(channel).length >= this.window(channel)
      ? []
      : this.items.filter((item) => item.channel === channel && this.mayGo(item));
  }

  dispatch(places: number): void {
    const served = Array<number>(CHANNELS).fill(0);
    for (const breaker of this.breakers) {
      if (breaker.untilMs === null || this.nowMs < breaker.untilMs) continue;
      Object.assign(breaker, { untilMs: null, half: true });
    }
    this.outbox.due(this.nowMs, (delivery) => {
      const item = this.items[delivery.id - 1] as Item;
      assert.ok(this.candidates(item.channel).includes(item), `delivery ${item.id} may go out`);
      assert.deepEqual([delivery.row, delivery.channel, delivery.attempt], [
        item.row,
        item.channel,
        item.attempt + 1,
      ]);
      if (places-- <= 0) return false;
      item.state = "flying";
      item.attempt++;
      (served[item.channel] as number)++;
      return true;
    });
    const left = served.map((_, channel) => this.candidates(channel).length > 0);
    if (places >= 0) assert.ok(!left.includes(true), "all that may go went");
    for (const [channel, count] of served.entries()) {
      if (left[channel]) assert.ok(count >= Math.max(...served) - 1, "channels take turns");
    }
  }

  land(item: Item, result: DeliveryResult | "lost", share: number): void {
    this.share = share;
    const { outbox, nowMs } = this;
    const back = result === "lost" ? outbox.lost(item.id, nowMs) : outbox.settle(item.id, result, nowMs);
    assert.equal(back?.id, item.state === "flying" ? item.id : undefined);
    if (back === undefined) return;
    if (result !== "lost") this.learn(item.channel, result.result !== "retry");
    if (result === "lost" && ++item.losses === 1) item.state = "ready";
    else if (result === "lost" || result.result === "retry") {
      const spanMs = Math.min(300_000, 1000 * 2 ** (item.attempt - 1));
      const askedMs = result === "lost" || result.result !== "retry" ? 0 : result.retryAfterMs ?? 0;
      item.state = "waiting";
      item.dueMs = nowMs + Math.max(100, share * spanMs, askedMs);
    } else item.state = result.result === "sent" ? "delivered" : "dead";
  }

  check(): void {
    const count = (state: Item["state"]) => this.items.filter((item) => item.state === state).length;
    const { counts } = this.outbox;
    assert.equal(counts.created, this.items.length);
    assert.equal(counts.delivered, count("delivered"));
    assert.equal(counts.deadLettered, count("dead"));
    assert.equal(counts.pending, this.items.filter((item) => this.pending(item)).length);
    assert.equal(counts.created, counts.delivered + counts.pending + counts.deadLettered);
    for (const row of [0, 1, 2, 3]) {
      assert.equal(
        this.outbox.pendingOf(row),
        this.items.filter((item) => item.row === row && this.pending(item)).length,
      );
    }
  }
}

const ACTIONS = [
  "add",
  "add",
  "dispatch",
  "dispatch",
  "sent",
  "retry",
  "later",
  "refused",
  "lost",
  "wait",
  "wait",
] as const;

const STEP = fc.record({
  action: fc.constantFrom(...ACTIONS),
  pick: fc.nat({ max: 999 }),
  share: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

function act(
  world: World,
  { action, pick, share }: { action: typeof ACTIONS[number]; pick: number; share: number },
): void {
  const flying = world.flying();
  // Now and then a result for something that is not in flight.
  const item = pick % 10 === 0 ? world.items[pick % world.items.length] : flying[pick % flying.length];
  const results = {
    sent: SENT,
    retry: RETRY,
    later: { ...RETRY, retryAfterMs: pick * 20 },
    refused: REFUSED,
    lost: "lost",
  } as const;
  switch (action) {
    case "add": {
      const row = pick % 4;
      const channel = Math.floor(pick / 4) % CHANNELS;
      const id = add(world.outbox, row, channel, world.items.length);
      world.items.push({ id, row, channel, state: "ready", attempt: 0, losses: 0, dueMs: 0 });
      assert.equal(id, world.items.length);
      return;
    }
    case "dispatch":
      return world.dispatch(pick % 4 === 0 ? pick % 3 : Infinity);
    case "wait":
      world.nowMs += share * (pick % 3 === 0 ? 100_000 : 1000);
      return;
    default:
      if (item !== undefined) world.land(item, results[action], share);
  }
}

test(
  "random interleavings keep order, window, times, turns and counts, and all is delivered once faults stop",
  { timeout: 120_000 },
  () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 80, size: "max" }), (steps) => {
        const world = new World();
        for (const step of steps) {
          act(world, step);
          world.check();
        }
        world.dispatch(Infinity);
        for (let round = 0; world.outbox.counts.pending > 0; round++) {
          assert.ok(round < 1000, "everything is delivered in the end");
          for (const item of world.flying()) world.land(item, SENT, 0);
          if (world.outbox.counts.pending === 0) break;
          world.nowMs = world.outbox.nextDueMs(world.nowMs);
          assert.ok(Number.isFinite(world.nowMs), "what is pending has a time");
          world.dispatch(Infinity);
          const open = world.breakers.some(({ untilMs }) => untilMs !== null);
          assert.ok(
            open || world.flying().length > 0,
            "nextDueMs() named a time at which something goes out",
          );
          world.check();
        }
      }),
      { numRuns: 3000 },
    );
  },
);

test("a delivery costs the same with 100,000 pending as with 1,000", { timeout: 60_000 }, (context) => {
  const few = Math.min(...[1, 2, 3].map(() => deliveryUs(1000)));
  const many = Math.min(...[1, 2, 3].map(() => deliveryUs(100_000)));
  const figures = `add + due + settle: ${few.toFixed(2)} µs with 1,000 pending, ${
    many.toFixed(2)
  } µs with 100,000`;
  context.diagnostic?.(figures);
  assert.ok(many < 25 * Math.max(few, 0.5), figures);
});

/** µs per add + due + settle on a living channel beside a dead one that holds back `pending` alerts, a tenth in retry. */
function deliveryUs(pending: number): number {
  const random = seededRandom(1);
  const outbox = createOutbox({ channels: 2, random });
  for (let row = 0; row < pending; row++) add(outbox, row, 0);
  for (let failed = 0; failed < pending / 10; failed += 16) {
    for (const { id } of takeDue(outbox, 0)) outbox.settle(id, RETRY, 0);
  }
  return timeDeliveries(outbox, 20_000);
}

function timeDeliveries(outbox: Outbox, count: number): number {
  const beganMs = performance.now();
  for (let round = 0; round < count; round++) {
    const id = add(outbox, round, 1);
    outbox.due(0, () => true);
    outbox.settle(id, SENT, 0);
  }
  return (performance.now() - beganMs) * 1000 / count;
}
