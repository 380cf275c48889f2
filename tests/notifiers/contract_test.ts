/** What every notifier promises, wherever it sends: one suite over the registry. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { z } from "../../src/base/schema.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { alertMessage } from "../support/alert_message.ts";
import { HTTP_CHANNELS } from "../support/http_channels.ts";

/** A configuration per kind that reaches nobody. */
const CONFIGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  log: { file: "/nonexistent/alerts.log" },
  console: {},
  exec: { path: "/nonexistent/program", args: ["T0KEN"], env: { "KEY": "T0KEN" } },
  syslog: { address: "tcp://127.0.0.1:1" },
  email: { smtp: "127.0.0.1:1", user: "u", password: "T0KEN", from: "a@example.com", to: "b@example.com" },
  ...Object.fromEntries(
    Object.entries(HTTP_CHANNELS).map(([kind, configOf]) => [kind, configOf("http://127.0.0.1:1")]),
  ),
};

test("every notifier has a name of its own, a summary, an example and a configuration here", () => {
  const names = NOTIFIERS.flatMap((notifier) => [notifier.kind, ...notifier.aliases]);
  assert.deepEqual(names, [...new Set(names)]);
  for (const notifier of NOTIFIERS) {
    assert.match(notifier.kind, /^[a-z]+$/);
    assert.ok(notifier.summary.length > 10 && !notifier.summary.includes("\n"));
    assert.match(notifier.example, new RegExp(`^    notify: ${notifier.kind}$`, "m"));
    assert.ok(notifier.descriptors >= 0 && notifier.estimateMs > 0 && notifier.timeoutMs > 0);
    assert.ok(CONFIGS[notifier.kind] !== undefined, notifier.kind);
  }
});

test("every notifier refuses unknown keys and has a JSON Schema", () => {
  for (const notifier of NOTIFIERS) {
    assert.equal(
      notifier.schema.safeParse({ ...CONFIGS[notifier.kind], nonsense: 1 }).success,
      false,
      notifier.kind,
    );
    assert.ok(
      JSON.stringify(z.toJSONSchema(notifier.schema, { io: "input" })).includes("properties"),
      notifier.kind,
    );
  }
});

test("every notifier survives the round trip of its configuration, does nothing once aborted, and tells no secret", async () => {
  for (const notifier of NOTIFIERS) {
    const parsed = notifier.schema.parse(CONFIGS[notifier.kind]);
    const config: unknown = JSON.parse(JSON.stringify(parsed));
    assert.deepEqual(config, parsed, notifier.kind);
    const words = notifier.describe(config);
    assert.ok(words.startsWith(notifier.kind) && !words.includes("T0KEN"), words);
    const channel = notifier.open(config);
    const aborted = await channel.send(alertMessage(), AbortSignal.abort());
    assert.equal(aborted.result, "retry", notifier.kind);
    if (notifier.kind !== "console") {
      const unreachable = await channel.send(alertMessage(), AbortSignal.timeout(5000));
      assert.equal(unreachable.result, "retry", notifier.kind);
      assert.ok(unreachable.result === "retry" && unreachable.error.startsWith(words), notifier.kind);
      assert.doesNotMatch(JSON.stringify([aborted, unreachable]), /T0KEN/);
    }
    await channel.reopen();
    await channel.close();
  }
});
