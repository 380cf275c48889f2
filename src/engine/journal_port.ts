/**
 * The gate between decisions and acts. Whatever anyone outside can see (an incident opening or closing, an alert, a repair)
 * is committed here first and acts when the commit is acknowledged; nothing else waits for it.
 */
import type { Color } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";

/** One message to one channel, composed when it was decided: later events of the incident do not change it. */
export interface AlertDecision {
  readonly channel: number;
  readonly color: Color;
  readonly message: AlertMessage;
}

/** One decision about one monitor, with everything its acts need, so that it can be replayed from storage. */
export interface Decision {
  readonly row: number;
  readonly monitor: string;
  readonly incident: string;
  /** Position in the incident's log, from 1. */
  readonly seq: number;
  readonly transition: string;
  readonly atWallMs: number;
  readonly alerts: readonly AlertDecision[];
  readonly remedy: { readonly attempt: number; readonly error: string } | null;
}

export interface JournalPort {
  /** Takes a batch; calls `acknowledge` once it is as durable as this journal makes things. Keeps the order of batches. */
  commit(batch: readonly Decision[], acknowledge: () => void): void;
}

/** Keeps nothing: decisions act at once and a restart forgets them. */
export const MEMORY_JOURNAL: JournalPort = { commit: (_batch, acknowledge) => acknowledge() };
