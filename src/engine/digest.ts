// deno-lint-ignore-file camelcase -- causes as metrics and logs spell them
/**
 * The one page about many: says what fails together, why nothing is repaired, and lists members, a bounded number of them.
 * One message per channel, over the members that would have been told there.
 */
import { formatDuration } from "../base/duration.ts";
import { COLOR_WORDS } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import type { GuardCause } from "../telemetry/metric_table.ts";
import type { World } from "../world/world.ts";
import type { AnnouncedAlert } from "./announcement.ts";
import { boundText } from "./bounded_text.ts";

const NAMES = 40;
const NAME_BYTES = 120;

/** In place of the kind of a probe. */
export const GUARD_KIND = "guard";

export interface DigestFacts {
  /** "fleet" or "group:web". */
  readonly scope: string;
  readonly cause: GuardCause;
  readonly begun: boolean;
  /** Unique over restarts. */
  readonly incident: string;
  readonly sinceWallMs: number;
  readonly nowWallMs: number;
  /** Monitors of the scope. */
  readonly size: number;
  /** Rows with an open incident. */
  readonly members: readonly number[];
}

const CAUSES: Readonly<Record<GuardCause, string>> = {
  down_together: "they went down together, which points to one common cause",
  local_errors: "many checks fail on this machine itself (descriptors, routes, resolver)",
  canaries: "this machine's own loopback, gateway or resolver does not answer",
};

/** Without members of its own every channel that takes red is told: the fault is ours then, and concerns all. */
export function composeDigest(world: World, facts: DigestFacts): AnnouncedAlert[] {
  const color = facts.begun ? "red" : "green";
  const rowsOf = new Map<number, number[]>();
  for (const row of facts.members) {
    const policy = world.policies[world.columns.policy[row] as number];
    for (const channel of channelsOf(policy?.codes.red)) {
      const rows = rowsOf.get(channel);
      if (rows === undefined) rowsOf.set(channel, [row]);
      else rows.push(row);
    }
  }
  if (facts.members.length === 0 || !facts.begun) {
    for (const { codes } of world.policies) {
      for (const channel of channelsOf(codes.red)) if (!rowsOf.has(channel)) rowsOf.set(channel, []);
    }
  }
  return [...rowsOf].map(([channel, rows]) => ({ channel, color, message: compose(world, facts, rows) }));
}

function channelsOf(
  code: { readonly dispatch: string; readonly channels: readonly number[] } | undefined,
): readonly number[] {
  return code === undefined || code.dispatch === "never" ? [] : code.channels;
}

function compose(world: World, facts: DigestFacts, rows: readonly number[]): AlertMessage {
  const { begun, cause, incident, members, nowWallMs, sinceWallMs } = facts;
  const color = begun ? "red" : "green";
  const { title, status, severity } = COLOR_WORDS[color];
  const who = boundText(facts.scope === "fleet" ? "the fleet" : facts.scope.replace(":", " "), NAME_BYTES);
  const names = rows.slice(0, NAMES).map((row) => boundText(world.name(row), NAME_BYTES));
  const more = rows.length > NAMES ? [`and ${rows.length - NAMES} more`] : [];
  const open = `${members.length} of ${facts.size} monitors of ${who}`;
  const dedupKey = `cpra:guard:${incident}`;
  const failingForMs = Math.max(0, Math.round(nowWallMs - sinceWallMs));
  return {
    key: `${dedupKey}:${begun ? "suspect" : "clear"}:${begun ? 1 : 2}`,
    dedupKey,
    color,
    title: `${title}: ${begun ? `${open} are down` : `${who} has recovered`}`,
    monitor: `cpra guard: ${who}`,
    status,
    severity,
    summary: begun
      ? `${open} are down: ${CAUSES[cause]}. No repair begins until this is over; single alerts are left out.`
      : `Over after ${
        formatDuration(Math.round(failingForMs / 1000) * 1000)
      }: ${open} are still down; each of them is told by itself.`,
    recommendedAction: begun
      ? "Act now: look for what they share (network, power, a service they all use), and at this machine."
      : "Nothing to do now; find the cause while it is fresh.",
    nextSteps: [...names, ...more],
    kind: GUARD_KIND,
    target: who,
    error: begun ? CAUSES[cause] : "",
    output: "",
    since: new Date(sinceWallMs).toISOString(),
    failingForMs,
    failures: members.length,
    tried: [],
    incident,
    transition: begun ? "suspect" : "clear",
    seq: begun ? 1 : 2,
    at: new Date(nowWallMs).toISOString(),
    groups: [],
    labels: {},
  };
}
