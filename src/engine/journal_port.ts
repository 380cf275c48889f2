/**
 * The gate between decisions and acts. Whatever anyone outside can see (an incident opening or closing, an alert, a repair)
 * is committed here first and acts when the commit is acknowledged; nothing else waits for it.
 */
import type { JournalRecord } from "../model/journal_record.ts";

export interface JournalPort {
  /**
   * Takes a batch, which is stored whole or not at all; calls `acknowledge` once it is as durable as this journal makes
   * things. Keeps the order of batches.
   */
  commit(batch: readonly JournalRecord[], acknowledge: () => void): void;
}

/** Keeps nothing: decisions act at once and a restart forgets them. */
export const MEMORY_JOURNAL: JournalPort = { commit: (_batch, acknowledge) => acknowledge() };
