/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** The thread that asks for host names. */
import { type NamesScope, startNamesThread } from "../src/names/thread.ts";

startNamesThread(self as unknown as NamesScope);
