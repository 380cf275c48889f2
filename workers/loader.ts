/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Thread that parses and validates ranges of a large manifest. */
import { type LoaderScope, startLoaderThread } from "../src/manifest/loader_thread.ts";
import { NOTIFIERS } from "../src/notifiers/registry.ts";
import { PROBES } from "../src/probes/registry.ts";
import { REMEDIES } from "../src/remedies/registry.ts";

startLoaderThread(self as unknown as LoaderScope, {
  probes: PROBES,
  remedies: REMEDIES,
  notifiers: NOTIFIERS,
});
