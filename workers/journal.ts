/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** The thread that writes the journal, the only one that waits for a disk. */
import { type JournalScope, startJournalThread } from "../src/journal/thread.ts";

startJournalThread(self as unknown as JournalScope);
