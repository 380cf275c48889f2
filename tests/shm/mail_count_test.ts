import assert from "node:assert/strict";
import { test } from "node:test";
import { createMailCount, MailCount } from "../../src/shm/mail_count.ts";

test("every looker sees a change once, however many mails it stands for", () => {
  const buffer = createMailCount();
  const [sender, one, two] = [new MailCount(buffer), new MailCount(buffer), new MailCount(buffer)];
  assert.equal(one.changed(), false);
  sender.add();
  sender.add();
  assert.deepEqual([one.changed(), one.changed(), two.changed()], [true, false, true]);
  sender.add();
  assert.deepEqual([one.changed(), two.changed()], [true, true]);
});
