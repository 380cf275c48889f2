/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Thread of the pulse lane: its registry and the lane's worker. */
import { startPulseWorker } from "../src/lanes/pulse.ts";
import type { WorkerScope } from "../src/lanes/worker.ts";
import { useNames } from "../src/net/names.ts";
import { PROBES } from "../src/probes/registry.ts";

startPulseWorker(self as unknown as WorkerScope, { probes: PROBES, useNames });
