/** A journal whose thread dies for real: the next one has the folder, and what stood is on disk. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SILENT_LOGGER } from "../../src/base/log.ts";
import { SYSTEM_CLOCK } from "../../src/base/clock.ts";
import { JournalLink } from "../../src/journal/link.ts";
import { eventually, tempFolder } from "../support/binary.ts";
import { decision } from "./records.ts";

const MODULE = { type: "module" } as const;

test("a journal thread that dies is replaced by one that writes on", async () => {
  using folder = tempFolder();
  let threads = 0;
  const make = () => {
    threads++;
    return threads === 1
      ? new Worker(new URL("./fixtures/dying_journal.ts", import.meta.url), MODULE)
      : new Worker(new URL("../../workers/journal.ts", import.meta.url), MODULE);
  };
  const options = {
    make,
    folder: folder.path,
    retention: { ageMs: 86_400_000, rows: 1000 },
    clock: SYSTEM_CLOCK,
    log: SILENT_LOGGER,
    wake: () => {},
    observe: { health: () => {}, commit: () => {} },
  };
  const link = new JournalLink(options);
  await link.open();
  const standing = { monitors: [], alerts: [], repairs: [], facts: [["kept", 7]] as const };
  link.use({ standing: () => standing, takeLate: () => assert.fail("nothing may be restored twice") });
  const acted: number[] = [];
  for (let number = 1; number <= 3; number++) link.commit([decision(number)], () => acted.push(number));
  await eventually(() => threads === 2 ? true : void link.check(), "another thread");
  await eventually(() => link.durable || void link.check(), "it writes");
  assert.deepEqual(acted, [1, 2, 3]);
  assert.equal(await link.close(5000), true);
  const after = new JournalLink(options);
  const { facts } = await after.open();
  assert.deepEqual(facts, [["kept", 7]]);
  await after.close(5000);
});
