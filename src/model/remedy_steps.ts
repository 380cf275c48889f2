/**
 * Several steps of a remedy (restart, then scale): attempts go through them in order, each step having as many as it says. One
 * remedy without steps is one step with all attempts. Pure; the engine, the lane and the server ask the same question here.
 */
import type { RemedyStep } from "./monitor.ts";

interface Steppable {
  readonly kind: string;
  readonly config: unknown;
  readonly retries: number;
  readonly timeoutMs: number;
  readonly steps?: readonly RemedyStep[];
}

/** Index of the step that attempt n (from 1) runs; past the last attempt it stays at the last step. */
export function stepIndex(remedy: Pick<Steppable, "steps"> | null, attempt: number): number {
  if (remedy?.steps === undefined) return 0;
  let last = 0;
  for (const [index, { attempts }] of remedy.steps.entries()) {
    if (attempt <= last + attempts) return index;
    last += attempts;
  }
  return remedy.steps.length - 1;
}

/** What attempt n (from 1) does. `target`: the row's, which is that of the first step. */
export function remedyAt(
  remedy: Steppable,
  target: string,
  attempt: number,
): Pick<RemedyStep, "kind" | "target" | "config" | "retries" | "timeoutMs"> {
  const step = remedy.steps?.[stepIndex(remedy, attempt)];
  if (step !== undefined) return step;
  const { kind, config, retries, timeoutMs } = remedy;
  return { kind, target, config, retries, timeoutMs };
}
