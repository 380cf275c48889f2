/** How many threads parse a large manifest: as many as the machine runs at once. The engine's thread only takes rows then. */
import { availableParallelism } from "node:os";
import type { LoaderThreads } from "../manifest/loaders.ts";
import type { Threads } from "./program_context.ts";

const THREADS_MAX = 8;

export function loaderThreads({ makeLoader }: Pick<Threads, "makeLoader">): LoaderThreads {
  return { count: Math.min(THREADS_MAX, availableParallelism()), make: makeLoader };
}
