/** The name of a channel that outlives the process: indices differ from one manifest to the next. */
import { createHash } from "node:crypto";
import type { ChannelSpec } from "./monitor.ts";

/** 64 bits of SHA-256 over kind and configuration, the order of keys aside; secrets in it cannot be read back. */
export function channelIdentity({ kind, config }: ChannelSpec): string {
  return createHash("sha256").update(`${kind} ${sortedJson(config)}`).digest("hex").slice(0, 16);
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([left], [right]) => left < right ? -1 : 1));
  });
}
