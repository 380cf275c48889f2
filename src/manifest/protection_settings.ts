/** `settings: remediation:` and `settings: guard:`: what keeps repairs from making things worse. All of it on by default. */
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import {
  GUARD_DEFAULTS,
  type GuardSettings,
  REMEDIATION_DEFAULTS,
  type RemediationSettings,
} from "../model/protection.ts";

const COUNT = z.number().int().min(1).max(1_000_000);
const PART = z.number().min(0).max(1);
/** `auto`: null. */
const HOLD = z.union([z.literal("auto").transform(() => null), durationField({ zero: true })]);

export const REMEDIATION_FIELD = z.strictObject({
  dry_run: z.boolean().optional(),
  freeze_file: z.string().min(1).optional(),
  hold: HOLD.optional(),
  recheck: z.boolean().optional(),
  cooldown: durationField({ zero: true }).optional(),
  attempts_per_day: COUNT.optional(),
  at_once: COUNT.optional(),
  group_pct: PART.optional(),
  fleet_per_minute_pct: PART.optional(),
  fleet_per_minute_min: COUNT.optional(),
  tell_after: durationField({ zero: true }).optional(),
});

export const GUARD_FIELD = z.strictObject({
  enabled: z.boolean().optional(),
  down_pct: PART.optional(),
  down_min: COUNT.optional(),
  window: durationField().optional(),
  local_errors_pct: PART.optional(),
  release: durationField({ zero: true }).optional(),
  canaries: z.boolean().optional(),
});

export type RemediationLayer = z.output<typeof REMEDIATION_FIELD>;
export type GuardLayer = z.output<typeof GUARD_FIELD>;

/** Later layers win, key by key. */
export function resolveRemediation(
  layers: readonly (RemediationLayer | undefined)[],
): RemediationSettings & { readonly freezeFile: string | null } {
  const set: RemediationLayer = Object.assign({}, ...layers);
  const base = REMEDIATION_DEFAULTS;
  return {
    freezeFile: set.freeze_file ?? null,
    dryRun: set.dry_run ?? base.dryRun,
    holdMs: set.hold === undefined ? base.holdMs : set.hold,
    recheck: set.recheck ?? base.recheck,
    cooldownMs: set.cooldown ?? base.cooldownMs,
    attemptsPerDay: set.attempts_per_day ?? base.attemptsPerDay,
    atOnce: set.at_once ?? base.atOnce,
    groupPct: set.group_pct ?? base.groupPct,
    fleetPerMinutePct: set.fleet_per_minute_pct ?? base.fleetPerMinutePct,
    fleetPerMinuteMin: set.fleet_per_minute_min ?? base.fleetPerMinuteMin,
    tellAfterMs: set.tell_after ?? base.tellAfterMs,
  };
}

export function resolveGuard(layers: readonly (GuardLayer | undefined)[]): GuardSettings {
  const set: GuardLayer = Object.assign({}, ...layers);
  return {
    enabled: set.enabled ?? GUARD_DEFAULTS.enabled,
    downPct: set.down_pct ?? GUARD_DEFAULTS.downPct,
    downMin: set.down_min ?? GUARD_DEFAULTS.downMin,
    windowMs: set.window ?? GUARD_DEFAULTS.windowMs,
    localErrorsPct: set.local_errors_pct ?? GUARD_DEFAULTS.localErrorsPct,
    releaseMs: set.release ?? GUARD_DEFAULTS.releaseMs,
    canaries: set.canaries ?? GUARD_DEFAULTS.canaries,
  };
}
