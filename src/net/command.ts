/**
 * How the manifest names a program to run (path or command, args, env, cwd, shell), as script probes and script remedies
 * share it, and the environment such a program starts with. Running is process.ts.
 */
import { splitCommand } from "../base/command_words.ts";
import { z } from "../base/schema.ts";

const WORD = z.string().regex(/^[^\0]*$/, "expected no NUL character");
const ENVIRONMENT = z.record(z.string(), z.union([WORD, z.number(), z.boolean()]).transform(String)).refine(
  (env) => Object.keys(env).every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)),
  "expected variable names such as LANG",
);

/** Schema fields for a strict object. */
export const COMMAND_FIELDS = {
  path: WORD.min(1).optional(),
  command: z.union([WORD.min(1), z.array(WORD).min(1)]).optional(),
  args: z.union([z.array(z.union([WORD, z.number()]).transform(String)), WORD]).default([]),
  env: ENVIRONMENT.default({}),
  /** "" = where cpra runs. */
  cwd: WORD.default(""),
  shell: z.boolean().default(false),
} as const;

export interface CommandInput {
  readonly path?: string | undefined;
  readonly command?: string | readonly string[] | undefined;
  readonly args: string | readonly string[];
  readonly shell: boolean;
}

/** The words to run, or what is wrong, for people. */
export function argvOf(input: CommandInput): readonly [string, ...string[]] | string {
  const { path, command, shell } = input;
  const args = typeof input.args === "string" ? splitCommand(input.args) : input.args;
  if (typeof args === "string") return `args: ${args}`;
  if ((path === undefined) === (command === undefined)) return 'expected either "path" or "command"';
  if (shell) {
    if (typeof command !== "string") return 'expected "command" as one string when "shell" is true';
    // The word after the command is $0, so that args are $1 and following.
    return ["/bin/sh", "-c", command, "sh", ...args];
  }
  if (path !== undefined) return [path, ...args];
  const words = typeof command === "string" ? splitCommand(command) : command ?? [];
  if (typeof words === "string") return `command: ${words}`;
  const [program, ...rest] = words;
  return program === undefined || program === "" ? "expected a program to run" : [program, ...rest, ...args];
}

/** What any program may count on; secrets in cpra's own environment stay there. */
export function minimalEnvironment(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: process.env["HOME"] ?? "/",
    LANG: process.env["LANG"] ?? "C.UTF-8",
  };
}
