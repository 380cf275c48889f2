/** `cpra validate FILE…`: everything that is wrong with the manifests, without running anything. */
import type { Registries } from "../model/plugin.ts";
import { type LoadResult, streamManifests } from "../manifest/load.ts";
import type { LoaderThreads } from "../manifest/loaders.ts";
import { renderProblems } from "../manifest/problem.ts";
import { resolveSettings } from "../manifest/settings.ts";
import type { Environment } from "../manifest/variables.ts";
import type { MonitorRows } from "../model/monitor_rows.ts";
import { createFleetLoad } from "./fleet_load.ts";
import { hindrances } from "./hindrances.ts";
import type { Io } from "./io.ts";

export interface ValidateRequest {
  readonly files: readonly string[];
  readonly strict: boolean;
  readonly lenient: boolean;
  readonly output: "text" | "json";
  readonly registries: Registries;
  readonly env: Environment;
  readonly loaders?: LoaderThreads;
}

/** 0: nothing wrong (warnings aside); 1: errors; 2: the command line was wrong. */
export async function runValidate(request: ValidateRequest, io: Io): Promise<number> {
  const usage = usageFault(request);
  if (usage !== undefined) {
    io.err(`error: ${usage}`);
    return 2;
  }
  const { files, output: _, ...options } = request;
  const fleet = createFleetLoad(request.registries);
  const onRows = (rows: MonitorRows, count: number) => fleet.addRows(rows, count);
  const result = await streamManifests(files, { ...options, onRows }, (monitor) => fleet.add(monitor));
  // The machine has no part in whether a manifest is right: one core stands for any.
  const { faults } = resolveSettings([result.settings], { cores: 1 });
  if (request.output === "json") io.out(JSON.stringify(jsonReport(result, faults), null, 2));
  else printText(result, faults, io);
  // Said, not judged: the manifest may be meant for another machine.
  for (const line of hindrances(fleet.kinds, request.registries.probes)) io.err(`note: ${line}`);
  return result.ok && faults.length === 0 ? 0 : 1;
}

function usageFault(request: ValidateRequest): string | undefined {
  if (request.files.length === 0) return "no file is named; expected: cpra validate FILE…";
  return request.strict && request.lenient ? "--strict and --lenient exclude each other" : undefined;
}

function jsonReport(result: LoadResult, faults: readonly string[]) {
  return {
    ok: result.ok && faults.length === 0,
    files: result.files,
    monitors: result.monitorCount,
    errors: result.errorCount + faults.length,
    warnings: result.warningCount,
    leftOut: { count: result.leftOutCount, monitors: result.leftOut },
    problems: result.problems,
    settingsFaults: faults,
  };
}

function printText(result: LoadResult, faults: readonly string[], io: Io): void {
  for (const line of renderProblems(result)) io.out(line);
  for (const fault of faults) io.out(`settings: error: ${fault}`);
  if (result.leftOutCount > 0) io.out(`left out: ${listLeftOut(result)}`);
  const counts = [
    count(result.files.length, "file"),
    count(result.monitorCount, "monitor"),
    count(result.errorCount + faults.length, "error"),
    count(result.warningCount, "warning"),
  ];
  io.out(counts.join(", "));
}

/** "3 monitors: a, b, c"; long lists end in "…". */
function listLeftOut(result: Pick<LoadResult, "leftOut" | "leftOutCount">): string {
  const shown = result.leftOut.slice(0, 20);
  return `${count(result.leftOutCount, "monitor")}: ${shown.join(", ")}${
    result.leftOutCount > shown.length ? ", …" : ""
  }`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
