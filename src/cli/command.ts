/**
 * The command line, and the only importer of the library that parses it. Every verb and flag is stated here once; the
 * verbs themselves are functions that take plain options and return an exit code:
 *   0 done, 1 it could not be done (bad manifest, address in use, …), 2 the command line was wrong.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { parseDuration } from "../base/duration.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../base/log.ts";
import { suggest } from "../base/suggest.ts";
import type { Io } from "./io.ts";

export interface RunOptions {
  readonly yaml: readonly string[];
  readonly config?: string | undefined;
  readonly debug?: true | undefined;
  readonly pprof?: boolean | undefined;
  readonly pprofAddr?: string | undefined;
  readonly listen?: string | undefined;
  readonly state?: string | undefined;
  readonly logFormat?: LogFormat | undefined;
  readonly logLevel?: LogLevel | undefined;
  readonly strict?: true | undefined;
  readonly lenient?: true | undefined;
  readonly allowMissing?: true | undefined;
  readonly durationMs?: number | undefined;
  readonly dryRun?: true | undefined;
  readonly freezeFile?: string | undefined;
}

export interface ValidateOptions {
  readonly files: readonly string[];
  readonly strict: boolean;
  readonly lenient: boolean;
  readonly output: "text" | "json";
}

export interface PlanOptions {
  readonly files: readonly string[];
  readonly config?: string | undefined;
  readonly output: "text" | "json";
}

export interface GenerateOptions {
  readonly count: number;
  readonly mix: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly format: "yaml" | "json" | "jsonl";
  readonly host: string;
  readonly port: number;
  readonly controlPort?: number | undefined;
  readonly interventions: number;
  readonly seed: number;
  readonly out?: string | undefined;
}

export interface MockOptions {
  readonly count: number;
  readonly own: number;
  readonly port: number;
  readonly control: number;
  readonly seed: number;
}

export interface DemoOptions {
  readonly monitors: number;
  readonly seed: number;
  readonly durationMs?: number | undefined;
  readonly listen: string;
}

/** Which file the kill switch is; the directory of state counts when no file is named. */
export interface FreezeFileOptions {
  readonly freezeFile?: string | undefined;
  readonly state?: string | undefined;
}

export interface ReloadOptions {
  readonly force: boolean;
  readonly endpoint: string;
  readonly tokenFile?: string | undefined;
}

/** Which running cpra is asked. */
export interface AlertCallOptions {
  readonly endpoint: string;
  readonly tokenFile?: string | undefined;
}

export interface Verbs {
  run(options: RunOptions): Promise<number>;
  validate(options: ValidateOptions): Promise<number>;
  schema(): Promise<number>;
  kinds(name: string | undefined): Promise<number>;
  plan(options: PlanOptions): Promise<number>;
  generate(options: GenerateOptions): Promise<number>;
  mock(options: MockOptions): Promise<number>;
  demo(options: DemoOptions): Promise<number>;
  freeze(options: FreezeFileOptions & { readonly reason?: string | undefined }): Promise<number>;
  unfreeze(options: FreezeFileOptions): Promise<number>;
  /** POST /-/ACTION of a running cpra. */
  alertAction(
    options: AlertCallOptions & {
      readonly action: string;
      readonly parameters: Readonly<Record<string, unknown>>;
    },
  ): Promise<number>;
  silences(options: AlertCallOptions): Promise<number>;
  reload(options: ReloadOptions): Promise<number>;
}

const USAGE = 2;

/** Parses argv (without program name) and runs the verb it names. */
export async function runCommandLine(argv: readonly string[], { version, verbs, io }: {
  readonly version: string;
  readonly verbs: Verbs;
  readonly io: Io;
}): Promise<number> {
  let exitCode = 0;
  const set = (code: Promise<number>) => code.then((value) => void (exitCode = value));
  const program = createProgram({ version, verbs, set });
  for (const command of [program, ...program.commands]) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, "")),
      writeErr: (text) => io.err(text.replace(/\n$/, "")),
    });
  }
  const verb = argv[0];
  if (
    verb !== undefined && !verb.startsWith("-") && verb !== "help" &&
    !program.commands.some((each) => each.name() === verb)
  ) {
    const near = suggest(verb, program.commands.map((each) => each.name()));
    io.err(
      `error: unknown command '${verb}'${
        near === undefined ? "" : ` (did you mean '${near}'?)`
      }; 'cpra --help' lists them`,
    );
    return USAGE;
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : USAGE;
  }
  return exitCode;
}

interface Context {
  readonly version: string;
  readonly verbs: Verbs;
  readonly set: (code: Promise<number>) => Promise<void>;
}

function createProgram(context: Context) {
  const program = new Command("cpra")
    .description("Watches a fleet: checks every monitor, repairs what fails, tells people.")
    .version(context.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", EXIT_CODES)
    .enablePositionalOptions()
    .showSuggestionAfterError();
  addRun(program, context);
  addManifestVerbs(program, context);
  addFleetVerbs(program, context);
  addFreezeVerbs(program, context);
  addAlertVerbs(program, context);
  addReload(program, context);
  return program;
}

const EXIT_CODES = `
Without a command, run is meant: cpra --yaml monitors.yaml

Exit codes:
  0  done; after a signal: drained and stopped
  1  it could not be done; the message says what and where
  2  the command line was wrong
  3  it ended in order, to be started again by its supervisor (memory)`;

function addRun(program: Command, { verbs, set }: Context): void {
  program.command("run", { isDefault: true })
    .description("check, repair and alert until a signal comes (the default)")
    .option(
      "--yaml <file>",
      "manifest: file or directory (YAML, JSON, JSON lines, also gzipped), - for standard input; repeatable",
      collect,
      [],
    )
    .option("--config <file>", "settings of the application (pools, SLO, queues, addresses)")
    .option("--debug", "log every sizing decision and its inputs; the same as --log-level debug")
    .option("--pprof [on]", "profiling endpoint: true or false (default: true)", parseBoolean)
    .option("--pprof.addr <address>", "address of the profiling endpoint (default: localhost:6060)")
    .option("--listen <address>", "a further address for metrics, API and page")
    .option(
      "--state <dir>",
      "directory for incidents, undelivered alerts and the compiled manifest; memory: none (default: $STATE_DIRECTORY, else ./cpra-state, without the compiled manifest)",
    )
    .addOption(new Option("--log-format <format>", "form of the log (default: text)").choices(LOG_FORMATS))
    .addOption(
      new Option("--log-level <level>", "least level that is logged (default: info)").choices(LOG_LEVELS),
    )
    .option("--strict", "treat warnings as errors")
    .addOption(new Option("--lenient", "leave bad monitors out and name them").conflicts("strict"))
    .option("--allow-missing", "start without monitors when a manifest does not exist")
    .option("--dry-run", "say which repairs would run, and run none")
    .option("--freeze-file <path>", FREEZE_FILE)
    .option("--duration <time>", "stop by itself after this time", parseTime)
    .allowExcessArguments(false)
    .showSuggestionAfterError()
    .action(({ duration, ...options }, command) =>
      set(verbs.run({
        ...options,
        durationMs: duration,
        // The library keeps the dot of the flag in the name of its value.
        pprofAddr: (command.opts() as Record<string, unknown>)["pprof.addr"] as string | undefined,
      }))
    );
}

function addManifestVerbs(program: Command, { verbs, set }: Context): void {
  const output = () =>
    new Option("--output <form>", "form of the answer").choices(["text", "json"] as const).default(
      "text" as const,
    );
  program.command("validate")
    .description("check manifests and say everything that is wrong with them")
    .argument("<files...>", "manifests: files or directories, - for standard input")
    .option("--strict", "treat warnings as errors", false)
    .addOption(
      new Option("--lenient", "leave bad monitors out and name them").conflicts("strict").default(false),
    )
    .addOption(output())
    .action((files, options) => set(verbs.validate({ files, ...options })));
  program.command("plan")
    .description(
      "say what a manifest needs, without running it: load, slots, threads, waits, memory, descriptors",
    )
    .argument("<files...>", "manifests: files or directories, - for standard input")
    .option("--config <file>", "settings of the application")
    .addOption(output())
    .action((files, options) => set(verbs.plan({ files, ...options })));
  program.command("schema")
    .description("print the manifest's JSON Schema, for editors")
    .action(() => set(verbs.schema()));
  program.command("kinds")
    .description("list the checks, remedies and notifiers, or explain one")
    .argument("[name]", "kind to explain")
    .action((name) => set(verbs.kinds(name)));
}

function addFleetVerbs(program: Command, { verbs, set }: Context): void {
  program.command("generate")
    .description("write a manifest of any size for the mock fleet")
    .option("--count <n>", "monitors", parseCount, 10_000)
    .option("--mix <kinds>", "kinds and their weights", "http:80,tcp:10,script:10")
    .option("--interval <time>", "interval of every monitor", parseTime, 30_000)
    .option("--timeout <time>", "timeout of every check (default: 5s, at most the interval)", parseTime)
    .addOption(
      new Option("--format <form>", "form of the manifest").choices(["yaml", "json", "jsonl"] as const)
        .default("yaml" as const),
    )
    .option(
      "--host <address>",
      "127.*: monitors spread over the mock fleet's addresses; any other host gets them all",
      "127.0.0.1",
    )
    .option("--port <n>", "port of the fleet", parsePort, 18_080)
    .option(
      "--control-port <n>",
      "port of the fleet's control endpoint, which repairs call (default: --port + 1)",
      parsePort,
    )
    .option("--interventions <fraction>", "part of the monitors that has a repair, 0 to 1", parseFraction, 0)
    .option("--seed <n>", "seed of the random choices", parseCount, 1)
    .option("--out <file>", "where to write; default: standard output")
    .action(({ interval, timeout, ...options }) =>
      set(
        verbs.generate({ ...options, intervalMs: interval, timeoutMs: timeout ?? Math.min(5000, interval) }),
      )
    );
  program.command("mock")
    .description("run the mock fleet: targets with faults on purpose")
    .option("--port <n>", "port of the targets", parsePort, 18_080)
    .option("--control <n>", "port of the control endpoint, on 127.0.0.1", parsePort, 18_081)
    .option("--count <n>", "targets on the shared port", parseCount, 1 << 20)
    .option("--own <n>", "targets with a port of their own, which can be refused one by one", parseCount, 32)
    .option("--seed <n>", "seed of the random choices", parseCount, 1)
    .action((options) => set(verbs.mock(options)));
  program.command("demo")
    .description("watch cpra check, repair and alert on an embedded fleet")
    .option("--monitors <n>", "size of the fleet", parseCount, 10_000)
    .option("--seed <n>", "seed of the failures", parseCount, 1)
    .option("--duration <time>", "stop by itself after this time", parseTime)
    .option("--listen <address>", "address of the endpoint", "localhost:6060")
    .action(({ duration, ...options }) => set(verbs.demo({ ...options, durationMs: duration })));
}

const FREEZE_FILE =
  "the kill switch: no repair begins while it exists (default: freeze in the directory of --state)";

const FREEZE_STATE = "as for run (default: $STATE_DIRECTORY, else ./cpra-state)";

function addFreezeVerbs(program: Command, { verbs, set }: Context): void {
  program.command("freeze")
    .description("hold all repairs back, now and after restarts; checks and alerts go on")
    .option("--freeze-file <path>", FREEZE_FILE)
    .option("--state <dir>", FREEZE_STATE)
    .option("--reason <text>", "kept in the file")
    .action((options) => set(verbs.freeze(options)));
  program.command("unfreeze")
    .description("let repairs go on that still are needed")
    .option("--freeze-file <path>", FREEZE_FILE)
    .option("--state <dir>", FREEZE_STATE)
    .action((options) => set(verbs.unfreeze(options)));
}

function addReload(program: Command, { verbs, set }: Context): void {
  program.command("reload")
    .description("make a running cpra read its manifest again and take over what changed (or send it SIGHUP)")
    .option("--force", "also when more than 10 % of the monitors go or 20 % of the remedies change")
    .option("--endpoint <url>", "of the running cpra", ENDPOINT)
    .option("--token-file <path>", TOKEN_FILE)
    .action(({ force, ...options }) => set(verbs.reload({ ...options, force: force === true })));
}

const ENDPOINT = "http://localhost:6060";
const TOKEN_FILE = "file with the token of its settings (default: $CPRA_TOKEN)";

function addAlertVerbs(program: Command, { verbs, set }: Context): void {
  const ask = (name: string, description: string) =>
    program.command(name).description(description)
      .option("--endpoint <url>", "of the running cpra", ENDPOINT)
      .option("--token-file <path>", TOKEN_FILE);
  const say = (action: string, parameters: Readonly<Record<string, unknown>>, options: AlertCallOptions) =>
    set(verbs.alertAction({ ...options, action, parameters }));
  ask("silence", "keep alerts back for a time; what still fails then is told then")
    .argument(
      "<match...>",
      '"LABEL=VALUE", "group=NAME" or "monitor=NAME", * for any characters; all of them hold',
    )
    .requiredOption("--for <time>", "how long, such as 2h")
    .option("--comment <text>", "why")
    .action((match, { for: time, comment, ...options }) =>
      say("silence", { match, for: time, ...(comment === undefined ? {} : { comment }) }, options)
    );
  ask("silences", "list the silences that are in force")
    .action((options) => set(verbs.silences(options)));
  ask("unsilence", "end a silence").argument("<id>", "as cpra silences lists it")
    .action((id, options) => say("unsilence", { id }, options));
  ask("ack", "acknowledge a trouble: reminders and escalation stop")
    .argument("<what>", "name of the monitor or id of the incident")
    .option("--by <name>", "who takes care of it")
    .action((what, { by, ...options }) => say("ack", { what, ...(by === undefined ? {} : { by }) }, options));
  ask("test-alert", "send an alert and its resolve on purpose, marked as a test")
    .argument(
      "<what>",
      "name of a monitor (all its channels), a kind of channel, or a channel as the metrics name it",
    )
    .action((what, options) => say("test-alert", { what }, options));
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function parseBoolean(value: string): boolean {
  if (value === "true" || value === "1" || value === "on") return true;
  if (value === "false" || value === "0" || value === "off") return false;
  throw new InvalidArgumentError("Allowed: true, false.");
}

function parseTime(value: string): number {
  const ms = parseDuration(value);
  if (ms === undefined || ms === 0) {
    throw new InvalidArgumentError('Allowed: a duration such as "30s" or "1m30s", more than 0.');
  }
  return ms;
}

function parseCount(value: string): number {
  if (!/^\d{1,10}$/.test(value)) throw new InvalidArgumentError("Allowed: a whole number, 0 or more.");
  return Number(value);
}

function parsePort(value: string): number {
  const port = parseCount(value);
  if (port > 65_535) throw new InvalidArgumentError("Allowed: 0 to 65535.");
  return port;
}

function parseFraction(value: string): number {
  const fraction = Number(value);
  if (!(fraction >= 0 && fraction <= 1)) throw new InvalidArgumentError("Allowed: 0 to 1.");
  return fraction;
}
