/**
 * The facts of one alert, rendered by each notifier into its channel's form. Plain JSON: it travels to the code lane as
 * UTF-8 in a slab slot, so every text in it is bounded by the engine before it gets here.
 */
import type { Color } from "./color.ts";

export interface AlertMessage {
  /** `cpra:<monitor>:<incident>:<transition>:<seq>`; the same for every attempt to deliver this message. */
  readonly key: string;
  /** `cpra:<monitor>:<incident>`: what ties a resolve to its trigger. */
  readonly dedupKey: string;
  readonly color: Color;
  /** `<title words>: <monitor>`. */
  readonly title: string;
  readonly monitor: string;
  readonly status: string;
  readonly severity: "critical" | "warning" | "info";
  readonly summary: string;
  readonly recommendedAction: string;
  readonly nextSteps: readonly string[];
  readonly kind: string;
  readonly target: string;
  /** Last error, or "" when there is none. */
  readonly error: string;
  /** Text of the last check (a script's first line), or "". */
  readonly output: string;
  /** When the trouble began, ISO 8601, or "" when nothing failed. */
  readonly since: string;
  readonly failingForMs: number;
  readonly failures: number;
  /** What was tried so far, oldest first, one line each. */
  readonly tried: readonly string[];
  readonly incident: string;
  readonly transition: string;
  readonly seq: number;
  /** When the decision was taken, ISO 8601. */
  readonly at: string;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}
