/** The table of connections against a naive list, on a clock of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../src/base/prng.ts";
import { Connections, emptyPeerKey } from "../../../src/net/raw/connections.ts";

function peer(number: number) {
  const key = emptyPeerKey();
  key[4] = number & 255;
  key[40] = number >> 8;
  return key;
}

test("what is given back is taken by its peer only, last in first out, within the bounds", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = seededRandom(seed);
  const closed: number[] = [];
  const connections = new Connections({
    busyMost: 20,
    idleMost: 30,
    nowMs: 0,
    close: (fd) => closed.push(fd),
  });
  let idle: { fd: number; peer: number; sinceMs: number }[] = [];
  const busy: { fd: number; number: number; slot: number }[] = [];
  const expected: number[] = [];
  let fd = 100;
  let nowMs = 0;
  const some = () => Math.floor(random() * 12);
  for (let step = 0; step < 20_000; step++) {
    nowMs += random() * 400;
    const dice = random();
    if (dice < 0.45 && busy.length < 20) {
      const whom = some();
      const slot = busy.length;
      const number = connections.take(peer(whom), slot);
      const last = idle.findLast((entry) => entry.peer === whom);
      assert.equal(number >= 0 ? connections.fd(number) : undefined, last?.fd, `step ${step}, seed ${seed}`);
      idle = idle.filter((entry) => entry !== last);
      if (number >= 0) busy.push({ fd: connections.fd(number), number, slot });
      else busy.push({ fd: ++fd, number: connections.open(fd, slot), slot });
      const taken = busy.at(-1) as typeof busy[number];
      assert.equal(connections.user(taken.number), slot);
    } else if (dice < 0.85 && busy.length > 0) {
      const [entry] = busy.splice(Math.floor(random() * busy.length), 1) as [typeof busy[number]];
      const whom = some();
      const fits = idle.length < 30 && idle.filter((other) => other.peer === whom).length < 8;
      connections.giveBack(entry.number, peer(whom), nowMs);
      if (fits) idle.push({ fd: entry.fd, peer: whom, sinceMs: nowMs });
      else expected.push(entry.fd);
    } else if (dice < 0.9 && busy.length > 0) {
      const entry = busy.pop() as typeof busy[number];
      connections.close(entry.number);
      expected.push(entry.fd);
    } else {
      connections.expire(nowMs);
      // Within a tick of the deadlines.
      const gone = closed.slice(expected.length);
      for (const one of gone) {
        const entry = idle.find((other) => other.fd === one);
        assert.ok(entry !== undefined && nowMs - entry.sinceMs >= 90_000, `fd ${one}, seed ${seed}`);
      }
      expected.push(...gone);
      idle = idle.filter((entry) => !gone.includes(entry.fd));
      assert.ok(idle.every((entry) => nowMs - entry.sinceMs < 90_010), `seed ${seed}`);
    }
    assert.deepEqual(closed.length, expected.length, `step ${step}, seed ${seed}`);
    assert.equal(connections.idle, idle.length, `step ${step}, seed ${seed}`);
  }
  connections.closeAll();
  assert.equal(new Set(closed).size, closed.length, "none is closed twice");
  assert.equal(closed.length, expected.length + idle.length + busy.length);
});

test("an idle connection is given up for its descriptor, or when its peer has something to say", () => {
  const closed: number[] = [];
  const connections = new Connections({ busyMost: 2, idleMost: 4, nowMs: 0, close: (fd) => closed.push(fd) });
  assert.equal(connections.shed(), false);
  const one = connections.open(7, 0);
  connections.idleEvent(one);
  assert.deepEqual(closed, [], "it is in use");
  connections.giveBack(one, peer(1), 0);
  connections.idleEvent(one);
  assert.deepEqual(closed, [7]);
  connections.giveBack(connections.open(8, 0), peer(1), 0);
  assert.equal(connections.shed(), true);
  assert.deepEqual([...closed, connections.idle], [7, 8, 0]);
});
