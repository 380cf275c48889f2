/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Thread of the intervention lane: its registry and the lane's worker. */
import { startInterventionWorker } from "../src/lanes/intervention.ts";
import type { WorkerScope } from "../src/lanes/worker.ts";
import { REMEDIES } from "../src/remedies/registry.ts";

startInterventionWorker(self as unknown as WorkerScope, REMEDIES);
