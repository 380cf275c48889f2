/** The messages of a storm: one about many, with the members by name as far as they fit. */
import { formatDuration } from "../base/duration.ts";
import { type Color, COLOR_WORDS } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import { boundText } from "./bounded_text.ts";

/** In place of the kind of a probe. */
export const STORM_KIND = "digest";

const NAME_BYTES = 120;
/** Of all names together: a message has less than 15 KiB. */
const NAMES_BYTES = 9000;
const NAMES_MOST = 150;
const CAUSE_BYTES = 160;
const ENCODER = new TextEncoder();
const CAUSE_WORDS = new Map([
  ["depends_on", "they depend on"],
  ["host", "same host"],
  ["subnet", "same subnet"],
  ["group", "same group"],
]);

export interface StormFacts {
  readonly id: string;
  readonly seq: number;
  readonly color: Color;
  /** As of storm_causes.ts. */
  readonly cause: string;
  /** `noted`: an event that has no end (gray, cyan). */
  readonly phase: "begun" | "grown" | "over" | "noted";
  readonly sinceWallMs: number;
  readonly nowWallMs: number;
  /** Monitors that ever were part of it, and that fail now. */
  readonly total: number;
  readonly open: number;
  /** In the order in which they came; as many as are worth reading. */
  readonly names: Iterable<string>;
}

export function composeStorm(facts: StormFacts): AlertMessage {
  const { id, seq, color, phase, total, open, sinceWallMs, nowWallMs } = facts;
  const { title, status, severity } = COLOR_WORDS[color];
  const over = phase === "over";
  const what = whatItIs(facts);
  const since = `for ${formatDuration(Math.max(0, Math.round((nowWallMs - sinceWallMs) / 1000) * 1000))}`;
  const names = listNames(facts.names, over ? open : total);
  const dedupKey = `cpra:storm:${id}`;
  return {
    key: `${dedupKey}:${phase}:${seq}`,
    dedupKey,
    color,
    title: `${title}: ${what}`,
    monitor: `cpra digest ${id}`,
    status,
    severity,
    summary: `${what}${commonCause(facts.cause)}. ${ENDINGS[phase](open, since)}`,
    recommendedAction: ACTIONS[phase],
    nextSteps: names,
    kind: STORM_KIND,
    target: boundText(facts.cause === "" ? "many monitors" : facts.cause, CAUSE_BYTES),
    error: over || phase === "noted" ? "" : what,
    output: "",
    since: new Date(sinceWallMs).toISOString(),
    failingForMs: phase === "noted" ? 0 : Math.max(0, Math.round(nowWallMs - sinceWallMs)),
    failures: open,
    tried: [],
    incident: id,
    transition: phase,
    seq,
    at: new Date(nowWallMs).toISOString(),
    groups: facts.cause.startsWith("group:") ? [boundText(facts.cause.slice(6), 64)] : [],
    labels: {},
  };
}

function whatItIs({ phase, total, open, color }: StormFacts): string {
  if (phase === "over") {
    return open === 0 ? `all ${total} monitors have recovered` : `${total - open} of ${total} have recovered`;
  }
  if (phase === "noted") {
    return color === "gray" ? `maintenance of ${total} monitors` : `${total} monitors repaired`;
  }
  const recovered = open < total ? `, ${total - open} recovered since` : "";
  return `${total} monitors ${color === "yellow" ? "degraded" : "failed"} together${recovered}`;
}

function commonCause(cause: string): string {
  if (cause === "") return "";
  const [kind = "", ...name] = cause.split(":");
  const word = CAUSE_WORDS.get(kind) ?? "in common";
  return ` (${word} ${boundText(name.join(":"), CAUSE_BYTES)})`;
}

const ENDINGS: Readonly<Record<StormFacts["phase"], (open: number, since: string) => string>> = {
  begun: () => "More may follow; single alerts of them are left out, and one message tells the end",
  grown: (open, since) => `${open} of them fail now, ${since}`,
  over: (open) => open === 0 ? "All is well again" : `${open} still fail; each of them is told by itself`,
  noted: () => "One message in place of one for each",
};

const ACTIONS: Readonly<Record<StormFacts["phase"], string>> = {
  begun: "Act now: look for what they share",
  grown: "Act now: look for what they share",
  over: "Nothing to do now; find the cause while it is fresh",
  noted: "Nothing to do",
};

function listNames(names: Iterable<string>, total: number): string[] {
  const list: string[] = [];
  let bytes = 0;
  for (const name of names) {
    const bounded = boundText(name, NAME_BYTES);
    bytes += ENCODER.encode(JSON.stringify(bounded)).length + 1;
    if (list.length >= NAMES_MOST || bytes > NAMES_BYTES) break;
    list.push(bounded);
  }
  return total > list.length ? [...list, `and ${total - list.length} more`] : list;
}
