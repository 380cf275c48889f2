/**
 * Repairs by a program of the user's: exit code 0 means repaired. No shell unless asked for, facts through the environment
 * (CPRA_MONITOR, CPRA_INCIDENT, CPRA_ATTEMPT, CPRA_ERROR). What the program leaves running (a service it has
 * started) stays; at the deadline its whole process group is ended, TERM and 500 ms later KILL.
 */
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import { argvOf, COMMAND_FIELDS, minimalEnvironment } from "../net/command.ts";
import { runProcess } from "../net/process.ts";
import { programResult, repairFacts } from "./program_result.ts";

interface ScriptConfig {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

type SharedConfig = Omit<ScriptConfig, "argv">;

const OUTPUT_LIMIT_BYTES = 64 * 1024;

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
      ...repairFacts(request),
    },
    ...(config.cwd === "" ? {} : { cwd: config.cwd }),
    timeoutMs: request.timeoutMs,
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    leftovers: "leave",
    settle: "at_deadline",
  }, signal);
  return programResult(result, { program: nameOf(argv), timeoutMs: request.timeoutMs });
}

function parseArgv(target: string): [string, ...string[]] {
  return JSON.parse(target) as [string, ...string[]];
}

function nameOf([program, option]: readonly [string, ...string[]]): string {
  return oneLine(program === "/bin/sh" && option === "-c" ? "shell command" : program);
}
