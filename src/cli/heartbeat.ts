/**
 * A dead-man switch elsewhere: an address that is asked once in a while as long as all is well, so that silence is what alarms
 * people when this process, its machine or its network is gone. It stays silent on purpose when the engine stands still, the
 * journal does not write or alerts got lost. `settings: heartbeat:`.
 */
import type { Logger } from "../base/log.ts";
import { urlOrigin } from "../base/url_field.ts";

export interface HeartbeatSettings {
  readonly url: string;
  readonly intervalMs: number;
}

export interface HeartbeatOptions extends HeartbeatSettings {
  readonly log: Logger;
  /** Turns of the engine so far: it has to have gone on since the last beat. */
  readonly ticks: () => number;
  /** Why not all is well; empty: all is. */
  readonly problems: () => readonly string[];
}

const ANSWER_MS_MAX = 10_000;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stopped = new AbortController();
  #ticks = -1;
  #silentBecause = "";
  #asking = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.beat(), options.intervalMs);
    void this.beat();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopped.abort();
  }

  /** Asks the address if all is well; never rejects. */
  async beat(): Promise<void> {
    const { ticks, problems } = this.#options;
    const stands = ticks() === this.#ticks;
    this.#ticks = ticks();
    const why = stands ? ["the engine stands still", ...problems()] : problems();
    if (why.length > 0) return this.#note(`it is kept back: ${why.join("; ")}`);
    if (this.#asking) return;
    this.#asking = true;
    const fault = await this.#ask();
    this.#asking = false;
    if (!this.#stopped.signal.aborted) this.#note(fault);
  }

  /** "" when it was taken. The address has a secret in it and is shown nowhere. */
  async #ask(): Promise<string> {
    const { url, intervalMs } = this.#options;
    const deadline = AbortSignal.timeout(Math.min(ANSWER_MS_MAX, intervalMs));
    try {
      const answer = await fetch(url, { signal: AbortSignal.any([deadline, this.#stopped.signal]) });
      await answer.body?.cancel();
      return answer.ok ? "" : `${urlOrigin(url)} answered ${answer.status}`;
    } catch (error) {
      const timeout = (error as Error).name === "TimeoutError";
      return `${urlOrigin(url)} ${timeout ? "did not answer in time" : "could not be reached"}`;
    }
  }

  /** Logs what is new. */
  #note(why: string): void {
    if (why === this.#silentBecause) return;
    this.#silentBecause = why;
    if (why === "") this.#options.log.info("The heartbeat is heard again");
    else this.#options.log.warn("No heartbeat", { because: why });
  }
}
