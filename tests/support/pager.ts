/** What a pager knows that got these messages: open troubles by dedup key, as PagerDuty keeps them. */
import assert from "node:assert/strict";
import type { AlertMessage } from "../../src/model/message.ts";

export class Pager {
  readonly #open = new Map<string, AlertMessage>();
  readonly #lastSeq = new Map<string, number>();

  take(message: AlertMessage): void {
    const { dedupKey, color, seq, transition } = message;
    const last = this.#lastSeq.get(dedupKey) ?? 0;
    assert.ok(seq >= last, `${message.key} after ${last}`);
    this.#lastSeq.set(dedupKey, seq);
    if (color === "green") this.#open.delete(dedupKey);
    else if ((color === "red" || color === "yellow") && transition !== "noted") {
      this.#open.set(dedupKey, message);
    }
  }

  get open(): number {
    return this.#open.size;
  }

  /** Monitors that it knows to fail: by themselves, or by name in a digest. */
  known(): Set<string> {
    return new Set(
      [...this.#open.values()].flatMap((message) =>
        message.kind === "digest" ? message.nextSteps : [message.monitor]
      ),
    );
  }
}
