/** Messages about no single monitor: digests. */
import type { AlertDecision, Decision } from "../model/journal_record.ts";

/** A message before it has its place in the order of delivery. */
export type AnnouncedAlert = Omit<AlertDecision, "id" | "channelId">;

/** `row` is beyond those of the world, and orders the deliveries. */
export type Announcement = Omit<Decision, "type" | "alerts" | "remedy"> & {
  readonly alerts: readonly AnnouncedAlert[];
};
