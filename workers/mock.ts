/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Thread of the demo's mock fleet. */
import { startTargetThread, type TargetScope } from "../mock-servers/target_thread.ts";

startTargetThread(self as unknown as TargetScope);
