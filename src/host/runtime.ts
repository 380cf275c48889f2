/** Which runtime this is, for people: logs, metrics, errors. */
import process from "node:process";

/** "bun 1.4.5", "deno 2.9.6". */
export function runtimeName(): string {
  const { bun, deno } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `bun ${bun}`;
  return deno === undefined ? `node ${process.versions.node}` : `deno ${deno}`;
}
