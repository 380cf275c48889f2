/**
 * Repairs by a program of the user's: exit code 0 means repaired. No shell unless asked for, facts through the environment
 * (CPRA_MONITOR, CPRA_INCIDENT, CPRA_ATTEMPT, CPRA_ERROR). What the program leaves running (a service it has
 * started) stays; at the deadline its whole process group is ended, TERM and 500 ms later KILL.
 */
import { formatDuration } from "../base/duration.ts";
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import { argvOf, COMMAND_FIELDS, minimalEnvironment } from "../net/command.ts";
import { type ProcessResult, runProcess } from "../net/process.ts";

interface ScriptConfig {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

type SharedConfig = Omit<ScriptConfig, "argv">;

const OUTPUT_LIMIT_BYTES = 64 * 1024;
const LINE_CHARACTERS_MAX = 300;

const SCHEMA = z.strictObject(COMMAND_FIELDS).transform((input, context): ScriptConfig => {
  const argv = argvOf(input);
  if (typeof argv !== "string") return { argv, env: input.env, cwd: input.cwd };
  context.addIssue({ code: "custom", message: argv });
  return z.NEVER;
});

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
intervention:
  action: script
  timeout: 30s
  config: {path: /usr/local/bin/repair-shop, args: [--quick]}
`;

export const SCRIPT: Remedy<ScriptConfig> = {
  kind: "script",
  aliases: ["command", "exec"],
  summary: "a program of yours; exit code 0 means repaired",
  schema: SCHEMA,
  example: EXAMPLE,
  split: ({ argv, ...shared }) => ({ target: JSON.stringify(argv), shared }),
  // Both ends of two pipes and the descriptor that tells of the end, while it starts.
  descriptors: 5,
  perMonitor: true,
  estimateMs: 1000,
  // Without the arguments, which may hold a secret.
  describe: (target) => `run ${nameOf(parseArgv(target))}`,
  run: runScript,
};

async function runScript(request: RemedyRequest, signal: AbortSignal): Promise<RemedyResult> {
  const config = request.config as SharedConfig;
  const argv = parseArgv(request.target);
  const result = await runProcess({
    argv,
    env: {
      ...minimalEnvironment(),
      ...config.env,
      CPRA_MONITOR: request.monitor,
      CPRA_INCIDENT: request.incident,
      CPRA_ATTEMPT: String(request.attempt),
      // A NUL cannot stand in an environment; everything else can.
      CPRA_ERROR: request.error.replaceAll("\0", " "),
    },
    ...(config.cwd === "" ? {} : { cwd: config.cwd }),
    timeoutMs: request.timeoutMs,
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    leftovers: "leave",
    settle: "at_deadline",
  }, signal);
  return verdictOf(result, { program: nameOf(argv), timeoutMs: request.timeoutMs });
}

interface Run {
  readonly program: string;
  readonly timeoutMs: number;
}

function verdictOf(result: ProcessResult, { program, timeoutMs }: Run): RemedyResult {
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

function parseArgv(target: string): [string, ...string[]] {
  return JSON.parse(target) as [string, ...string[]];
}

function nameOf([program, option]: readonly [string, ...string[]]): string {
  return oneLine(program === "/bin/sh" && option === "-c" ? "shell command" : program);
}
