/** Which of a name's addresses a check tries first. The `_only` ones leave the other kind out; the others try it last. */
export const IP_PREFERENCES = ["ipv4", "ipv6", "ipv4_only", "ipv6_only"] as const;
export type IpPreference = typeof IP_PREFERENCES[number];
