/** Where broken promises are collected. The judges beside it know what is promised; none of them asks the code under test. */

export const PROMISES = [
  "false_down",
  "false_up",
  "illegal_transition",
  "missed_checks",
  "checks_at_once",
  "alerts_lost",
  "order_violations",
  "alerts_before_commit",
  "alerts_not_decided",
  "repeats_that_differ",
  "told_twice",
  "unresolved",
  "retried_too_soon",
  "window_exceeded",
  "remediations_twice",
  "remediations_at_once",
  "remediations_before_commit",
  "remediations_too_many",
  "remediations_too_soon",
  "remediations_while_frozen",
  "remediations_while_guarded",
  "remediations_healthy",
  "remediations_in_dry_run",
  "conservation",
  "journal",
  "not_well_in_the_end",
  "examination",
  "crashed",
] as const;
export type Promised = typeof PROMISES[number];

export interface Violation {
  readonly promise: Promised;
  readonly atMs: number;
  readonly detail: string;
}

export type Accuse = (promise: Promised, detail: string) => void;
