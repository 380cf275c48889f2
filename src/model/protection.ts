// deno-lint-ignore-file camelcase -- reasons as metrics and logs spell them
/** Settings of what keeps remediation from making things worse and our own faults from being the fleet's. Times are ms. */
export interface RemediationSettings {
  /** Says what would be done, never does it. */
  readonly dryRun: boolean;
  /** From the opening of an incident to its first remedy; null = the monitor's interval + 10 s; 0 = none. */
  readonly holdMs: number | null;
  /** The target is checked once more just before the remedy runs. */
  readonly recheck: boolean;
  /** Between the end of a remedy and the first remedy of another incident on the same target. */
  readonly cooldownMs: number;
  /** Remedies on one target within 24 hours. */
  readonly attemptsPerDay: number;
  /** Remedies at once, over all. */
  readonly atOnce: number;
  /** Part of a group that may be under repair at once, but always one of it: 0.1 = 10 %. */
  readonly groupPct: number;
  /** Part of the fleet that may be repaired within a minute, but always `fleetPerMinuteMin`. */
  readonly fleetPerMinutePct: number;
  readonly fleetPerMinuteMin: number;
  /** A repair that is held back longer than this, the hold aside, is told as red. */
  readonly tellAfterMs: number;
}

export interface GuardSettings {
  readonly enabled: boolean;
  /** Part of a group or of the fleet that has to go down together, and at least `downMin` monitors. */
  readonly downPct: number;
  readonly downMin: number;
  /** What counts as together. */
  readonly windowMs: number;
  /** Part of the checks of 10 s that may fail by our own fault. */
  readonly localErrorsPct: number;
  /** How long it has to be calm before remedies go one by one, and then again before all is as usual. */
  readonly releaseMs: number;
  readonly canaries: boolean;
}

export interface ProtectionSettings {
  readonly remediation: RemediationSettings;
  readonly guard: GuardSettings;
}

export const REMEDIATION_DEFAULTS: RemediationSettings = {
  dryRun: false,
  holdMs: null,
  recheck: true,
  cooldownMs: 600_000,
  attemptsPerDay: 10,
  atOnce: 5,
  groupPct: 0.1,
  fleetPerMinutePct: 0.01,
  fleetPerMinuteMin: 5,
  tellAfterMs: 60_000,
};

export const GUARD_DEFAULTS: GuardSettings = {
  enabled: true,
  downPct: 0.2,
  downMin: 5,
  windowMs: 300_000,
  localErrorsPct: 0.01,
  releaseMs: 120_000,
  canaries: true,
};

/** Why a repair waits, by their index in metrics: rows are only ever appended. */
export const HOLD_REASONS = [
  "hold",
  "recheck",
  "frozen",
  "guard",
  "dependency",
  "cooldown",
  "day_limit",
  "target_busy",
  "at_once",
  "group_limit",
  "fleet_limit",
] as const;
export type HoldReason = typeof HOLD_REASONS[number];

/** What people read in an alert. */
export const HOLD_TEXTS: Readonly<Record<HoldReason, string>> = {
  hold: "it waits to see whether others fail for a common cause",
  recheck: "the target is being checked once more",
  frozen: "remediation is frozen (cpra unfreeze releases it)",
  guard: "many fail together, or the fault may be our own",
  dependency: "a monitor it depends on is down",
  cooldown: "its target was repaired a short time ago",
  day_limit: "its target was repaired too often within a day",
  target_busy: "another repair of its target is running",
  at_once: "as many repairs as allowed are running",
  group_limit: "as many repairs of its group as allowed are running",
  fleet_limit: "as many repairs of the fleet as allowed were begun within a minute",
};
