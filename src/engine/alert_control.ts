/** What people ask of a running engine about alerts: silences, acknowledgement, test alerts, and what could not be delivered. */
import type { Clock } from "../base/clock.ts";
import { COLOR_WORDS } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import type { Matcher, Silence } from "../model/silence.ts";
import type { World } from "../world/world.ts";
import type { AnnouncedAlert, Announcement } from "./announcement.ts";
import { boundText } from "./bounded_text.ts";
import type { Incident, Incidents } from "./incidents.ts";
import type { Ledger } from "./ledger.ts";
import type { Outbox } from "./outbox.ts";
import type { Silences } from "./silences.ts";
import { digestRow } from "./storms.ts";

export interface AlertControlOptions {
  readonly world: World;
  readonly incidents: Incidents;
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly silences: Silences;
  readonly newIncidentId: (number: number) => string;
  readonly announce: (announcement: Announcement) => void;
}

/** A delivery that was given up. */
export interface DeadLetterReport {
  readonly id: number;
  readonly monitor: string;
  readonly color: string;
  readonly title: string;
  readonly incident: string;
  /** Index of the channel; -1 when it is not in the manifest any more. */
  readonly channel: number;
  readonly attempts: number;
  readonly error: string;
  readonly at: string;
}

/** Ids of test alerts are made of numbers that neither incidents nor digests reach. */
const NUMBERS = 0x8000_0000;
/** In place of the kind of a probe. */
export const TEST_KIND = "test";
const BY_BYTES = 100;

export class AlertControl {
  readonly #options: AlertControlOptions;
  #tests = 0;

  constructor(options: AlertControlOptions) {
    this.#options = options;
  }

  silences(): Silence[] {
    return this.#options.silences.list();
  }

  /** Undefined when there are too many. */
  silence(what: {
    readonly match: readonly Matcher[];
    readonly forMs: number;
    readonly comment: string;
  }): Silence | undefined {
    const { silences, clock } = this.#options;
    const untilWallMs = Math.round(clock.wallMs() + what.forMs);
    return silences.add({ match: what.match, untilWallMs, comment: boundText(what.comment, 2 * BY_BYTES) });
  }

  unsilence(id: string): boolean {
    return this.#options.silences.remove(id);
  }

  /** By the name of a monitor or the id of an incident: reminders and escalation stop. Undefined: no trouble is there. */
  acknowledge(what: string, by: string): { readonly monitor: string; readonly incident: string } | undefined {
    const { world, ledger, clock } = this.#options;
    const incident = this.#incident(what);
    if (incident === undefined) return undefined;
    incident.acknowledged ??= { by: boundText(by, BY_BYTES), atWallMs: Math.round(clock.wallMs()) };
    const { row, id } = incident;
    ledger.add({
      type: "step",
      incident: id,
      atWallMs: clock.wallMs(),
      what: "acknowledged",
      detail: incident.acknowledged.by,
    });
    ledger.touch(row);
    return { monitor: world.name(row), incident: id };
  }

  /** Channels of a monitor's codes; undefined when there is no such monitor. */
  channelsOf(monitor: string): readonly number[] | undefined {
    const { world } = this.#options;
    const row = world.find(monitor);
    if (row < 0) return undefined;
    const codes = world.policies[world.columns.policy[row] as number]?.codes ?? {};
    return [...new Set(Object.values(codes).flatMap(({ channels }) => channels))];
  }

  /** A red of its own to each of these channels, and a green after it. */
  test(name: string, channels: readonly number[]): void {
    const { announce, clock, newIncidentId } = this.#options;
    const incident = `test-${newIncidentId((NUMBERS + ++this.#tests) >>> 0)}`;
    for (const [index, color] of (["red", "green"] as const).entries()) {
      const nowWallMs = clock.wallMs();
      const message = composeTest({ name, color, incident, seq: index + 1, nowWallMs });
      const alerts: AnnouncedAlert[] = channels.map((channel) => ({ channel, color, message }));
      announce({
        row: digestRow(incident),
        monitor: message.monitor,
        incident,
        seq: index + 1,
        transition: "test",
        atWallMs: nowWallMs,
        alerts,
      });
    }
  }

  /** The most recent ones, newest first. */
  deadLetters(): DeadLetterReport[] {
    const { outbox, clock } = this.#options;
    const letters = outbox.deadLetters.map(({ id, message, channel, attempt, error, atMs }) => ({
      id,
      monitor: message.monitor,
      color: message.color,
      title: message.title,
      incident: message.incident,
      channel,
      attempts: attempt,
      error,
      at: new Date(clock.wallMs() - (clock.monoMs() - atMs)).toISOString(),
    }));
    return letters.reverse();
  }

  #incident(what: string): Incident | undefined {
    const { incidents } = this.#options;
    const row = this.#options.world.find(what);
    return row < 0 ? incidents.byId(what) : incidents.of(row);
  }
}

function composeTest(facts: {
  readonly name: string;
  readonly color: "red" | "green";
  readonly incident: string;
  readonly seq: number;
  readonly nowWallMs: number;
}): AlertMessage {
  const { name, color, incident, seq, nowWallMs } = facts;
  const { title, status, severity } = COLOR_WORDS[color];
  const dedupKey = `cpra:test:${incident}`;
  const at = new Date(nowWallMs).toISOString();
  return {
    key: `${dedupKey}:test-${color}:${seq}`,
    dedupKey,
    color,
    title: boundText(`TEST, nothing is wrong: ${title}: ${name}`, 300),
    monitor: boundText(name, 200),
    status,
    severity,
    summary: "Somebody tries whether alerts arrive (cpra test-alert). Nothing is wrong.",
    recommendedAction: "Nothing to do",
    nextSteps: [],
    kind: TEST_KIND,
    target: "",
    error: color === "red" ? "this is a test" : "",
    output: "",
    since: at,
    failingForMs: 0,
    failures: 0,
    tried: [],
    incident,
    transition: "test",
    seq,
    at,
    groups: [],
    labels: {},
  };
}
