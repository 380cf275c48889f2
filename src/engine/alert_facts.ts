/** What the engine knows when it decides to tell people something; alert_text.ts turns it into a message. */
import type { Color } from "../model/color.ts";
import type { Policy } from "../world/policy.ts";

export interface AlertFacts {
  readonly color: Color;
  readonly monitor: string;
  readonly kind: string;
  readonly target: string;
  /** Last error, or "". */
  readonly error: string;
  /** Text of the last check, or "". */
  readonly output: string;
  /** When the trouble began. */
  readonly sinceWallMs: number;
  readonly failingForMs: number;
  /** Failed checks in a row. */
  readonly failures: number;
  /** Remedy runs of the open incident. */
  readonly attempts: number;
  /** What was tried so far, oldest first. */
  readonly tried: readonly string[];
  /** Why the repair is held back, or "". */
  readonly held: string;
  readonly incident: string;
  /** The state that was entered, or "reminder". */
  readonly transition: string;
  readonly seq: number;
  readonly nowWallMs: number;
  readonly policy: Pick<
    Policy,
    "intervalMs" | "unhealthyThreshold" | "healthyThreshold" | "verificationChecks" | "remedy"
  >;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** False for a monitor that is told of without ever having failed: maintenance of a healthy one. */
export function hasTrouble(facts: AlertFacts): boolean {
  return facts.failures > 0 || facts.error !== "" || facts.tried.length > 0;
}
