/** `settings: digest:`: when many alerts become one message. */
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import { DIGEST_DEFAULTS, type DigestSettings } from "../model/delivery.ts";

export const DIGEST_FIELD = z.strictObject({
  enabled: z.boolean().optional(),
  min: z.number().int().min(2).max(1_000_000).optional(),
  window: durationField().optional(),
  hold: durationField({ zero: true }).optional(),
});

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
