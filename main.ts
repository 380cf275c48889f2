/**
 * cpra: the executable. Arguments, exit code, and the worker files as literals, because bundlers find them only in the
 * program's root file.
 */
import process from "node:process";
import type { Lane } from "./src/lanes/lane.ts";
import type { WorkerLike } from "./src/engine/web_worker.ts";
import { runProgram } from "./src/cli/program.ts";

const MODULE = { type: "module" } as const;

function makeWorker(lane: Lane): WorkerLike {
  switch (lane) {
    case "pulse":
      return new Worker(new URL("./workers/pulse_raw.ts", import.meta.url), MODULE);
    case "hosted":
      return new Worker(new URL("./workers/pulse.ts", import.meta.url), MODULE);
    case "intervention":
      return new Worker(new URL("./workers/intervention.ts", import.meta.url), MODULE);
    case "code":
      return new Worker(new URL("./workers/code.ts", import.meta.url), MODULE);
  }
}

function makeServer(): WorkerLike {
  return new Worker(new URL("./workers/server.ts", import.meta.url), MODULE);
}

function makeJournal(): WorkerLike {
  return new Worker(new URL("./workers/journal.ts", import.meta.url), MODULE);
}

function makeNames(): WorkerLike {
  return new Worker(new URL("./workers/names.ts", import.meta.url), MODULE);
}

function makeTargets(): WorkerLike {
  return new Worker(new URL("./workers/mock.ts", import.meta.url), MODULE);
}

function makeLoader(): WorkerLike {
  return new Worker(new URL("./workers/loader.ts", import.meta.url), MODULE);
}

function makeReload(): WorkerLike {
  return new Worker(new URL("./workers/reload.ts", import.meta.url), MODULE);
}

process.exit(
  await runProgram(process.argv.slice(2), {
    makeWorker,
    makeServer,
    makeJournal,
    makeNames,
    makeTargets,
    makeLoader,
    makeReload,
  }),
);
