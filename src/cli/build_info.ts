/** What was built: the version, the runtime, and the commit the build was told. */
import { VERSION } from "../base/version.ts";
import { runtimeName } from "../host/runtime.ts";
import type { BuildInfo } from "../telemetry/process_metrics.ts";

/** Replaced by compile.sh; absent when running from source. */
declare const CPRA_REVISION: string | undefined;

export function buildInfo(): BuildInfo {
  const revision = typeof CPRA_REVISION === "string" ? CPRA_REVISION : "source";
  return { version: VERSION, runtime: runtimeName(), revision, startedAtMs: Date.now() };
}
