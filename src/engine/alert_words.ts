/**
 * What an alert says in sentences, for someone woken at 3 a.m. who knows nothing yet: what is wrong, what to do now, and
 * what happens by itself. One function per colour; the fixed words of each are in model/color.ts.
 */
import { formatDuration } from "../base/duration.ts";
import type { Color } from "../model/color.ts";
import { remedyAt } from "../model/remedy_steps.ts";
import { type AlertFacts, hasTrouble } from "./alert_facts.ts";
import { boundText } from "./bounded_text.ts";

export interface AlertWords {
  readonly summary: string;
  readonly recommendedAction: string;
  readonly nextSteps: readonly string[];
}

export function wordsOf(facts: AlertFacts): AlertWords {
  return WORDS[facts.color](facts);
}

const WORDS: Readonly<Record<Color, (facts: AlertFacts) => AlertWords>> = { red, yellow, green, cyan, gray };

/** Bytes of a quoted text within a sentence; the whole text has a field of its own. */
const QUOTED_BYTES = 160;

function red(facts: AlertFacts): AlertWords {
  const { policy, attempts } = facts;
  const still = facts.transition === "reminder" ? "still down" : "down";
  const checks = facts.failures > 1 ? `, ${facts.failures} checks in a row` : "";
  return {
    summary: `${nameOf(facts)} is ${still}: ${errorOf(facts)}. Failing for ${spanOf(facts)}${checks} (${
      placeOf(facts)
    }).`,
    recommendedAction: redAction(facts),
    nextSteps: [
      ...(facts.tried.length > 0 && attempts > 0
        ? [`Read how the last repair ended: ${lastTried(facts)}`]
        : []),
      `Try ${placeOf(facts)} by hand, from this machine and from another.`,
      `Look for what changed shortly before ${clockOf(facts.sinceWallMs)}.`,
      `Once it works again, ${
        checksIn(policy.healthyThreshold, policy.intervalMs)
      } must pass; then a green message ` +
      "closes this incident.",
    ],
  };
}

function redAction(facts: AlertFacts): string {
  const { attempts, policy: { remedy } } = facts;
  const kind = kindOf(facts);
  if (remedy === null || remedy.maxFailures === 0) {
    return `Act now: no repair is configured for ${
      nameOf(facts)
    }, so it stays down until someone repairs it.`;
  }
  if (facts.held !== "") {
    return `Act now: the repair (${kind}) does not run now: ${boundText(facts.held, QUOTED_BYTES)}.`;
  }
  const runs = `${attempts} of ${remedy.maxFailures} repair ${plural(remedy.maxFailures, "attempt")}`;
  if (facts.transition === "repairing") {
    return `Be ready to step in: ${runs} (${kind}) used so far, and a repair is under way or about to start.`;
  }
  return `Act now: the repair did not help (${kind}, ${runs} used), and none will run again in this incident.`;
}

function yellow(facts: AlertFacts): AlertWords {
  const { failures, policy } = facts;
  const left = Math.max(1, policy.unhealthyThreshold - failures);
  const repairs = policy.remedy !== null && policy.remedy.maxFailures > 0;
  const limit = checksIn(left, policy.intervalMs);
  return {
    summary:
      `${nameOf(facts)} fails: ${
        errorOf(facts)
      }. ${failures} of ${policy.unhealthyThreshold} failed checks in a ` +
      `row that open an incident (${placeOf(facts)}).`,
    recommendedAction: repairs
      ? "Nothing to do yet: if it goes on failing, it is repaired automatically. Watch for red, which means that the repair did not help."
      : `Look at ${nameOf(facts)} before it is down: no repair is configured for it.`,
    nextSteps: [
      `If ${limit} more fail, an incident opens and ${
        repairs ? `the repair (${policy.remedy?.kind}) starts` : "a red message follows"
      }.`,
      `If ${checksIn(policy.healthyThreshold, policy.intervalMs)} pass in a row, a green message follows.`,
      `Meanwhile, see whether ${placeOf(facts)} is slow, overloaded or being changed.`,
    ],
  };
}

function green(facts: AlertFacts): AlertWords {
  if (facts.transition === "removed") return removed(facts);
  const repaired = facts.tried.length > 0;
  const how = repaired ? `Last repair: ${lastTried(facts)}` : "It recovered without a repair by cpra.";
  return {
    summary: `${nameOf(facts)} is healthy again after ${spanOf(facts)}. ${how}`,
    recommendedAction: "Nothing to do now; find the cause while it is fresh.",
    nextSteps: [
      `Read the last error: ${errorOf(facts)}`,
      `Look for what changed on ${placeOf(facts)} around ${clockOf(facts.sinceWallMs)}.`,
      ...(repaired
        ? [
          "A repair that is needed again and again hides a fault: see how often this monitor was repaired lately.",
        ]
        : []),
    ],
  };
}

function removed(facts: AlertFacts): AlertWords {
  return {
    summary:
      `${nameOf(facts)} was taken out of the manifest while it was failing (for ${spanOf(facts)}): nothing ` +
      "checks it any more, so this incident is closed. It did not recover.",
    recommendedAction: "Nothing to do, if it was meant to go; else put it back into the manifest.",
    nextSteps: [`Read the last error: ${errorOf(facts)}`],
  };
}

function cyan(facts: AlertFacts): AlertWords {
  const { attempts, policy } = facts;
  const most = policy.remedy?.maxFailures ?? attempts;
  const kind = policy.remedy === null ? "" : ` (${kindOf(facts)})`;
  const otherwise = attempts < most ? "the next repair attempt follows" : "a red message follows";
  return {
    summary:
      `${nameOf(facts)} was repaired${kind} at attempt ${attempts} of ${most}, after failing for ${
        spanOf(facts)
      }: ` +
      `${lastTried(facts)}`,
    recommendedAction: "Nothing to do now: the repair is being verified.",
    nextSteps: [
      `${
        checksIn(policy.verificationChecks, policy.intervalMs)
      } must pass in a row; then a green message closes this incident.`,
      `If one of them fails, ${otherwise}.`,
      `Find out why it failed: ${errorOf(facts)}`,
    ],
  };
}

function gray(facts: AlertFacts): AlertWords {
  const failing = facts.failures > 0;
  if (facts.transition === "maintenance") {
    return {
      summary: `${
        nameOf(facts)
      } is in maintenance: checks go on, but nothing is repaired and no other alerts are sent.`,
      recommendedAction: hasTrouble(facts)
        ? `Mind that it was in trouble when maintenance began: ${errorOf(facts)}`
        : "Nothing to do: it was healthy when maintenance began.",
      nextSteps: [
        "What still fails when maintenance ends is alerted, and repaired if a repair is configured, at that moment.",
        "An incident that is open now stays open; if it recovers, its green message comes when maintenance ends.",
      ],
    };
  }
  return {
    summary: `Maintenance of ${nameOf(facts)} is over: alerts and repairs are on again.`,
    recommendedAction: failing
      ? `Look at ${nameOf(facts)}: it fails (${errorOf(facts)}).`
      : "Nothing to do: its last check did not fail.",
    nextSteps: failing
      ? [`It is ${facts.transition} now; what follows from that is sent as a message of its own.`]
      : ["From here on a failure is alerted as usual."],
  };
}

/** Of the repair that was tried last, else of the one that comes first. */
function kindOf({ attempts, policy: { remedy } }: AlertFacts): string {
  return remedy === null ? "" : remedyAt(remedy, "", Math.max(1, attempts)).kind;
}

const nameOf = (facts: AlertFacts) => boundText(facts.monitor, QUOTED_BYTES);
const placeOf = (facts: AlertFacts) => boundText(`${facts.kind} ${facts.target}`, QUOTED_BYTES);
const errorOf = (facts: AlertFacts) => boundText(facts.error, QUOTED_BYTES) || "no error text";
const lastTried = (facts: AlertFacts) => boundText(facts.tried.at(-1) ?? "", QUOTED_BYTES) || "no details";
const spanOf = (facts: AlertFacts) => formatDuration(Math.round(facts.failingForMs / 1000) * 1000);
const clockOf = (wallMs: number) => new Date(wallMs).toISOString().replace(/\.\d+Z$/, "Z");

function checksIn(count: number, intervalMs: number): string {
  return `${count} ${plural(count, "check")} (about ${
    formatDuration(Math.ceil(count * intervalMs / 1000) * 1000)
  })`;
}

function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
}
