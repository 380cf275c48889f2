/** What a program that was run to repair is told, and what its end means. For scripts and for commands over ssh. */
import { formatDuration } from "../base/duration.ts";
import { oneLine } from "../base/log.ts";
import type { RemedyRequest, RemedyResult } from "../model/plugin.ts";
import type { ProcessResult } from "../net/process.ts";

const LINE_CHARACTERS_MAX = 300;

/** Environment variables. */
export function repairFacts({ monitor, incident, attempt, error }: RemedyRequest): Record<string, string> {
  return {
    CPRA_MONITOR: monitor,
    CPRA_INCIDENT: incident,
    CPRA_ATTEMPT: String(attempt),
    // A NUL cannot stand in an environment; everything else can.
    CPRA_ERROR: error.replaceAll("\0", " "),
  };
}

interface Run {
  readonly program: string;
  readonly timeoutMs: number;
}

export function programResult(result: ProcessResult, { program, timeoutMs }: Run): RemedyResult {
  const { end, stopped } = result;
  if (stopped === "flooded") {
    return { ok: false, retryable: false, text: `${program} was stopped: endless output` };
  }
  // What it did so far is unknown, and it may still be ending: running it again could do harm.
  if (stopped !== undefined || end.kind === "ending") {
    return {
      ok: false,
      retryable: false,
      text: `${program} was stopped: still running after ${formatDuration(timeoutMs)}`,
    };
  }
  if (end.kind === "spawn_error") {
    const lasting = end.code === "ENOENT" || end.code === "EACCES" || end.code === "EINVAL";
    return { ok: false, retryable: !lasting, text: oneLine(end.text) };
  }
  const said = firstLine(result);
  const line = said === "" ? "" : `: ${said}`;
  if (end.kind === "signal") {
    return { ok: false, retryable: true, text: `${program} was killed by ${end.name}${line}` };
  }
  return {
    ok: end.code === 0,
    retryable: end.code !== 0,
    text: `${program} ended with exit code ${end.code}${line}`,
  };
}

/** What a person wants to see first: the complaint, else the report. */
function firstLine(result: ProcessResult): string {
  const complaint = result.errorOutput.trim();
  const text = complaint === "" ? result.output.trim() : complaint;
  return oneLine((text.split("\n", 1)[0] as string).trim()).slice(0, LINE_CHARACTERS_MAX);
}
