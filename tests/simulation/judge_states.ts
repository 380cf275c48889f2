/**
 * Judges what becomes of monitors by the answers that their checks gave, and nothing else: an incident needs T failures in a
 * row that the engine has read, its end K passes (M after a repair), and checks come as often as the manifest says.
 * What a crash made the engine forget counts in its favour.
 */
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { FAIL, PASS } from "../../src/model/outcome.ts";
import type { Accuse } from "./judge.ts";

/** The worker that has a job. */
export interface Holder {
  readonly gone: boolean;
}

interface Watched {
  readonly spec: MonitorSpec;
  state: string;
  /** In a row, as far as the engine read them. */
  fails: number;
  passes: number;
  /** In a row, of checks begun after the last repair ended. */
  proofs: number;
  /** Before the last change of direction, while that change may not be on disk. */
  forgottenFails: number;
  forgottenPasses: number;
  forgottenProofs: number;
  repairOverMs: number;
  lastBeganMs: number;
  lastFailMs: number;
  worker: Holder | undefined;
}

const NEXT: Readonly<Record<string, readonly string[]>> = {
  pending: ["up", "degraded", "down", "repairing", "maintenance"],
  up: ["degraded", "down", "repairing", "maintenance"],
  degraded: ["up", "down", "repairing", "maintenance"],
  down: ["up", "maintenance"],
  repairing: ["verifying", "down", "up", "maintenance"],
  verifying: ["up", "repairing", "down", "maintenance"],
  maintenance: ["pending", "up", "degraded", "down", "repairing", "verifying"],
};

export class StateJudge {
  readonly #accuse: Accuse;
  readonly #watched: Watched[];
  readonly #unsettled = new Set<Watched>();
  /** No gaps are judged before: the process is new, or its threads were hurt. */
  #regularFromMs = 0;
  checks = 0;

  constructor(monitors: readonly MonitorSpec[], accuse: Accuse) {
    this.#accuse = accuse;
    this.#watched = monitors.map((spec) => ({
      spec,
      state: "pending",
      fails: 0,
      passes: 0,
      proofs: 0,
      forgottenFails: 0,
      forgottenPasses: 0,
      forgottenProofs: 0,
      repairOverMs: 0,
      lastBeganMs: 0,
      lastFailMs: -Infinity,
      worker: undefined,
    }));
  }

  stateOf(index: number): string {
    return this.#at(index).state;
  }

  /** When the last check that failed began. */
  lastFailMs(index: number): number {
    return this.#at(index).lastFailMs;
  }

  /** Threads were hurt, or there are too few places: checks may come late from here to then. */
  irregularUntil(ms: number): void {
    this.#regularFromMs = Math.max(this.#regularFromMs, ms);
  }

  /** A process is up. */
  booted(nowMs: number): void {
    this.#regularFromMs = nowMs;
    for (const watched of this.#watched) watched.lastBeganMs = nowMs;
  }

  crashed(nowMs: number): void {
    for (const watched of this.#unsettled) {
      watched.fails = Math.max(watched.fails, watched.forgottenFails);
      watched.passes = Math.max(watched.passes, watched.forgottenPasses);
      watched.proofs = Math.max(watched.proofs, watched.forgottenProofs);
    }
    for (const watched of this.#watched) {
      // Whatever ran is over.
      if (watched.state === "repairing") watched.repairOverMs = nowMs;
      watched.state = "pending";
      watched.worker = undefined;
    }
    this.settled();
  }

  /** Everything that the engine knows is on disk. */
  settled(): void {
    for (const watched of this.#unsettled) {
      watched.forgottenFails = watched.forgottenPasses = watched.forgottenProofs = 0;
    }
    this.#unsettled.clear();
  }

  begins(index: number, nowMs: number, worker: Holder): void {
    const watched = this.#at(index);
    this.checks++;
    if (watched.worker?.gone === false) this.#accuse("checks_at_once", watched.spec.name);
    watched.worker = worker;
    const gapMs = nowMs - Math.max(watched.lastBeganMs, this.#regularFromMs);
    if (gapMs > 2 * watched.spec.intervalMs + 1500) {
      this.#accuse("missed_checks", `${watched.spec.name}: nothing for ${Math.round(gapMs)} ms`);
    }
    watched.lastBeganMs = nowMs;
  }

  answered(index: number): void {
    this.#at(index).worker = undefined;
  }

  /** The engine has read it. */
  read(index: number, outcome: number, beganMs: number): void {
    const watched = this.#at(index);
    if (outcome !== PASS && outcome !== FAIL) return;
    this.#unsettled.add(watched);
    if (outcome === PASS) {
      watched.forgottenFails = Math.max(watched.forgottenFails, watched.fails);
      watched.fails = 0;
      watched.passes++;
      if (beganMs >= watched.repairOverMs) watched.proofs++;
    } else {
      watched.forgottenPasses = Math.max(watched.forgottenPasses, watched.passes);
      watched.forgottenProofs = Math.max(watched.forgottenProofs, watched.proofs);
      watched.passes = watched.proofs = 0;
      watched.fails++;
      watched.lastFailMs = beganMs;
    }
  }

  repairOver(index: number, nowMs: number): void {
    const watched = this.#at(index);
    watched.repairOverMs = nowMs;
    watched.proofs = 0;
  }

  restored(index: number, to: string): void {
    this.#at(index).state = to;
  }

  changed(index: number, from: string, to: string): void {
    const watched = this.#at(index);
    const { spec, fails, passes, proofs } = watched;
    const say = `${spec.name} ${from} → ${to}`;
    const known = watched.state;
    watched.state = to;
    if (from !== known && !(known === "pending" && from === "up")) {
      this.#accuse("illegal_transition", `${say}, but it was ${known}`);
    }
    if (!NEXT[from]?.includes(to)) return this.#accuse("illegal_transition", say);
    const opens = (to === "down" || to === "repairing") &&
      (from === "up" || from === "degraded" || from === "pending");
    if (opens && fails < spec.unhealthyThreshold) {
      this.#accuse("false_down", `${say} after ${fails} of ${spec.unhealthyThreshold} failures`);
    }
    if (to !== "up" || from === "pending" || from === "maintenance") return;
    const enough = from === "verifying" ? proofs >= spec.verificationChecks : passes >= spec.healthyThreshold;
    if (!enough) this.#accuse("false_up", `${say} after ${passes} passes, ${proofs} since its repair`);
  }

  #at(index: number): Watched {
    return this.#watched[index] as Watched;
  }
}
