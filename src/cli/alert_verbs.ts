/** `cpra silence`, `unsilence`, `silences`, `ack` and `test-alert`: ask a running cpra over its API. */
import { readFile } from "node:fs/promises";
import type { Environment } from "../manifest/variables.ts";
import type { AlertCallOptions } from "./command.ts";
import type { Io } from "./io.ts";

interface Surroundings {
  readonly env: Environment;
  readonly io: Io;
}

const ANSWER_MS_MAX = 30_000;

/** 0: done; 1: not, and why. */
export async function runAlertAction(
  { action, parameters, ...options }: AlertCallOptions & {
    readonly action: string;
    readonly parameters: Readonly<Record<string, unknown>>;
  },
  { env, io }: Surroundings,
): Promise<number> {
  return await speak(`Cannot ${action}`, io, async () => {
    const body = await call(options, env, { method: "POST", path: `/-/${action}`, parameters });
    io.out(String(body["message"]));
  });
}

/** One line per silence that is in force. */
export async function runSilences(options: AlertCallOptions, { env, io }: Surroundings): Promise<number> {
  return await speak("Cannot list silences", io, async () => {
    const body = await call(options, env, { method: "GET", path: "/api/v1/silences" });
    const silences = body["silences"] as readonly Readonly<Record<string, unknown>>[];
    if (silences.length === 0) io.out("No silence is in force");
    for (const { id, match, until, comment } of silences) {
      io.out(`${id}  until ${until}  ${(match as string[]).join(" ")}  ${comment}`.trimEnd());
    }
  });
}

async function speak(what: string, io: Io, act: () => Promise<void>): Promise<number> {
  try {
    await act();
    return 0;
  } catch (error) {
    io.err(`${what}: ${(error as Error).message}`);
    return 1;
  }
}

async function call(
  { endpoint, tokenFile }: AlertCallOptions,
  env: Environment,
  request: { readonly method: "GET" | "POST"; readonly path: string; readonly parameters?: unknown },
): Promise<Readonly<Record<string, unknown>>> {
  const token = tokenFile === undefined
    ? env["CPRA_TOKEN"] ?? ""
    : (await readFile(tokenFile, "utf8")).trim();
  if (token === "" && request.method === "POST") throw new Error("no token: use --token-file or CPRA_TOKEN");
  const answer = await fetch(new URL(request.path, endpoint), {
    method: request.method,
    headers: {
      ...(token === "" ? {} : { Authorization: `Bearer ${token}` }),
      ...(request.parameters === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(request.parameters === undefined ? {} : { body: JSON.stringify(request.parameters) }),
    redirect: "error",
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const body = await answer.json() as Readonly<Record<string, unknown>>;
  if (answer.ok) return body;
  const allowed = body["allowed"] ?? body["channels"];
  throw new Error(
    allowed === undefined ? String(body["error"]) : `${body["error"]}; allowed: ${String(allowed)}`,
  );
}
