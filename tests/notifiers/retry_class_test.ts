/** One table of answers over every channel that speaks HTTP: which are tried again, when, and that none tells a secret. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { json, type SinkFault, startSink } from "../../mock-servers/sink_faults.ts";
import type { DeliveryResult } from "../../src/model/plugin.ts";
import { NOTIFIERS } from "../../src/notifiers/registry.ts";
import { alertMessage } from "../support/alert_message.ts";
import { HTTP_CHANNELS } from "../support/http_channels.ts";

const NEVER = new AbortController().signal;
const HTTP_NOTIFIERS = NOTIFIERS.filter(({ kind }) => HTTP_CHANNELS[kind] !== undefined);

const status = (code: number): SinkFault => ({ kind: "status", status: code });
const limited = (retryAfter?: number | string): SinkFault =>
  retryAfter === undefined ? { kind: "rate_limit" } : { kind: "rate_limit", retryAfter };

/** What happens at the other end, and what it comes to. */
const TABLE: readonly (readonly [fault: SinkFault, expected: DeliveryResult["result"], pauseMs?: number])[] =
  [
    ...[301, 302, 307, 400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 451].map((code) =>
      [status(code), "refused"] as const
    ),
    ...[408, 425, 500, 502, 503, 504].map((code) => [status(code), "retry"] as const),
    [limited(), "retry"],
    [limited(7), "retry", 7000],
    [limited(0), "retry", 0],
    [limited(999_999), "retry", 3_600_000],
    [limited("Thu, 01 Jan 1970 00:00:00 GMT"), "retry", 0],
    [limited("soon"), "retry"],
    [{ kind: "cut_off" }, "retry"],
    [{ kind: "no_answer" }, "retry"],
  ];

for (const notifier of HTTP_NOTIFIERS) {
  test(`${notifier.kind}: every answer has its class, and none tells a secret`, async () => {
    await using sink = await startSink(
      {},
      (request) => json(400, { message: `no: ${request.path} ${request.body}` }),
    );
    const config = HTTP_CHANNELS[notifier.kind]?.(sink.url);
    const channel = notifier.open(JSON.parse(JSON.stringify(notifier.schema.parse(config))));
    const told: string[] = [];
    const send = async (signal = NEVER) => {
      const result = await channel.send(alertMessage(), signal);
      told.push(JSON.stringify(result));
      return result;
    };
    for (const [fault, expected, pauseMs] of TABLE) {
      sink.setFault(fault, 1);
      const result = await send(fault.kind === "no_answer" ? AbortSignal.timeout(50) : NEVER);
      const name = `${notifier.kind} ${JSON.stringify(fault)}`;
      assert.equal(result.result, expected, name);
      assert.equal(result.result === "retry" ? result.retryAfterMs : undefined, pauseMs, name);
    }
    assert.equal((await send()).result, "refused", "an answer that repeats the request");
    await sink[Symbol.asyncDispose]();
    assert.equal((await send()).result, "retry", "nobody listens");
    await channel.close();
    assert.doesNotMatch(told.join("\n"), /T0KEN/);
  });
}
