/**
 * Repairs by a command on another host, through the system's ssh client: exit code 0 means repaired. Strict: the host's key
 * must be known, no password is asked for, nothing is forwarded, no configuration of the user's is read. The remote
 * program gets the facts as JSON on its standard input, and as CPRA_… variables where its server accepts them (AcceptEnv).
 * At the deadline the client is ended; what it had begun over there may go on.
 */
import { PORT_FIELD } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import { minimalEnvironment } from "../net/command.ts";
import { runProcess } from "../net/process.ts";
import { programResult, repairFacts } from "./program_result.ts";

interface SshTarget {
  readonly host: string;
  readonly port: number;
  /** "" = the user that cpra runs as. */
  readonly user: string;
  /** For the login shell over there. */
  readonly command: string;
}

interface SshOptions {
  /** "" = ssh's usual ones. */
  readonly identityFile: string;
  readonly knownHostsFile: string;
  /** Seconds. */
  readonly connectTimeout: number;
}

type SshConfig = SshTarget & SshOptions;

const OUTPUT_LIMIT_BYTES = 64 * 1024;
/** ssh(1), "EXIT STATUS": its own errors. */
const SSH_FAILED = 255;
/** Errors of the client that stay until someone changes something. */
const LASTING =
  /Host key verification failed|Permission denied|No .*host key is known|Bad configuration|not accessible/;

const WORD = z.string().regex(/^[^\0\r\n]+$/, "expected one line");
/** Neither an option nor a user part. */
const HOST = z.string().regex(
  /^[A-Za-z0-9_:.%][A-Za-z0-9_:.%-]*$/,
  "expected a host name or an address, without user or port",
);
/** ssh expands % and ~ in paths. */
const PATH = z.string().regex(/^\/[^%"\0\r\n]*$/, "expected an absolute path without %");

const SCHEMA = z.strictObject({
  host: HOST,
  port: PORT_FIELD.default(22),
  user: z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "expected a user name").optional(),
  /** A list is quoted word by word. */
  command: z.union([WORD, z.array(z.string().regex(/^[^\0]*$/)).min(1)]),
  identity_file: PATH.optional(),
  known_hosts_file: PATH.optional(),
  connect_timeout: z.number().int().min(1).max(300).default(10),
}).transform((input): SshConfig => ({
  host: input.host,
  port: input.port,
  user: input.user ?? "",
  command: typeof input.command === "string" ? input.command : input.command.map(quoted).join(" "),
  identityFile: input.identity_file ?? "",
  knownHostsFile: input.known_hosts_file ?? "",
  connectTimeout: input.connect_timeout,
}));

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
intervention:
  action: ssh
  timeout: 60s
  config:
    host: shop.example.com
    user: deploy
    identity_file: /etc/cpra/id_ed25519
    known_hosts_file: /etc/cpra/known_hosts
    command: [sudo, systemctl, restart, shop]
`;

export const SSH: Remedy<SshConfig> = {
  kind: "ssh",
  aliases: [],
  summary: "a command on another host, by the system's ssh client; exit code 0 means repaired",
  schema: SCHEMA,
  example: EXAMPLE,
  split: ({ host, port, user, command, ...shared }) => ({
    target: `${user === "" ? "" : `${user}@`}${host}:${port} ${command}`,
    shared,
  }),
  // Both ends of three pipes and the descriptor that tells of the end, while it starts.
  descriptors: 7,
  estimateMs: 2000,
  // Without the arguments, which may hold a secret.
  describe: (target) => `run ${programOf(parse(target))}`,
  run,
};

async function run(request: RemedyRequest, signal: AbortSignal): Promise<RemedyResult> {
  const target = parse(request.target);
  const { monitor, incident, attempt, error } = request;
  const result = await runProcess({
    argv: argvOf(target, request.config as SshOptions),
    env: { ...minimalEnvironment(), ...repairFacts(request) },
    stdin: `${JSON.stringify({ monitor, incident, attempt, error })}\n`,
    timeoutMs: request.timeoutMs,
    outputLimitBytes: OUTPUT_LIMIT_BYTES,
    leftovers: "kill",
    settle: "at_deadline",
  }, signal);
  const verdict = programResult(result, { program: programOf(target), timeoutMs: request.timeoutMs });
  const refused = result.end.kind === "exit" && result.end.code === SSH_FAILED &&
    LASTING.test(result.errorOutput);
  return refused ? { ...verdict, retryable: false } : verdict;
}

function argvOf(target: SshTarget, options: SshOptions): [string, ...string[]] {
  const settings = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "UpdateHostKeys=no",
    "ConnectionAttempts=1",
    `ConnectTimeout=${options.connectTimeout}`,
    // A peer that dies in the middle is noticed, whatever the deadline.
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "EscapeChar=none",
    "LogLevel=ERROR",
    "SendEnv=CPRA_*",
  ];
  if (options.identityFile !== "") {
    settings.push(`IdentityFile="${options.identityFile}"`, "IdentitiesOnly=yes", "IdentityAgent=none");
  }
  if (options.knownHostsFile !== "") {
    settings.push(`UserKnownHostsFile="${options.knownHostsFile}"`, "GlobalKnownHostsFile=/dev/null");
  }
  return [
    "ssh",
    "-F",
    "none",
    "-T",
    ...settings.flatMap((setting) => ["-o", setting]),
    "-p",
    String(target.port),
    ...(target.user === "" ? [] : ["-l", target.user]),
    "--",
    target.host,
    target.command,
  ];
}

/** As one word of a shell; what no shell takes for more than itself stays as people write it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What `split` wrote: "deploy@db1:22 systemctl restart shop". */
function parse(target: string): SshTarget {
  const space = target.indexOf(" ");
  const login = target.slice(0, space);
  const at = login.indexOf("@");
  const colon = login.lastIndexOf(":");
  return {
    user: login.slice(0, Math.max(0, at)),
    host: login.slice(at + 1, colon),
    port: Number(login.slice(colon + 1)),
    command: target.slice(space + 1),
  };
}

/** The first word, for people: "systemctl on deploy@db1". */
function programOf({ command, user, host }: SshTarget): string {
  const program = (command.trim().split(/\s+/, 1)[0] as string).replace(/^'(.*)'$/, "$1");
  return `${program} on ${user === "" ? "" : `${user}@`}${host}`;
}
