import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { migrate, NewerSchemaError, SCHEMA_VERSION } from "../../src/journal/schema.ts";
import { sqliteFault } from "../../src/journal/sqlite_fault.ts";
import { StateFolder, StateLockedError } from "../../src/journal/state_folder.ts";
import { Store } from "../../src/journal/store.ts";
import type { JournalRecord } from "../../src/model/journal_record.ts";
import { tempFolder } from "../support/binary.ts";
import { NaiveStore } from "../support/sim_journal.ts";
import { createRecords, decision, stands } from "./records.ts";

/** Through JSON: rows of SQLite have no prototype, and -0 is 0. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

test("what stands after any records is what the naive twin says, over reopenings", () => {
  for (const seed of [1, 2, 3, 4]) {
    using folder = tempFolder();
    const random = seededRandom(seed);
    const next = createRecords(random);
    const twin = new NaiveStore();
    for (let boot = 0; boot < 5; boot++) {
      const store = new Store(join(folder.path, "j.db"), 0);
      assert.deepEqual(plain(store.restore()), plain(twin.restore()), `seed ${seed}, boot ${boot}`);
      for (let commits = 0; commits < 20; commits++) {
        const records: JournalRecord[] = Array.from({ length: Math.floor(random() * 20) }, next);
        store.commit(records);
        for (const record of records) twin.write(record);
      }
      store.close();
    }
  }
});

test("a batch is stored whole or not at all", () => {
  using folder = tempFolder();
  const store = new Store(join(folder.path, "j.db"), 0);
  const broken = { ...decision(2), incident: null } as unknown as JournalRecord;
  assert.throws(() => store.commit([decision(1), broken]));
  assert.deepEqual(store.standing().alerts, []);
  store.commit([decision(1)]);
  assert.equal(store.standing().alerts.length, 1);
  store.close();
});

test("a repair that was withdrawn is open again when its attempt is decided anew, one that ran is not", () => {
  using folder = tempFolder();
  const store = new Store(join(folder.path, "j.db"), 0);
  const again = (id: number) => decision(id, { remedy: { attempt: 1, error: "" } });
  for (const [id, how] of [[1, "withdrawn"], [2, "succeeded"]] as const) {
    const { incident } = again(id);
    store.commit([again(id), { type: "repair-ended", incident, attempt: 1, how, text: "", atWallMs: 5 }]);
    assert.equal(store.standing().repairs.length, 0);
    store.commit([again(id)]);
    assert.equal(store.standing().repairs.length, how === "withdrawn" ? 1 : 0);
    store.commit([{ type: "repair-ended", incident, attempt: 1, how: "failed", text: "", atWallMs: 6 }]);
  }
  store.close();
});

test("a standing takes the place of what was pending, open and known", () => {
  using folder = tempFolder();
  const store = new Store(join(folder.path, "j.db"), 0);
  const remedy = { attempt: 1, error: "" };
  store.commit([decision(1, { remedy }), decision(2, { remedy }), stands("a", "i1"), stands("b", "i2")]);
  const before = store.standing();
  const kept = {
    monitors: before.monitors.slice(1),
    alerts: before.alerts.slice(1),
    repairs: before.repairs.slice(1),
    facts: [["freeze", true]] as const,
  };
  store.replace(kept, 5000);
  assert.deepEqual(plain(store.standing()), plain(kept));
  store.close();
});

test("retention takes the oldest of what is over, in steps, and nothing that is open or pending", () => {
  using folder = tempFolder();
  const path = join(folder.path, "j.db");
  const store = new Store(path, 0);
  const over = (id: number): JournalRecord[] => [
    decision(id, { remedy: { attempt: 1, error: "" } }),
    stands("web", `i${id}`),
    { type: "repair-ended", incident: `i${id}`, attempt: 1, how: "failed", text: "", atWallMs: id },
    { type: "settled", id, result: "delivered", error: "", atWallMs: id },
    { type: "closed", incident: `i${id}`, atWallMs: id },
  ];
  for (let id = 1; id <= 100; id++) store.commit(over(id));
  store.commit([decision(1000), stands("open", "i1000")]);
  const limits = { ageMs: 1000, rows: 30 };
  let steps = 0;
  while (store.prune(limits, 1040, 10) > 0) steps++;
  assert.ok(steps >= 7, `${steps} steps`);
  store.close();
  const db = new DatabaseSync(path);
  const ids = (sql: string) => db.prepare(sql).all().map((row) => Object.values(row)[0]);
  const kept = ids("SELECT id FROM incidents WHERE closed_ms IS NOT NULL ORDER BY closed_ms");
  assert.deepEqual(kept, Array.from({ length: 30 }, (_, index) => `i${index + 71}`));
  assert.equal(ids("SELECT id FROM alerts").length, 31);
  assert.equal(ids("SELECT DISTINCT incident FROM repairs").length, 30);
  assert.equal(ids("SELECT incident FROM events WHERE incident = 'i70'").length, 0);
  db.close();
});

test("a schema newer than this cpra's is not touched", () => {
  const db = new DatabaseSync(":memory:");
  migrate(db, 0);
  migrate(db, 0);
  assert.equal(db.prepare("SELECT count(*) AS n FROM migrations").get()?.["n"], SCHEMA_VERSION);
  db.prepare("INSERT INTO migrations VALUES (?, 0)").run(SCHEMA_VERSION + 1);
  assert.throws(() => migrate(db, 0), NewerSchemaError);
  db.close();
});

test("the state directory is for one process, private, and says who has it", () => {
  using folder = tempFolder();
  const path = join(folder.path, "a", "state");
  const first = new StateFolder(path);
  first.claim();
  first.claim();
  const second = new StateFolder(path);
  assert.throws(() => second.claim(), (error: Error) => {
    assert.ok(error instanceof StateLockedError);
    assert.match(error.message, new RegExp(`another cpra \\(process ${process.pid}\\).*--state DIR`));
    return true;
  });
  const store = new Store(first.journal, 0);
  store.commit([decision(1)]);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  for (const name of readdirSync(path)) {
    assert.equal(statSync(join(path, name)).mode & 0o777, 0o600, name);
  }
  store.close();
  first.release();
  second.claim();
  second.release();
});

test("what is not a journal is known as damaged, in every place it may be damaged", () => {
  using folder = tempFolder();
  const path = join(folder.path, "j.db");
  const fault = () => {
    try {
      new Store(path, 0).close();
      return "none";
    } catch (error) {
      return sqliteFault(error);
    }
  };
  writeFileSync(path, "garbage".repeat(10_000));
  assert.equal(fault(), "damaged");
  writeFileSync(path, "");
  const store = new Store(path, 0);
  for (let id = 1; id < 400; id++) store.commit([decision(id), stands(`monitor ${id}`, `i${id}`)]);
  store.close();
  assert.equal(fault(), "none");
  truncateSync(path, 20_000);
  assert.equal(fault(), "damaged");
});

test("only the last three damaged journals are kept", () => {
  using folder = tempFolder();
  const state = new StateFolder(folder.path);
  state.claim();
  for (const stamp of ["20260101T1", "20260101T2", "20260101T3", "20260101T4"]) {
    assert.ok(existsSync(state.quarantine(stamp)));
  }
  state.release();
  const damaged = readdirSync(folder.path).filter((name) => name.includes("damaged"));
  assert.deepEqual(damaged.sort(), [2, 3, 4].map((number) => `journal.db.damaged-20260101T${number}`));
});
