/** `settings: digest:` and `settings: flapping:`: when many alerts become one message, and when some are kept back. */
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import { DIGEST_DEFAULTS, type DigestSettings, FLAP_DEFAULTS, type FlapSettings } from "../model/delivery.ts";

export const DIGEST_FIELD = z.strictObject({
  enabled: z.boolean().optional(),
  min: z.number().int().min(2).max(1_000_000).optional(),
  window: durationField().optional(),
  hold: durationField({ zero: true }).optional(),
});

export const FLAPPING_FIELD = z.strictObject({
  enabled: z.boolean().optional(),
  incidents: z.number().int().min(2).max(1000).optional(),
  window: durationField().optional(),
});

export type FlappingLayer = z.output<typeof FLAPPING_FIELD>;
export type DigestLayer = z.output<typeof DIGEST_FIELD>;

/** Later layers win, key by key. */
export function resolveDigest(layers: readonly (DigestLayer | undefined)[]): DigestSettings {
  const set: DigestLayer = Object.assign({}, ...layers);
  return {
    enabled: set.enabled ?? DIGEST_DEFAULTS.enabled,
    min: set.min ?? DIGEST_DEFAULTS.min,
    windowMs: set.window ?? DIGEST_DEFAULTS.windowMs,
    holdMs: set.hold ?? DIGEST_DEFAULTS.holdMs,
  };
}

export function resolveFlapping(layers: readonly (FlappingLayer | undefined)[]): FlapSettings {
  const set: FlappingLayer = Object.assign({}, ...layers);
  return {
    enabled: set.enabled ?? FLAP_DEFAULTS.enabled,
    incidents: set.incidents ?? FLAP_DEFAULTS.incidents,
    windowMs: set.window ?? FLAP_DEFAULTS.windowMs,
  };
}
