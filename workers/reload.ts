/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Thread that reads a manifest anew and compares it with what runs. */
import { type ReloadScope, startReloadThread } from "../src/cli/reload_thread.ts";
import { NOTIFIERS } from "../src/notifiers/registry.ts";
import { PROBES } from "../src/probes/registry.ts";
import { REMEDIES } from "../src/remedies/registry.ts";

startReloadThread(self as unknown as ReloadScope, {
  probes: PROBES,
  remedies: REMEDIES,
  notifiers: NOTIFIERS,
});
