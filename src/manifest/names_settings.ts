/** `names:` of the settings: how host names become addresses. */
import { dnsServerField } from "../base/dns_server_field.ts";
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import { IP_PREFERENCES } from "../base/ip_preference.ts";

export const NAMES_FIELD = z.strictObject({
  /** Which addresses a check takes first, or at all. */
  prefer: z.enum(IP_PREFERENCES).optional(),
  /** Instead of those of /etc/resolv.conf. */
  servers: z.array(dnsServerField()).min(1).max(3).optional(),
  /** How long a name must not exist before that counts as the monitor's failure. */
  not_found_after: durationField({ zero: true }).optional(),
});

type Layer = z.output<typeof NAMES_FIELD>;

export function resolveNames(layers: readonly (Layer | undefined)[]) {
  const stated: Layer = Object.assign({}, ...layers);
  return {
    prefer: stated.prefer ?? "ipv4",
    servers: stated.servers ?? [],
    missingAfterMs: stated.not_found_after ?? 60_000,
  } as const;
}
