/** One line when the name servers stop to answer and one when they answer again, however many names ask meanwhile. */
import type { LogFields, LogLevel } from "../base/log.ts";
import type { Resolved } from "./resolver.ts";

/** A name whose own servers are broken fails alone: an outage is this many failures without an answer between them. */
const FAILURES_LEAST = 5;

export class Outage {
  readonly #log: (level: LogLevel, message: string, fields: LogFields) => void;
  #failures = 0;
  #stale = 0;
  #sinceMs = 0;

  constructor(log: (level: LogLevel, message: string, fields: LogFields) => void) {
    this.#log = log;
  }

  take(kind: Resolved["kind"], stale: boolean, nowMs: number): void {
    if (kind !== "failed") {
      if (this.#failures >= FAILURES_LEAST) {
        const fields = { after: `${Math.round((nowMs - this.#sinceMs) / 1000)}s`, failed: this.#failures };
        this.#log("info", "Name servers answer again", { ...fields, from_memory: this.#stale });
      }
      this.#failures = 0;
      this.#stale = 0;
      return;
    }
    if (this.#failures === 0) this.#sinceMs = nowMs;
    if (stale) this.#stale++;
    if (++this.#failures < FAILURES_LEAST || this.#failures > FAILURES_LEAST) return;
    this.#log("warn", "Name servers do not answer: known addresses stay in use", {});
  }
}
