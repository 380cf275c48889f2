/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** The worker of the thread tests, beside main.ts: a compiled binary finds only workers beside or below its entry point. */
import "../fixtures/echo_worker.ts";
