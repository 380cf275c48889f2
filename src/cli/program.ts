/** The program: its plug-ins, its verbs, its standard streams. */
import process from "node:process";
import { createDescriptorSink } from "../host/descriptor_sink.ts";
import { loadSettingsFile } from "../manifest/load_settings.ts";
import { renderProblems } from "../manifest/problem.ts";
import { NOTIFIERS } from "../notifiers/registry.ts";
import { PROBES } from "../probes/registry.ts";
import { REMEDIES } from "../remedies/registry.ts";
import { VERSION } from "../base/version.ts";
import { runAlertAction, runSilences } from "./alert_verbs.ts";
import { runCommandLine, type Verbs } from "./command.ts";
import { runDemo } from "./demo.ts";
import { runGenerate } from "./generate.ts";
import { defaultFreezeFile, runFreeze, runUnfreeze } from "./freeze.ts";
import type { Io } from "./io.ts";
import { loaderThreads } from "./loader_threads.ts";
import { openLibc } from "../host/libc.ts";
import { thisMachine } from "./lane_settings.ts";
import { renderKinds } from "./kinds.ts";
import { runMock } from "./mock.ts";
import type { Threads } from "./program_context.ts";
import { runReload } from "./reload_verb.ts";
import { runRun } from "./run.ts";
import { runPlan } from "./run_plan.ts";
import { manifestJsonSchema } from "./schema.ts";
import { stopSignal } from "./signals.ts";
import { runValidate } from "./validate.ts";

/** A reader that takes nothing for so long is not coming back. */
const FLUSH_MS = 60_000;

/** Exit code; standard output and error are written out by then. */
export async function runProgram(argv: readonly string[], threads: Threads): Promise<number> {
  // Not process.stdout: a pipe takes a long answer in pieces, and the process may not end before the last.
  const [out, err] = [createDescriptorSink(1, Infinity), createDescriptorSink(2, Infinity)];
  const code = await runVerb(argv, { threads, io: { out: out.line, err: err.line } });
  await Promise.all([out.flush(FLUSH_MS), err.flush(FLUSH_MS)]);
  return code;
}

interface Surroundings {
  readonly threads: Threads;
  readonly io: Io;
}

function runVerb(argv: readonly string[], { threads, io }: Surroundings): Promise<number> {
  const registries = { probes: PROBES, remedies: REMEDIES, notifiers: NOTIFIERS };
  const context = { ...threads, registries, commandLine: ["cpra", ...argv] };
  const verbs: Verbs = {
    run: (options) => runRun(options, context),
    validate: (options) =>
      runValidate({ ...options, registries, env: process.env, loaders: loaderThreads(threads) }, io),
    schema() {
      io.out(JSON.stringify(manifestJsonSchema(registries), null, 2));
      return Promise.resolve(0);
    },
    kinds(name) {
      const { found, text } = renderKinds(registries, name);
      if (found) io.out(text);
      else io.err(`error: ${text}`);
      return Promise.resolve(found ? 0 : 2);
    },
    async plan({ files, config, output }) {
      const loaded = config === undefined ? undefined : await loadSettingsFile(config, { env: process.env });
      for (const line of loaded === undefined ? [] : renderProblems(loaded)) io.err(line);
      if (loaded !== undefined && loaded.errorCount > 0) return 1;
      const configured = loaded?.layer ?? {};
      return await runPlan({
        files,
        output,
        configured,
        registries,
        env: process.env,
        loaders: loaderThreads(threads),
        machine: thisMachine({ raw: await openLibc() !== undefined }),
      }, io);
    },
    generate: (options) => runGenerate(options, io),
    async mock(options) {
      const stop = stopSignal();
      try {
        return await runMock(options, io, stop.signal);
      } finally {
        stop.dispose();
      }
    },
    demo: (options) => runDemo(options, context, io),
    freeze: ({ freezeFile, state, reason }) =>
      runFreeze({ file: freezeFile ?? defaultFreezeFile(state ?? null, process.env), reason }, io),
    unfreeze: ({ freezeFile, state }) =>
      runUnfreeze(freezeFile ?? defaultFreezeFile(state ?? null, process.env), io),
    alertAction: (options) => runAlertAction(options, { env: process.env, io }),
    silences: (options) => runSilences(options, { env: process.env, io }),
    reload: (options) => runReload(options, { env: process.env, io }),
  };
  return runCommandLine(argv, { version: VERSION, verbs, io });
}
