/**
 * What the hot parts cost: `deno task bench micro`. With `--old DIR` the same parts of another checkout run in the same
 * rounds; beside them stand plain ways to do the same, which say what the design buys.
 */
import { pathToFileURL } from "node:url";
import { generateManifest } from "../src/cli/generate.ts";
import { type Bench, compare, type Timing, type Work } from "./harness.ts";
import {
  columnsWork,
  expositionWork,
  heapWork,
  jsonWork,
  listWork,
  loadModules,
  type Modules,
  objectsWork,
  ringWork,
  transitionWork,
  wheelWork,
  yamlWork,
} from "./micro_cases.ts";
import { ROOT } from "./child.ts";
import type { Report } from "./report.ts";

export interface MicroOptions {
  readonly rounds: number;
  /** Of the work in the full bench, 0 to 1. */
  readonly scale: number;
  /** Folder of another checkout. */
  readonly old?: string | undefined;
}

export async function benchMicro(options: MicroOptions): Promise<Report> {
  const timings = (await microBenches(options)).flatMap((bench) => compare(bench, options));
  return {
    name: "micro",
    conditions:
      `${options.rounds} interleaved rounds, one thread, fixed seed; ratio to the first of each group`,
    tables: [{
      title: "Time per operation",
      columns: ["bench", "way", "min ns", "median ns", "ratio", "hash"],
      rows: timings.map(({ bench, way, minNs, medianNs, ratio, hash }: Timing) => [
        bench,
        way,
        minNs,
        medianNs,
        ratio,
        hash.toString(16),
      ]),
    }],
  };
}

async function microBenches({ scale, old }: MicroOptions): Promise<readonly Bench[]> {
  const now = await loadModules(pathToFileURL(ROOT));
  const before = old === undefined ? undefined : await loadModules(pathToFileURL(`${old}/`));
  const size = (full: number) => Math.max(64, Math.round(full * scale / 64) * 64);
  const ways = (work: (modules: Modules) => Work, others: Bench["ways"] = []): Bench["ways"] => [
    { name: "now", work: work(now) },
    ...(before === undefined ? [] : [{ name: "old", work: work(before) }]),
    ...others,
  ];
  const wheel = { rows: size(100_000), turns: 2 };
  const slots = size(1_000_000);
  const outcomes = size(2_000_000);
  const rows = size(1_000_000);
  const monitors = size(1000);
  const [yaml, json] = [await manifestOf(monitors, "yaml"), await manifestOf(monitors, "json")];
  return [
    {
      name: "ring: push and take",
      operations: slots,
      ways: ways((modules) => ringWork(modules, slots), [{ name: "array", work: listWork(slots) }]),
    },
    {
      name: "wheel: due and insert again",
      operations: wheel.rows * wheel.turns,
      ways: ways((modules) => wheelWork(modules, wheel), [{ name: "binary heap", work: heapWork(wheel) }]),
    },
    {
      name: "transition: one outcome",
      operations: outcomes,
      ways: ways((modules) => transitionWork(modules, outcomes)),
    },
    {
      name: "columns: write a result, scan",
      operations: rows,
      ways: ways((modules) => columnsWork(modules, rows), [{ name: "objects", work: objectsWork(rows) }]),
    },
    {
      name: "parse: one monitor",
      operations: monitors,
      ways: ways((modules) => yamlWork(modules, yaml), [{ name: "JSON.parse", work: jsonWork(json) }]),
    },
    { name: "exposition: all of /metrics", operations: 1, ways: ways(expositionWork) },
  ];
}

async function manifestOf(count: number, format: "yaml" | "json"): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  await generateManifest({
    count,
    mix: { http: 80, tcp: 20 },
    intervalMs: 30_000,
    timeoutMs: 5000,
    format,
    targets: { host: "127.1.0.1", port: 8080, controlPort: 8081 },
    withIntervention: 0.5,
    seed: 1,
  }, (chunk) => void (text += decoder.decode(chunk, { stream: true })));
  return text;
}
