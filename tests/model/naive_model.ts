/**
 * The life of a monitor once more, written the other way round to hold transition.ts against: it keeps no counters and no
 * flags, only what was seen and what was said as two lines of letters, and answers every question by reading them back.
 * Slow on purpose, and written from the text of behaviour, event by event, where the real one goes state by state.
 */
import type { EventName } from "../../src/model/event.ts";
import type { TransitionPolicy } from "../../src/model/transition.ts";

type Mode = "pending" | "up" | "degraded" | "down" | "running" | "backoff" | "verifying";

export class NaiveMonitor {
  readonly #policy: TransitionPolicy;
  #mode: Mode = "pending";
  /** P passed, F failed, | a repair ended. Only checks that counted. */
  #seen = "";
  /** Y R G told (cyan and gray leave nothing to remember), O opened, C closed, s remedy started, ( ) maintenance. */
  #done = "";

  constructor(policy: TransitionPolicy) {
    this.#policy = policy;
  }

  get mode(): Mode {
    return this.#mode;
  }

  get inMaintenance(): boolean {
    return this.#done.lastIndexOf("(") > this.#done.lastIndexOf(")");
  }

  get incidentOpen(): boolean {
    return this.#done.lastIndexOf("O") > this.#done.lastIndexOf("C");
  }

  get yellowSent(): boolean {
    return this.#done.lastIndexOf("Y") > this.#done.lastIndexOf("G");
  }

  get redSent(): boolean {
    return this.incidentOpen && this.#sinceOpening().includes("R");
  }

  get attempts(): number {
    return this.incidentOpen ? this.#sinceOpening().split("s").length - 1 : 0;
  }

  get failures(): number {
    return trailing(this.#seen.replaceAll("|", ""), "F");
  }

  get successes(): number {
    return trailing(this.#seen, "P");
  }

  get verifyLeft(): number {
    return this.#mode === "verifying" ? this.#policy.verificationChecks - this.successes : 0;
  }

  /** The names of the effects. */
  happen(event: EventName): string[] {
    switch (event) {
      case "checkPassed":
        return this.#passed();
      case "checkFailed":
        return this.#failed();
      case "checkLocal":
        return [];
      case "remedySucceeded":
        if (this.#mode !== "running") return [];
        this.#seen += "|";
        this.#mode = "verifying";
        return this.inMaintenance ? [] : ["alertCyan"];
      case "remedyFailed":
        return this.#mode === "running" ? this.#notRepaired() : [];
      case "verifyTimedOut":
        return this.#mode === "verifying" ? this.#notRepaired() : [];
      case "backoffElapsed":
        return this.#mode === "backoff" ? this.#remedyOrRed() : [];
      case "remedyPutOff":
        return this.#putOff();
      case "remedyWithheld":
        return this.#mode === "backoff" ? this.#red() : [];
      case "maintenanceBegan":
        return this.#begin();
      case "maintenanceEnded":
        return this.#end();
    }
  }

  #passed(): string[] {
    if (this.#mode === "running") return [];
    this.#seen += "P";
    const wanted = this.#mode === "verifying"
      ? this.#policy.verificationChecks
      : this.#mode === "pending" || this.#mode === "up"
      ? 1
      : this.#policy.healthyThreshold;
    if (this.successes < wanted) return [];
    const cancelled = this.#mode === "backoff" ? ["cancelBackoff"] : [];
    this.#mode = "up";
    return this.inMaintenance ? [] : [...cancelled, ...this.#resolve()];
  }

  #failed(): string[] {
    const before = this.#mode;
    if (before === "running") return [];
    this.#seen += "F";
    if (before === "verifying") return withAgain(this.inMaintenance, this.#notRepaired());
    if (before === "down" || before === "backoff") return withAgain(this.inMaintenance, []);
    const reached = this.failures >= this.#policy.unhealthyThreshold;
    this.#mode = "degraded";
    if (this.inMaintenance) {
      if (reached && this.incidentOpen) this.#mode = "down";
      return [];
    }
    const effects = reached ? this.#open() : this.#yellow();
    return before === "degraded" ? withAgain(false, effects) : effects;
  }

  #begin(): string[] {
    if (this.inMaintenance) return [];
    this.#done += "(";
    if (this.#mode !== "backoff") return ["alertGray"];
    this.#mode = "down";
    return ["alertGray", "cancelBackoff"];
  }

  #end(): string[] {
    if (!this.inMaintenance) return [];
    this.#done += ")";
    const effects = ["alertGray"];
    if (this.#mode === "up" || (this.#mode === "degraded" && this.incidentOpen)) {
      effects.push(...this.#resolve());
    }
    if (this.#mode === "degraded" && this.failures >= this.#policy.unhealthyThreshold) {
      effects.push(...this.#open());
    } else if (this.#mode === "degraded" && this.failures > 0) effects.push(...this.#yellow());
    if (this.#mode === "down" && (this.#mayRepair() || !this.redSent)) effects.push(...this.#notRepaired());
    return effects;
  }

  #open(): string[] {
    this.#done += "O";
    return ["openIncident", ...this.#remedyOrRed()];
  }

  #remedyOrRed(): string[] {
    if (this.#mayRepair()) {
      this.#done += "s";
      this.#mode = "running";
      return ["startRemedy"];
    }
    this.#mode = "down";
    return this.#red();
  }

  #red(): string[] {
    if (this.redSent) return [];
    this.#done += "R";
    return ["alertRed"];
  }

  #putOff(): string[] {
    if (this.#mode !== "running") return [];
    const last = this.#done.lastIndexOf("s");
    this.#done = this.#done.slice(0, last) + this.#done.slice(last + 1);
    this.#mode = this.inMaintenance ? "down" : "backoff";
    return [];
  }

  #notRepaired(): string[] {
    this.#seen += "|";
    this.#mode = "down";
    if (this.inMaintenance) return [];
    if (!this.#mayRepair()) return this.#remedyOrRed();
    this.#mode = "backoff";
    return ["startBackoff"];
  }

  #yellow(): string[] {
    if (this.yellowSent) return [];
    this.#done += "Y";
    return ["alertYellow"];
  }

  #resolve(): string[] {
    const effects: string[] = [];
    if (this.incidentOpen || this.yellowSent) effects.push("alertGreen");
    if (this.incidentOpen) effects.push("closeIncident");
    if (effects.length > 0) this.#done += this.incidentOpen ? "GC" : "G";
    return effects;
  }

  #mayRepair(): boolean {
    return this.#policy.hasRemedy && this.attempts < this.#policy.maxAttempts;
  }

  #sinceOpening(): string {
    return this.#done.slice(this.#done.lastIndexOf("O"));
  }
}

function trailing(text: string, letter: string): number {
  let count = 0;
  while (text[text.length - 1 - count] === letter) count++;
  return count;
}

function withAgain(quiet: boolean, effects: string[]): string[] {
  const told = effects.includes("alertRed") || effects.includes("alertYellow");
  return quiet || told ? effects : [...effects, "failedAgain"];
}
