/**
 * The workers of one lane: spawned, watched, drained and replaced. Typical size 1–4 threads with hundreds of slots each.
 *
 * A worker is lost when its thread fails, or when its heartbeat stands still for LOST_AFTER_CHECKS looks in a row (an
 * endless loop in a plug-in). Looks are counted, not seconds, so that a stopped process does not blame its workers on
 * waking up. What was out at a lost worker is handed back once through `orphaned`.
 */
import type { Logger } from "../base/log.ts";
import type { Lane } from "../lanes/lane.ts";
import type { EngineEnd } from "../shm/engine_end.ts";
import type { SpawnWorker, WorkerThread } from "./worker_port.ts";

export interface PoolOptions {
  readonly lane: Lane;
  readonly spawn: SpawnWorker;
  readonly capacity: number;
  readonly log: Logger;
  /** A worker is gone; its end still lists what was out. `lost` is false for one that drained on request. */
  readonly orphaned: (end: EngineEnd, lost: boolean) => void;
}

/** At one look per 250 ms: a worker that shows no sign of life for 1.5 s. */
const LOST_AFTER_CHECKS = 6;
const BOOT_CHECKS = 40;

interface Member {
  readonly thread: WorkerThread;
  readonly index: number;
  retiring: boolean;
  failure: string | undefined;
  heartbeat: number;
  stillFor: number;
}

export class Pool {
  readonly #options: PoolOptions;
  #members: Member[] = [];
  #running: readonly EngineEnd[] = [];
  #spawned = 0;
  #threads = 0;
  #slots = 1;
  /** Workers replaced because they were lost, since the start. */
  restarts = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Ends that take jobs: running, not on their way out. As of the last refresh(); asked for with every job. */
  ends(): readonly EngineEnd[] {
    return this.#running;
  }

  /** Looks which workers have come up or gone; once per tick. */
  refresh(): void {
    this.#running = this.#members
      .filter((member) => !member.retiring && member.thread.end.workerPhase === "running")
      .map((member) => member.thread.end);
  }

  /** Ends that may still hold results. */
  allEnds(): EngineEnd[] {
    return this.#members.map((member) => member.thread.end);
  }

  /** Threads that are not on their way out. */
  get threads(): number {
    return this.#members.filter((member) => !member.retiring).length;
  }

  /** Threads of any phase, the draining ones too. */
  get size(): number {
    return this.#members.length;
  }

  get slots(): number {
    return this.#slots;
  }

  /** Sets the pool's size: spawns at once, retires by draining; `slots` is the sum over all threads. */
  resize(threads: number, slots: number): void {
    this.#threads = threads;
    this.#slots = slots;
    this.#fill();
    const surplus = this.threads - threads;
    for (const member of this.#members.filter((each) => !each.retiring).slice(0, Math.max(0, surplus))) {
      this.#retire(member);
    }
    this.#shareSlots();
  }

  /** Replaces every worker by a new one, which knows the world as it is now; those there are finish what they run. */
  renew(): void {
    for (const member of this.#members) if (!member.retiring) this.#retire(member);
    this.#fill();
    this.#shareSlots();
  }

  /** No worker that is on its way out begins anything any more. */
  get renewed(): boolean {
    return this.#members.every(({ retiring, thread }) => !retiring || thread.end.workerPhase !== "running");
  }

  reopen(): void {
    for (const member of this.#members) member.thread.reopen();
  }

  /** One look at every worker; call it every 250 ms. */
  check(): void {
    for (const member of this.#members) {
      const heartbeat = member.thread.end.heartbeat;
      member.stillFor = heartbeat === member.heartbeat ? member.stillFor + 1 : 0;
      member.heartbeat = heartbeat;
      const phase = member.thread.end.workerPhase;
      const allowed = phase === "booting" ? BOOT_CHECKS : LOST_AFTER_CHECKS;
      if (phase !== "drained" && member.stillFor >= allowed) member.failure ??= "no sign of life";
    }
    const gone = this.#members.filter((each) =>
      each.failure !== undefined || each.thread.end.workerPhase === "drained"
    );
    for (const member of gone) this.#bury(member);
    this.#fill();
    if (gone.length > 0) this.#shareSlots();
  }

  /** Asks every worker to finish its running jobs and end. */
  drain(): void {
    this.#threads = 0;
    for (const member of this.#members) this.#retire(member);
  }

  terminate(): void {
    for (const member of this.#members) member.thread.terminate();
    this.#members = [];
  }

  #fill(): void {
    while (this.threads < this.#threads) this.#spawn();
  }

  #spawn(): void {
    const { lane, spawn, capacity, log } = this.#options;
    const index = this.#spawned++;
    const events = {
      failed: (error: string) => void (member.failure ??= error),
      log: (level: "debug" | "info" | "warn" | "error", message: string, fields: Record<string, string>) => {
        log[level](message, { worker: `${lane}-${index}`, ...fields });
      },
    };
    const thread = spawn({ lane, workerIndex: index, capacity }, events as Parameters<SpawnWorker>[1]);
    const member: Member = { thread, index, retiring: false, failure: undefined, heartbeat: -1, stillFor: 0 };
    this.#members.push(member);
  }

  #retire(member: Member): void {
    member.retiring = true;
    member.thread.end.requestStop();
    this.refresh();
  }

  #bury(member: Member): void {
    const { lane, log, orphaned } = this.#options;
    this.#members = this.#members.filter((each) => each !== member);
    this.refresh();
    const lost = member.failure !== undefined;
    if (lost) {
      this.restarts++;
      log.error("Worker lost, its jobs go to another", {
        worker: `${lane}-${member.index}`,
        cause: member.failure,
        jobs: member.thread.end.out,
      });
    }
    member.thread.terminate();
    orphaned(member.thread.end, lost);
  }

  #shareSlots(): void {
    const sharing = this.#members.filter((member) => !member.retiring);
    const each = Math.max(1, Math.ceil(this.#slots / Math.max(1, sharing.length)));
    for (const member of sharing) member.thread.end.setSlotLimit(Math.min(each, this.#options.capacity));
  }
}
