/** What the engine thread and the journal thread tell each other. */
import type { JournalRecord, Restored, Standing } from "../model/journal_record.ts";
import type { RetentionLimits } from "./store.ts";

export type ToJournal =
  | { readonly type: "open"; readonly folder: string; readonly retention: RetentionLimits }
  /** `urgent`: something waits for it. Numbers go up by one with every commit or replacement. */
  | {
    readonly type: "commit";
    readonly number: number;
    readonly urgent: boolean;
    readonly records: readonly JournalRecord[];
  }
  /** What stands now, for a journal that missed something: takes the place of all it knows but the history. */
  | { readonly type: "replace"; readonly number: number; readonly standing: Standing }
  /** Writes what is left and lets go of the files. */
  | { readonly type: "close" };

export type FromJournal =
  /** The journal is open. `late`: the engine was told before that it is not, and runs. */
  | { readonly type: "opened"; readonly restored: Restored; readonly late: boolean }
  /** Another process has the directory: nobody may run. */
  | { readonly type: "locked"; readonly error: string }
  /** Everything up to this number is on disk; `us` is what the transaction took. */
  | { readonly type: "committed"; readonly number: number; readonly us: number }
  /** It cannot write, or cannot even open; it goes on trying. Once per trouble. */
  | { readonly type: "failing"; readonly error: string }
  /** A sign of life meanwhile. */
  | { readonly type: "still-failing" }
  /** The file was damaged and lies aside; a new one holds nothing. Asks for a replacement unless it comes before `opened`. */
  | { readonly type: "damaged"; readonly file: string; readonly error: string; readonly salvaged: boolean }
  /** Everything up to this number was given up: it cannot be stored, whatever the reason. Asks for a replacement. */
  | { readonly type: "dropped"; readonly number: number; readonly error: string }
  | { readonly type: "note"; readonly message: string }
  | { readonly type: "closed" };
