/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Thread of the pulse lane on raw sockets: its registry and the engine that owns the thread. */
import { startRawWorker } from "../src/lanes/raw_lane.ts";
import type { WorkerScope } from "../src/lanes/worker.ts";
import { createProbeEngine } from "../src/probes/raw_engine.ts";
import { PROBES } from "../src/probes/registry.ts";

startRawWorker(self as unknown as WorkerScope, (options) => createProbeEngine(PROBES, options));
