/** The machine that stands beside every figure of a bench. */
import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import process from "node:process";
import { ROOT } from "./child.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly runtime: string;
  readonly revision: string;
  /** Processes that ran or wanted to, mean over the last minute: the bench's own and everyone else's. */
  readonly load: number;
}

export function thisMachine(): Machine {
  const processors = cpus();
  const { bun, deno } = process.versions as Readonly<Record<string, string | undefined>>;
  const git = spawnSync("git", ["-C", ROOT, "describe", "--always", "--dirty"], { encoding: "utf8" });
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1e8) / 10,
    kernel: `${type()} ${release()}`,
    runtime: bun !== undefined ? `Bun ${bun}` : `Deno ${deno}`,
    revision: git.status === 0 ? git.stdout.trim() : "unknown",
    load: loadNow(),
  };
}

export function loadNow(): number {
  return Math.round((loadavg()[0] as number) * 100) / 100;
}

export function describeMachine({ cpu, cores, memoryGb, kernel, runtime, revision, load }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GB, ${kernel}, ${runtime}, revision ${revision}, load ${load}`;
}
