/**
 * The process_* metrics every Prometheus client exports, for the whole process, whatever thread asks; and the build.
 * Reads /proc, so only the server thread may call it: listing 20,000 descriptors takes some ms. Where there is no
 * /proc (other systems) the values that need it are left out.
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Family, Point } from "./exposition.ts";
import { type MetricFamily, PROCESS_METRICS } from "./metric_table.ts";

export interface BuildInfo {
  readonly version: string;
  /** "bun 1.4.5" */
  readonly runtime: string;
  /** Commit it was built from, or "unknown". */
  readonly revision: string;
  /** Wall clock at the start of the process, ms. */
  readonly startedAtMs: number;
}

export function processFamilies(build: BuildInfo): Family[] {
  const { user, system } = process.cpuUsage();
  const status = readOr("/proc/self/status");
  const limits = readOr("/proc/self/limits");
  const { version, runtime, revision } = build;
  return [
    family(PROCESS_METRICS.buildInfo, 1, [["version", version], ["runtime", runtime], [
      "revision",
      revision,
    ]]),
    family(PROCESS_METRICS.cpu, (user + system) / 1e6),
    family(PROCESS_METRICS.residentMemory, process.memoryUsage().rss),
    family(PROCESS_METRICS.virtualMemory, kibibytes(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1])),
    family(PROCESS_METRICS.openDescriptors, openDescriptors()),
    family(PROCESS_METRICS.maxDescriptors, maxDescriptors(/^Max open files\s+(\S+)/m.exec(limits)?.[1])),
    family(PROCESS_METRICS.startTime, build.startedAtMs / 1000),
  ];
}

function family(metric: MetricFamily, value: number | undefined, labels: Point["labels"] = []): Family {
  return { ...metric, points: value === undefined ? [] : [{ labels, value }] };
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function openDescriptors(): number | undefined {
  try {
    // One of them is the directory being read.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}

function maxDescriptors(limit: string | undefined): number | undefined {
  if (limit === undefined) return undefined;
  return limit === "unlimited" ? Infinity : Number(limit);
}

function kibibytes(count: string | undefined): number | undefined {
  return count === undefined ? undefined : Number(count) * 1024;
}
