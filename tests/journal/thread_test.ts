/** The journal thread on real files, without the thread: what it answers, and what it does when the disk or the file is bad. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FromJournal, ToJournal } from "../../src/journal/messages.ts";
import { JournalThread, SYSTEM_HOST } from "../../src/journal/thread.ts";
import type { JournalRecord, Restored } from "../../src/model/journal_record.ts";
import { eventually, tempFolder } from "../support/binary.ts";
import { decision, stands } from "./records.ts";

const RETENTION = { ageMs: 1e12, rows: 1e6 };

function start(folder: string) {
  const said: FromJournal[] = [];
  const thread = new JournalThread({
    folder,
    retention: RETENTION,
    post: (message) => said.push(message),
    host: SYSTEM_HOST,
  });
  thread.start();
  let number = 0;
  const wait = <T extends FromJournal["type"]>(type: T, from = 0) =>
    eventually(
      () =>
        said.slice(from).find((message) => message.type === type) as
          | FromJournal & { readonly type: T }
          | undefined,
      `${type} in ${JSON.stringify(said)}`,
    );
  return {
    said,
    wait,
    take: (message: Exclude<ToJournal, { readonly type: "open" }>) => thread.take(message),
    commit(records: readonly JournalRecord[]): Promise<unknown> {
      thread.take({ type: "commit", number: ++number, urgent: true, records });
      const mine = number;
      return eventually(
        () => said.find((message) => message.type === "committed" && message.number >= mine),
        `commit ${mine} in ${JSON.stringify(said)}`,
      );
    },
    async close(): Promise<void> {
      thread.take({ type: "close" });
      await wait("closed");
    },
  };
}

async function reopened(folder: string): Promise<Restored> {
  const journal = start(folder);
  const { restored } = await journal.wait("opened");
  await journal.close();
  return restored;
}

test("what is committed is there after the next opening, in order, and boots are counted", async () => {
  using folder = tempFolder();
  const journal = start(folder.path);
  assert.equal((await journal.wait("opened")).restored.boot, 1);
  await journal.commit([decision(1), decision(2), stands("web", "i2")]);
  await journal.commit([{ type: "settled", id: 1, result: "delivered", error: "", atWallMs: 5 }]);
  await journal.close();
  const restored = await reopened(folder.path);
  assert.deepEqual(restored.alerts.map(({ id }) => id), [2]);
  assert.equal(restored.monitors[0]?.stands?.incident?.id, "i2");
  assert.deepEqual([restored.boot, restored.lastAlertId], [2, 2]);
});

test("what nothing waits for is written at the end at the latest", async () => {
  using folder = tempFolder();
  const journal = start(folder.path);
  await journal.wait("opened");
  journal.take({ type: "commit", number: 1, urgent: false, records: [decision(1)] });
  await journal.close();
  assert.equal((await reopened(folder.path)).alerts.length, 1);
});

test("a file that is no journal is put aside, said, and a new one begun", async () => {
  using folder = tempFolder();
  writeFileSync(join(folder.path, "journal.db"), "garbage".repeat(5000));
  const journal = start(folder.path);
  const { file, salvaged } = await journal.wait("damaged");
  assert.equal(salvaged, false);
  await journal.wait("opened");
  await journal.commit([decision(1)]);
  await journal.close();
  assert.ok(readdirSync(folder.path).some((name) => file.endsWith(name)));
  assert.equal((await reopened(folder.path)).alerts.length, 1);
});

test("a damaged journal gives up what can still be read: undelivered alerts survive a broken history", async () => {
  using folder = tempFolder();
  const journal = start(folder.path);
  await journal.wait("opened");
  await journal.commit([decision(1), stands("web", "i1")]);
  await journal.close();
  // An index that points nowhere: found by the check, no hindrance to reading the rows.
  const damage =
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'events_incident'";
  const { status, stderr } = spawnSync("sqlite3", [join(folder.path, "journal.db"), damage], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const again = start(folder.path);
  const { restored } = await again.wait("opened");
  assert.equal((await again.wait("damaged")).salvaged, true);
  assert.deepEqual(restored.alerts.map(({ id }) => id), [1]);
  assert.equal(restored.monitors.length, 1);
  await again.close();
});

test("a directory that cannot be made is said, tried again, and used once it can", async () => {
  using folder = tempFolder();
  const path = join(folder.path, "state");
  writeFileSync(path, "a file is in the way");
  const journal = start(path);
  await journal.wait("failing");
  rmSync(path);
  assert.equal((await journal.wait("opened")).late, true);
  await journal.commit([decision(1)]);
  await journal.close();
});

test("a batch that can never be stored is given up after some tries, and what follows is stored", async () => {
  using folder = tempFolder();
  const journal = start(folder.path);
  await journal.wait("opened");
  const broken = { ...decision(1), incident: null } as unknown as JournalRecord;
  journal.take({ type: "commit", number: 1, urgent: true, records: [broken] });
  assert.equal((await journal.wait("dropped")).number, 1);
  await journal.wait("committed");
  journal.take({ type: "commit", number: 2, urgent: true, records: [decision(2)] });
  await eventually(
    () => journal.said.some((each) => each.type === "committed" && each.number === 2) || undefined,
    "2",
  );
  await journal.close();
  assert.deepEqual((await reopened(folder.path)).alerts.map(({ id }) => id), [2]);
});

const root = process.getuid?.() === 0;
const skip = root ? undefined : "mounting a small disk needs root";

test(
  "a full disk: the ballast buys time, then it says so and keeps everything until there is room",
  { skip },
  async () => {
    using folder = tempFolder();
    const disk = join(folder.path, "disk");
    mkdirSync(disk);
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", disk], {
      encoding: "utf8",
    });
    assert.equal(mount.status, 0, mount.stderr);
    try {
      const journal = start(join(disk, "state"));
      await journal.wait("opened");
      await journal.commit([decision(1)]);
      spawnSync("sh", ["-c", `head -c 50m /dev/zero >${disk}/filler`], { stdio: "ignore" });
      const big = (id: number) => decision(id, { remedy: { attempt: 1, error: "x".repeat(100_000) } });
      for (let id = 2; id < 12; id++) await journal.commit([big(id)]);
      await journal.wait("note");
      assert.ok(!readdirSync(join(disk, "state")).includes("ballast"));
      spawnSync("sh", ["-c", `head -c 50m /dev/zero >${disk}/filler2`], { stdio: "ignore" });
      const waits = journal.commit(Array.from({ length: 20 }, (_, index) => big(100 + index)));
      await journal.wait("failing");
      rmSync(join(disk, "filler"));
      await waits;
      await journal.close();
      assert.equal((await reopened(join(disk, "state"))).repairs.length, 30);
    } finally {
      spawnSync("umount", ["-l", disk]);
    }
  },
);
