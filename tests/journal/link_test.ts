/** The engine's end of the journal against a thread that does what the test says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SILENT_LOGGER } from "../../src/base/log.ts";
import { JournalLink, JournalLockedError, type JournalThreadPort } from "../../src/journal/link.ts";
import type { FromJournal, ToJournal } from "../../src/journal/messages.ts";
import { NOTHING_RESTORED, type Restored, type Standing } from "../../src/model/journal_record.ts";
import { decision } from "./records.ts";

const STANDING: Standing = { monitors: [], alerts: [], repairs: [], facts: [["k", 1]] };
const RESTORED: Restored = { ...NOTHING_RESTORED, boot: 3, lastAlertId: 7 };

function start() {
  const sent: ToJournal[] = [];
  const late: Restored[] = [];
  const thread: JournalThreadPort = {
    onmessage: null,
    onerror: null,
    postMessage: (message) => void sent.push(message),
    terminate: () => {},
  };
  const state = { nowMs: 0, healthy: true, wakes: 0, threads: 0 };
  const link = new JournalLink({
    make: () => {
      state.threads++;
      return thread;
    },
    folder: "/nowhere",
    retention: { ageMs: 1, rows: 1 },
    clock: { monoMs: () => state.nowMs, wallMs: () => state.nowMs },
    log: SILENT_LOGGER,
    wake: () => void state.wakes++,
    observe: { health: (healthy) => void (state.healthy = healthy), commit: () => {} },
  });
  const acted: string[] = [];
  let alerts = 0;
  return {
    link,
    sent,
    late,
    state,
    acted,
    tell: (message: FromJournal) => thread.onmessage?.({ data: message } as MessageEvent<FromJournal>),
    die: (message: string) => thread.onerror?.({ message, preventDefault() {} } as ErrorEvent),
    commit: (name: string, records = 1) => {
      const batch = Array.from({ length: records }, () => decision(++alerts));
      link.commit(batch, () => acted.push(name));
    },
    use: () => link.use({ standing: () => STANDING, takeLate: (restored) => late.push(restored) }),
  };
}

async function opened() {
  const parts = start();
  const open = parts.link.open();
  parts.tell({ type: "opened", restored: RESTORED, late: false });
  assert.deepEqual(await open, RESTORED);
  parts.use();
  return parts;
}

test("acts wait for their commit, one acknowledgement may be for many, and the order is kept", async () => {
  const { commit, tell, acted, state } = await opened();
  commit("a");
  commit("b");
  commit("c");
  assert.deepEqual(acted, []);
  tell({ type: "committed", number: 2, us: 400 });
  assert.deepEqual(acted, ["a", "b"]);
  assert.equal(state.wakes, 1);
  tell({ type: "committed", number: 3, us: 400 });
  assert.deepEqual(acted, ["a", "b", "c"]);
});

test("a journal that is silent for two seconds is passed by, and obeyed again once it has written everything", async () => {
  const { link, commit, tell, acted, state } = await opened();
  commit("a");
  state.nowMs = 1900;
  link.check();
  assert.deepEqual(acted, []);
  commit("b");
  state.nowMs = 2100;
  link.check();
  assert.deepEqual(acted, ["a", "b"]);
  assert.equal(state.healthy, false);
  commit("c");
  assert.deepEqual(acted, ["a", "b", "c"], "no further waiting");
  tell({ type: "committed", number: 2, us: 1 });
  assert.equal(state.healthy, false, "not all is written yet");
  tell({ type: "committed", number: 3, us: 1 });
  assert.equal(state.healthy, true);
  commit("d");
  assert.deepEqual(acted, ["a", "b", "c"], "waits again, and nothing acted twice");
});

test("past its bound nothing more is sent; once the journal is back it gets what stands", async () => {
  const { commit, tell, acted, state, sent } = await opened();
  commit("a", 60_000);
  commit("b", 60_000);
  assert.deepEqual(acted, ["a", "b"]);
  assert.equal(state.healthy, false);
  assert.equal(sent.filter(({ type }) => type === "commit").length, 1);
  tell({ type: "committed", number: 1, us: 1 });
  assert.deepEqual(sent.at(-1), { type: "replace", number: 2, standing: STANDING });
  commit("c");
  tell({ type: "committed", number: 2, us: 1 });
  assert.equal(state.healthy, false);
  tell({ type: "committed", number: 3, us: 1 });
  assert.equal(state.healthy, true);
});

test("a journal that is replaced while running gets what stands", async () => {
  const { commit, tell, acted, sent } = await opened();
  commit("a");
  tell({ type: "damaged", file: "x", error: "malformed", salvaged: false });
  assert.deepEqual(acted, ["a"]);
  tell({ type: "committed", number: 1, us: 1 });
  assert.equal(sent.at(-1)?.type, "replace");
});

test("a journal that gives something up gets what stands", async () => {
  const { commit, tell, acted, sent, state } = await opened();
  commit("a");
  commit("b");
  tell({ type: "dropped", number: 1, error: "constraint failed" });
  assert.deepEqual(acted, ["a", "b"]);
  tell({ type: "committed", number: 2, us: 1 });
  assert.deepEqual(sent.at(-1), { type: "replace", number: 3, standing: STANDING });
  tell({ type: "committed", number: 3, us: 1 });
  assert.equal(state.healthy, true);
});

test("a journal that cannot be opened does not keep cpra from starting; what it holds comes late", async () => {
  const { link, commit, tell, acted, late, sent, use, state } = start();
  const open = link.open();
  tell({ type: "failing", error: "disk full" });
  assert.deepEqual(await open, NOTHING_RESTORED);
  assert.equal(state.healthy, false);
  use();
  commit("a");
  assert.deepEqual(acted, ["a"]);
  tell({ type: "opened", restored: RESTORED, late: true });
  assert.deepEqual(late, [RESTORED]);
  tell({ type: "committed", number: 0, us: 1 });
  assert.equal(sent.at(-1)?.type, "replace");
  tell({ type: "committed", number: 1, us: 1 });
  assert.equal(state.healthy, true);
});

test("a directory that another process has is refused", async () => {
  const { link, tell } = start();
  const open = link.open();
  tell({ type: "locked", error: "Cannot use the state directory" });
  await assert.rejects(open, JournalLockedError);
});

test("a thread that dies is replaced; the new one gets what stands, and nothing is restored twice", async () => {
  const { link, commit, tell, die, sent, late, acted, state } = await opened();
  commit("a");
  assert.equal(link.durable, false);
  die("out of memory");
  assert.deepEqual([acted, state.healthy, link.condition], [["a"], false, "silent"]);
  commit("b");
  assert.deepEqual(acted, ["a", "b"]);
  link.check();
  assert.equal(state.threads, 1);
  state.nowMs = 1000;
  link.check();
  assert.equal(state.threads, 2);
  tell({ type: "opened", restored: RESTORED, late: false });
  assert.deepEqual(late, []);
  const replace = sent.at(-1);
  assert.ok(replace?.type === "replace");
  assert.deepEqual(replace.standing, STANDING);
  tell({ type: "committed", number: replace.number, us: 1 });
  assert.deepEqual([state.healthy, link.condition, link.durable], [true, "writing", true]);
  commit("c");
  assert.deepEqual(acted, ["a", "b"]);
});

test("a thread that dies again and again is replaced ever more rarely, until one opens", async () => {
  const { link, tell, die, state } = await opened();
  const spawnedAt: number[] = [];
  die("once");
  for (let seconds = 0; seconds < 200; seconds++) {
    const before = state.threads;
    state.nowMs = seconds * 1000;
    link.check();
    if (state.threads === before) continue;
    spawnedAt.push(seconds);
    die("again");
  }
  assert.deepEqual(spawnedAt, [1, 3, 7, 15, 31, 63, 123, 183]);
  state.nowMs += 60_000;
  link.check();
  tell({ type: "opened", restored: RESTORED, late: false });
  die("later");
  state.nowMs += 1000;
  const before = state.threads;
  link.check();
  assert.equal(state.threads, before + 1);
});

test("a journal that says that it cannot write is failing, one that says nothing is silent", async () => {
  const { link, commit, tell, state } = await opened();
  commit("a");
  tell({ type: "failing", error: "disk full" });
  state.nowMs = 2500;
  link.check();
  assert.equal(link.condition, "failing");
  for (let seconds = 3; seconds < 60; seconds++) {
    state.nowMs = seconds * 1000;
    tell({ type: "still-failing" });
    assert.equal(link.condition, "failing");
  }
  state.nowMs += 10_000;
  assert.equal(link.condition, "silent");
});

test("what a dead thread did not get is not called written at the end", async () => {
  const { link, die } = await opened();
  die("out of memory");
  assert.equal(await link.close(10), false);
});
