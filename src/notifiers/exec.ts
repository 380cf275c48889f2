/**
 * Alerts to a program of the user's: facts as JSON on its standard input and as CPRA_… in its environment, no shell unless asked for.
 * Exit code 0 means sent; 64 to 78 (sysexits.h: wrong usage, data, configuration) mean never, but for 75 (EX_TEMPFAIL); everything
 * else is tried again. At the deadline its whole process group is ended, TERM and 500 ms later KILL.
 * What it writes is shown to nobody: it may hold what the environment held.
 */
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import type { AlertMessage } from "../model/message.ts";
import type { DeliveryResult, Notifier } from "../model/plugin.ts";
import { argvOf, COMMAND_FIELDS, minimalEnvironment } from "../net/command.ts";
import { type ProcessEnd, runProcess } from "../net/process.ts";
import { alertFacts } from "./alert_facts.ts";
import { NOTHING_OPEN } from "./deliver.ts";

interface ExecConfig {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The lane gives up a little later. */
const TIMEOUT_MS_MAX = 60_000;
const TIMEOUT_MS_DEFAULT = 30_000;
const OUTPUT_LIMIT_BYTES = 1024;

const SCHEMA = z.strictObject({
  ...COMMAND_FIELDS,
  timeout: durationField().refine((ms) => ms <= TIMEOUT_MS_MAX, "expected at most 1m").default(
    TIMEOUT_MS_DEFAULT,
  ),
}).transform((input, context): ExecConfig => {
  const argv = argvOf(input);
  if (typeof argv !== "string") return { argv, env: input.env, cwd: input.cwd, timeout: input.timeout };
  context.addIssue({ code: "custom", message: argv });
  return z.NEVER;
});

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
codes:
  red:
    notify: exec
    config: {path: /usr/local/bin/ring-the-bell, args: [--loud], timeout: 10s}
`;

export const EXEC: Notifier<ExecConfig> = {
  kind: "exec",
  aliases: ["command", "script"],
  summary: "a program of yours, with the facts as JSON on its standard input",
  schema: SCHEMA,
  example: EXAMPLE,
  // Both ends of three pipes and the descriptor that tells of the end, while it starts.
  descriptors: 7,
  estimateMs: 100,
  timeoutMs: TIMEOUT_MS_MAX + 1000,
  // Without the arguments, which may hold a secret.
  describe: (config) => `exec ${config.argv[0]}`,
  open: (config) => ({
    ...NOTHING_OPEN,
    async send(message, signal) {
      const result = await runProcess({
        argv: config.argv,
        env: { ...minimalEnvironment(), ...config.env, ...environmentOf(message) },
        ...(config.cwd === "" ? {} : { cwd: config.cwd }),
        stdin: `${JSON.stringify(alertFacts(message))}\n`,
        timeoutMs: config.timeout,
        outputLimitBytes: OUTPUT_LIMIT_BYTES,
        leftovers: "kill",
        settle: "at_deadline",
      }, signal);
      return deliveryOf(result.stopped ?? result.end, EXEC.describe(config));
    },
  }),
};

/** The facts a shell script asks for first; all of them are on standard input. A NUL cannot stand in an environment. */
function environmentOf(message: AlertMessage): Record<string, string> {
  const { monitor, color, status, severity, title, summary, kind, target, error, incident, key } = message;
  const facts = { monitor, color, status, severity, title, summary, kind, target, error, incident, key };
  return Object.fromEntries(
    Object.entries(facts).map((
      [name, text],
    ) => [`CPRA_${name.toUpperCase()}`, text.toWellFormed().replaceAll("\0", " ")]),
  );
}

function deliveryOf(end: "timeout" | "aborted" | "flooded" | ProcessEnd, channel: string): DeliveryResult {
  const retry = (text: string) => ({ result: "retry", error: `${channel}: ${text}` }) as const;
  if (end === "timeout" || end === "aborted") return retry("not done in time");
  if (end === "flooded") return retry("it writes without end");
  if (end.kind === "ending") return retry("not done in time");
  if (end.kind === "signal") return retry(`ended by ${end.name}`);
  if (end.kind === "spawn_error") return retry(end.text);
  if (end.code === 0) return { result: "sent" };
  const error = `${channel}: exit code ${end.code}`;
  const forGood = end.code >= 64 && end.code <= 78 && end.code !== EX_TEMPFAIL;
  return { result: forGood ? "refused" : "retry", error };
}

const EX_TEMPFAIL = 75;
