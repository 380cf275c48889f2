/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** The thread that answers HTTP: metrics, health, API, page, profiles. */
import { type ServerScope, startServerThread } from "../src/server/thread.ts";

startServerThread(self as unknown as ServerScope);
