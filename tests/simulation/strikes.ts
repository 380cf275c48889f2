/** Faults that strike at a moment: crashes at write boundaries and in between, lost and hung threads, steps of the clock, the kill switch. */
import type { Random } from "../../src/base/prng.ts";
import type { Play } from "./play.ts";
import type { SimWorker } from "./sim_worker.ts";

/** The kinds of moment at which a process is cut off. */
type Boundary = "any time" | "batch handed over" | "batch written" | "under way";

export class Strikes {
  readonly #play: Play;
  readonly #random: Random;
  #boundary: Boundary = "any time";
  /** Events of the boundary's kind until the crash. */
  #countdown = Infinity;
  #crashAtMs: number;
  #now = false;
  #clockAtMs: number;
  #freezeAtMs: number;
  #workerAtMs: number;
  #downUntilMs = -1;

  constructor(play: Play) {
    this.#play = play;
    const { plan } = play;
    this.#random = plan.random("strikes");
    this.#crashAtMs = plan.faults.has("crash") ? this.#gap(plan.crashGapMs) : Infinity;
    this.#clockAtMs = plan.faults.has("clock_step") ? this.#gap(90_000 * plan.stretch) : Infinity;
    this.#freezeAtMs = plan.faults.has("freeze") ? this.#gap(90_000 * plan.stretch) : Infinity;
    this.#workerAtMs = plan.faults.has("worker_error") ? this.#gap(45_000 * plan.stretch) : Infinity;
  }

  /** The engine hands a batch over. */
  committing(): void {
    if (this.#boundary === "batch handed over") this.#count();
  }

  /** A batch is on disk, and the engine does not know. */
  written(): void {
    if (this.#boundary === "batch written") this.#count();
  }

  /** How long a worker that takes a job stands still. */
  hangs(worker: SimWorker, row: number): number | undefined {
    const { plan, outside, timeline, states } = this.#play;
    if (!outside.active("worker_hang", timeline.nowMs)) return undefined;
    if (this.#random() > (worker.lane === "pulse" ? 0.02 : 0.2)) return undefined;
    this.#play.hitAll("worker_hang");
    if (plan.faults.has("late_result")) this.#play.hitAll("late_result");
    const ms = 100 + this.#random() * 6000;
    this.#play.say(`a ${worker.lane} worker hangs for ${Math.round(ms)} ms at row ${row}`);
    states.irregularUntil(timeline.nowMs + ms + 8000);
    return ms;
  }

  /** After every step of time. */
  async due(): Promise<void> {
    const { timeline } = this.#play;
    const { nowMs } = timeline;
    if (this.#downUntilMs >= 0) {
      if (nowMs < this.#downUntilMs) return;
      this.#downUntilMs = -1;
      return await this.#play.boot();
    }
    if (this.#now || nowMs >= this.#crashAtMs) return this.#crash();
    if (nowMs >= this.#clockAtMs) this.#stepClock();
    if (nowMs >= this.#freezeAtMs) this.#freeze();
    if (nowMs >= this.#workerAtMs) this.#loseWorker();
  }

  #crash(): void {
    const { plan, timeline } = this.#play;
    const random = this.#random;
    this.#now = false;
    this.#play.crash();
    const downMs = random() * 2000;
    this.#downUntilMs = timeline.nowMs + downMs;
    timeline.after(downMs, () => {});
    const kind = random();
    this.#boundary = kind < 0.4
      ? "any time"
      : kind < 0.6
      ? "batch handed over"
      : kind < 0.8
      ? "batch written"
      : "under way";
    this.#countdown = 1 + Math.floor(random() * 12);
    this.#crashAtMs = this.#downUntilMs + this.#gap(plan.crashGapMs);
  }

  #count(): void {
    if (--this.#countdown === 0) this.#now = true;
  }

  #stepClock(): void {
    const { plan } = this.#play;
    this.#clockAtMs += this.#gap(90_000 * plan.stretch);
    const size = this.#random() < 0.5 ? 5000 : 7_200_000;
    this.#play.hitAll("clock_step");
    this.#play.stepClock((this.#random() - 0.5) * 2 * size);
  }

  #freeze(): void {
    const { plan, frozen } = this.#play;
    this.#freezeAtMs += this.#gap((frozen ? 30_000 : 90_000) * plan.stretch);
    this.#play.hitAll("freeze");
    this.#play.freeze(!frozen);
  }

  #loseWorker(): void {
    const { plan, process, states, timeline } = this.#play;
    this.#workerAtMs += this.#gap(45_000 * plan.stretch);
    const living = process?.workers.filter((worker) => !worker.gone) ?? [];
    const worker = living[Math.floor(this.#random() * living.length)];
    if (worker === undefined) return;
    this.#play.hitAll("worker_error");
    this.#play.say(`a ${worker.lane} worker dies`);
    states.irregularUntil(timeline.nowMs + 8000);
    worker.die();
  }

  #gap(meanMs: number): number {
    return -Math.log(1 - this.#random() * 0.999) * meanMs;
  }
}
