/**
 * Checks by a program of the user's: exit code and output as Nagios plug-ins give them. Typical load: up to some hundred a
 * second, 2–100 ms each. The program runs without a shell, in a process group of its own that is ended whole: TERM at
 * the deadline, KILL 500 ms later, behind the check's back so that its slot is free at the deadline.
 */
import { oneLine } from "../base/log.ts";
import { type Schema, z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { argvOf, COMMAND_FIELDS, minimalEnvironment } from "../net/command.ts";
import { failureOfCode } from "../net/failure.ts";
import { type ProcessEnd, type ProcessResult, runProcess } from "../net/process.ts";
import { parsePluginOutput } from "./perfdata.ts";

interface ScriptConfig {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** "" = where cpra runs. */
  readonly cwd: string;
  readonly warningIs: "pass" | "fail";
}

type SharedConfig = Omit<ScriptConfig, "argv">;

const OUTPUT_LIMIT_BYTES = 64 * 1024;
/** What is kept of a text; counted in characters here, cut to bytes where it is stored. */
const TEXT_CHARACTERS_MAX = 200;

const SCHEMA: Schema<ScriptConfig> = z.strictObject({
  ...COMMAND_FIELDS,
  warning_is: z.enum(["pass", "fail"]).default("fail"),
}).transform((input, context) => {
  const argv = argvOf(input);
  if (typeof argv === "string") {
    context.addIssue({ code: "custom", message: argv });
    return z.NEVER;
  }
  return { argv, env: input.env, cwd: input.cwd, warningIs: input.warning_is };
});

export const SCRIPT: Probe<ScriptConfig> = {
  kind: "script",
  aliases: ["command", "exec"],
  summary: "program with Nagios exit codes: 0 pass, 1 warning, 2 critical, 3 unknown",
  schema: SCHEMA,
  example: `name: backup-age
pulse_check:
  type: script
  interval: 5m
  timeout: 20s
  config:
    path: /usr/lib/nagios/plugins/check_file_age
    args: [-f, /var/backups/latest.tar, -w, "90000", -c, "180000"]
`,
  // Both ends of two pipes and the descriptor that tells of the end, while it starts.
  descriptors: 5,
  estimateMs: 50,
  split({ argv, ...shared }) {
    return { target: JSON.stringify(argv), shared };
  },
  run,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as SharedConfig;
  const result = await runProcess({
    argv: JSON.parse(request.target) as [string, ...string[]],
    env: { ...minimalEnvironment(), ...config.env, CPRA_MONITOR: request.monitor },
    ...(config.cwd === "" ? {} : { cwd: config.cwd }),
    timeoutMs: request.timeoutMs,
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    leftovers: "kill",
    settle: "at_deadline",
  }, signal);
  const { line, perfdata } = parsePluginOutput(
    result.output.trim() === "" ? result.errorOutput : result.output,
  );
  const verdict = verdictOf(result, config, request.timeoutMs);
  const text = verdict.text ?? oneLine(line).slice(0, TEXT_CHARACTERS_MAX);
  return { ...verdict, ...(text === "" ? {} : { text }), ...(perfdata.length === 0 ? {} : { perfdata }) };
}

function verdictOf(result: ProcessResult, config: SharedConfig, timeoutMs: number): ProbeResult {
  if (result.stopped === "flooded") {
    return { outcome: "fail", reason: "killed", value: 0, text: "stopped: endless output" };
  }
  if (result.stopped !== undefined) {
    return { outcome: "fail", reason: "script_timeout", value: Math.round(timeoutMs) };
  }
  const { end } = result;
  switch (end.kind) {
    case "exit":
      if (end.code === 0 || (end.code === 1 && config.warningIs === "pass")) {
        return { outcome: "pass", reason: "none", value: end.code };
      }
      return { outcome: "fail", reason: "exit_code", value: end.code };
    case "signal":
      return { outcome: "fail", reason: "killed", value: end.number };
    case "ending":
      return { outcome: "fail", reason: "script_timeout", value: Math.round(timeoutMs) };
    case "spawn_error":
      return spawnFailure(end);
  }
}

/** Too little of something is ours; a program that is missing or may not be run is the monitor's. */
function spawnFailure(end: Extract<ProcessEnd, { kind: "spawn_error" }>): ProbeResult {
  const failure = failureOfCode(end.code);
  if (failure.reason === "local_descriptors" || failure.reason === "local_buffers") return failure;
  return {
    outcome: "fail",
    reason: "spawn_failed",
    value: end.errno,
    text: oneLine(end.text).slice(0, TEXT_CHARACTERS_MAX),
  };
}
