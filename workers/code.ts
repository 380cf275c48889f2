/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Thread of the code lane: its registry and the lane's worker. */
import { startCodeWorker } from "../src/lanes/code.ts";
import type { WorkerScope } from "../src/lanes/worker.ts";
import { NOTIFIERS } from "../src/notifiers/registry.ts";

startCodeWorker(self as unknown as WorkerScope, NOTIFIERS);
