/**
 * The world around cpra, which goes on whatever happens to its process: targets that die and heal, repairs that help or do
 * not, channels that refuse, lose answers and ask for patience. It alone knows the truth.
 */
import type { Random } from "../../src/base/prng.ts";
import { REFUSED, RETRY, SENT } from "../../src/lanes/code.ts";
import { FAIL, LOCAL, PASS, type Reason } from "../../src/model/outcome.ts";
import { CHANNELS, type Plan } from "./plan.ts";
import { type Fault, FAULTS, Spans } from "./faults.ts";

export interface Ending {
  /** From the beginning of the job to its answer. */
  readonly afterMs: number;
  readonly outcome: number;
  readonly reason?: Reason;
  readonly value?: number;
  readonly text?: string;
  /** From the beginning of the job to the moment when the world has changed by it. */
  readonly effectMs?: number;
}

interface Target {
  readonly random: Random;
  readonly intervalMs: number;
  readonly needsResolver: boolean;
  readonly group: number;
  diesAtMs: number;
  deadUntilMs: number;
  timesOut: boolean;
}

/** The examination: these targets are dead as long as it says. */
export type Condition = "as it comes" | "healthy" | "dead";

export class Outside {
  readonly #plan: Plan;
  readonly #spans: ReadonlyMap<Fault, Spans>;
  readonly #groupSpans: readonly Spans[];
  readonly #downSpans: readonly Spans[];
  readonly #targets: Target[];
  readonly #send: Random;
  readonly #repair: Random;
  readonly #note: (fault: Fault, monitor: number) => void;
  readonly forced = new Map<number, Condition>();

  constructor(plan: Plan, note: (fault: Fault, monitor: number) => void) {
    this.#plan = plan;
    this.#note = note;
    const endMs = plan.faultsEndMs;
    const spans = (fault: Fault, name: string) => {
      const limits = { random: plan.random(name), stretch: plan.stretch, endMs };
      return new Spans(fault, limits);
    };
    this.#spans = new Map(FAULTS.map((fault) => [fault, spans(fault, fault)]));
    this.#groupSpans = [0, 1, 2].map((group) => spans("group_outage", `group ${group}`));
    this.#downSpans = CHANNELS.map((channel) => spans("channel_down", `down ${channel}`));
    this.#send = plan.random("send");
    this.#repair = plan.random("repair");
    const meanMs = plan.profile === "hot" ? 60_000 : 10 * 3_600_000;
    this.#targets = plan.monitors.map(({ intervalMs, probe }, index) => {
      const random = plan.random(`target ${index}`);
      return {
        random,
        intervalMs,
        needsResolver: probe.target.includes("name"),
        group: plan.monitors[index]?.groups.length === 0 ? -1 : index % 3,
        diesAtMs: random() * 2 * meanMs,
        deadUntilMs: 0,
        timesOut: false,
      };
    });
    this.#meanMs = meanMs;
  }

  readonly #meanMs: number;

  /** Whether this fault is at work. */
  active(fault: Fault, nowMs: number): boolean {
    return this.#plan.faults.has(fault) && (this.#spans.get(fault) as Spans).active(nowMs);
  }

  /** When the span of this fault that is at work ends. */
  endOf(fault: Fault): number {
    return (this.#spans.get(fault) as Spans).untilMs;
  }

  check(index: number, nowMs: number): Ending {
    const target = this.#targets[index] as Target;
    const condition = this.forced.get(index) ?? "as it comes";
    if (condition === "healthy") return this.#passes(target);
    if (condition === "dead") return this.#dead(index, target);
    if (this.active("isolation", nowMs)) return this.#local(index, "isolation", "local_route", 101);
    if (target.needsResolver && this.active("resolver", nowMs)) {
      return this.#local(index, "resolver", "local_resolver", 0);
    }
    if (this.active("descriptors", nowMs) && target.random() < 0.3) {
      return this.#local(index, "descriptors", "local_descriptors", 24);
    }
    if (target.group >= 0 && this.#groupDown(target.group, nowMs)) {
      this.#note("group_outage", index);
      return this.#dead(index, target);
    }
    if (index % 2 === 1 && this.active("flapping", nowMs)) {
      this.#note("flapping", index);
      return target.random() < 0.5 ? this.#dead(index, target) : this.#passes(target);
    }
    this.#live(target, nowMs);
    return target.deadUntilMs > nowMs ? this.#dead(index, target) : this.#passes(target);
  }

  /** `canary`: loopback, gateway or resolver. */
  canary(canary: string, nowMs: number): Ending {
    const lost = this.active("isolation", nowMs) && canary !== "loopback" ||
      this.active("resolver", nowMs) && canary === "resolver";
    return lost
      ? { afterMs: 5, outcome: LOCAL, reason: "local_route", value: 101 }
      : { afterMs: 1, outcome: PASS };
  }

  /** Acts at once, as a script does. */
  repair(index: number, nowMs: number): Ending {
    const random = this.#repair;
    const target = this.#targets[index] as Target;
    const slow = this.active("remedy_slow", nowMs);
    if (slow) this.#note("remedy_slow", index);
    const afterMs = 1 + Math.floor(random() * (slow ? 4999 : 1500));
    if (this.active("remedy_fails", nowMs)) {
      this.#note("remedy_fails", index);
      return { afterMs, outcome: random() < 0.5 ? FAIL : PASS, text: "it did not help" };
    }
    if (random() < 0.7) target.deadUntilMs = Math.min(target.deadUntilMs, nowMs + afterMs);
    return { afterMs, outcome: random() < 0.9 ? PASS : FAIL, text: "done" };
  }

  /** `delivered` tells whether the other end has it. `effectMs` is when. */
  send(channel: string, index: number, nowMs: number): Ending & { readonly delivered: boolean } {
    const random = this.#send;
    const afterMs = 1 + Math.floor(random() * 150);
    const no = (fault: Fault, ending: Ending) => {
      this.#note(fault, index);
      return { ...ending, delivered: false };
    };
    const place = CHANNELS.indexOf(channel as typeof CHANNELS[number]);
    if (this.#plan.faults.has("channel_down") && this.#downSpans[place]?.active(nowMs)) {
      return no("channel_down", {
        afterMs: random() < 0.5 ? afterMs : 10_000,
        outcome: RETRY,
        text: "timeout",
      });
    }
    if (this.active("rate_limit", nowMs)) {
      const value = 1000 + Math.floor(random() * 20_000);
      return no("rate_limit", { afterMs, outcome: RETRY, value, text: "429" });
    }
    if (this.active("send_error", nowMs) && random() < 0.4) {
      return no("send_error", { afterMs, outcome: RETRY, text: "503" });
    }
    if (this.active("refusal", nowMs) && random() < 0.2) {
      return no("refusal", { afterMs, outcome: REFUSED, text: "400" });
    }
    const effectMs = Math.floor(afterMs * random());
    if (this.active("lost_ack", nowMs) && random() < 0.3) {
      this.#note("lost_ack", index);
      return { afterMs, effectMs, outcome: RETRY, text: "reset", delivered: true };
    }
    return { afterMs, effectMs, outcome: SENT, delivered: true };
  }

  #passes({ random }: Target): Ending {
    return { afterMs: 1 + Math.floor(random() * 40), outcome: PASS };
  }

  #dead(index: number, target: Target): Ending {
    const { random, timesOut, intervalMs } = target;
    if (timesOut && this.#plan.faults.has("timeout")) {
      this.#note("timeout", index);
      const timeoutMs = Math.min(5000, intervalMs / 2);
      return { afterMs: timeoutMs, outcome: FAIL, reason: "connect_timeout", value: timeoutMs };
    }
    this.#note("refused", index);
    return { afterMs: 1 + Math.floor(random() * 10), outcome: FAIL, reason: "refused" };
  }

  #local(index: number, fault: Fault, reason: Reason, value: number): Ending {
    this.#note(fault, index);
    return { afterMs: 2, outcome: LOCAL, reason, value };
  }

  #groupDown(group: number, nowMs: number): boolean {
    return this.#plan.faults.has("group_outage") && (this.#groupSpans[group] as Spans).active(nowMs);
  }

  /** Dies now and then, by itself. */
  #live(target: Target, nowMs: number): void {
    const { random, intervalMs } = target;
    const dies = this.#plan.faults.has("refused") || this.#plan.faults.has("timeout");
    if (!dies || nowMs < target.diesAtMs || nowMs >= this.#plan.faultsEndMs) return;
    target.deadUntilMs = Math.min(nowMs + random() * 30 * intervalMs, this.#plan.faultsEndMs);
    target.diesAtMs = target.deadUntilMs - Math.log(1 - random() * 0.999) * this.#meanMs;
    target.timesOut = random() < 0.4;
  }
}
