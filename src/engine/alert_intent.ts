/** An alert that was decided and is not composed yet: the facts as they were then, since the incident goes on changing. */
import type { Color } from "../model/color.ts";
import type { World } from "../world/world.ts";
import type { Incident } from "./incidents.ts";
import type { AlertFacts } from "./alert_facts.ts";

export interface AlertIntent {
  readonly row: number;
  readonly incident: Incident;
  readonly seq: number;
  readonly transition: string;
  readonly color: Color;
  readonly atWallMs: number;
  readonly facts: Pick<
    AlertFacts,
    "error" | "output" | "failingForMs" | "failures" | "attempts" | "tried" | "held"
  >;
  /** Channels it goes to singly, until they are taken to be composed. */
  channels: number[];
}

export function alertIntent(
  world: World,
  what: Pick<AlertIntent, "row" | "incident" | "seq" | "transition" | "color">,
  now: { readonly wallMs: number; readonly monoMs: number },
): AlertIntent {
  const { error, output, tried, held, sinceMonoMs } = what.incident;
  const { failures, attempts } = world.columns;
  return {
    ...what,
    atWallMs: now.wallMs,
    facts: {
      error,
      output,
      failingForMs: Math.max(0, now.monoMs - sinceMonoMs),
      failures: failures[what.row] as number,
      attempts: attempts[what.row] as number,
      tried: [...tried],
      held,
    },
    channels: [],
  };
}
