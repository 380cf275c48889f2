/**
 * The mock servers from a shell, without the binary; the same file runs under both runtimes:
 *
 *   deno run -A mock-servers/serve.ts targets --port 18080 --control 18081
 *   bun mock-servers/serve.ts pagerduty --port 18090
 */
import { parseArgs } from "node:util";
import { runMock } from "../src/cli/mock.ts";
import type { Io } from "../src/cli/io.ts";
import { aborted, stopSignal } from "../src/cli/signals.ts";
import { startKubernetesApi } from "./kubernetes_api.ts";
import type { Sink } from "./sink_faults.ts";
import { startDiscordSink } from "./sink_discord.ts";
import { startGooglechatSink } from "./sink_googlechat.ts";
import { startGotifySink } from "./sink_gotify.ts";
import { startMatrixSink } from "./sink_matrix.ts";
import { startMattermostSink } from "./sink_mattermost.ts";
import { startNtfySink } from "./sink_ntfy.ts";
import { startOpsgenieSink } from "./sink_opsgenie.ts";
import { startPagerdutySink } from "./sink_pagerduty.ts";
import { startPushoverSink } from "./sink_pushover.ts";
import { startSlackSink } from "./sink_slack.ts";
import { startSlackApiSink } from "./sink_slack_api.ts";
import { startTeamsSink } from "./sink_teams.ts";
import { startTelegramSink } from "./sink_telegram.ts";
import { startTwilioSink } from "./sink_twilio.ts";
import { startWebhookSink } from "./sink_webhook.ts";

const SINKS: Readonly<Record<string, (port: number) => Promise<Sink>>> = {
  discord: (port) => startDiscordSink({ port }),
  googlechat: (port) => startGooglechatSink({ port }),
  gotify: (port) => startGotifySink({ port }),
  matrix: (port) => startMatrixSink({ port }),
  mattermost: (port) => startMattermostSink({ port }),
  ntfy: (port) => startNtfySink({ port }),
  opsgenie: (port) => startOpsgenieSink({ port }),
  pagerduty: (port) => startPagerdutySink({ port }),
  pushover: (port) => startPushoverSink({ port }),
  slack: (port) => startSlackSink({ port }),
  "slack-api": (port) => startSlackApiSink({ port }),
  teams: (port) => startTeamsSink({ port }),
  telegram: (port) => startTelegramSink({ port }),
  twilio: (port) => startTwilioSink({ port }),
  webhook: (port) => startWebhookSink({ port }),
};

const USAGE =
  `usage: serve.ts targets [--port N] [--control N] [--count N] [--own N] [--own-port N] [--seed N]
       serve.ts kubernetes [--port N]
       serve.ts ${Object.keys(SINKS).join("|")} [--port N]
Port 0 lets the kernel choose.`;

const FLAGS = {
  port: { type: "string" },
  control: { type: "string" },
  count: { type: "string" },
  own: { type: "string" },
  "own-port": { type: "string" },
  seed: { type: "string" },
} as const;

class UsageError extends Error {}

const io: Io = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
};

async function serve(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parse(argv);
  const number = (name: keyof typeof FLAGS, fallback: number) => {
    const text = values[name];
    if (text === undefined) return fallback;
    if (!/^\d{1,10}$/.test(text)) throw new UsageError(`--${name} "${text}": expected a whole number`);
    return Number(text);
  };
  const [what, ...rest] = positionals;
  if (what === undefined || rest.length > 0) throw new UsageError("expected the name of one mock server");
  if (what === "targets") {
    const optional = {
      ...(values.count === undefined ? {} : { count: number("count", 0) }),
      ...(values.own === undefined ? {} : { own: number("own", 0) }),
      ...(values["own-port"] === undefined ? {} : { ownPort: number("own-port", 0) }),
    };
    const options = {
      port: number("port", 18_080),
      control: number("control", 18_081),
      seed: number("seed", 1),
    };
    return await runMock({ ...options, ...optional }, io, signal);
  }
  if (what === "kubernetes") return await serveKubernetes(number("port", 0), signal);
  const start = SINKS[what];
  if (start === undefined) throw new UsageError(`no mock server "${what}"`);
  const sink = await start(number("port", 0));
  io.out(`${what} sink: ${sink.url} (faults: POST ${sink.url}/__control)`);
  await aborted(signal);
  await sink[Symbol.asyncDispose]();
  io.out(`received ${sink.requests.length} requests`);
  return 0;
}

/** With a workload, a pod and a node to act on. */
async function serveKubernetes(port: number, signal: AbortSignal): Promise<number> {
  const api = await startKubernetesApi({ port, tokens: [] });
  api.state.add("deployments", "web", { spec: { replicas: 3 } });
  api.state.add("pods", "web-0", { spec: { controlled: true } });
  api.state.add("nodes", "node-1");
  io.out(`kubernetes API: ${api.url}`);
  await aborted(signal);
  await api[Symbol.asyncDispose]();
  io.out(`received ${api.requests.length} requests`);
  return 0;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const stop = stopSignal();
try {
  process.exitCode = await serve(process.argv.slice(2), stop.signal);
} catch (error) {
  io.err(error instanceof UsageError ? `${error.message}\n${USAGE}` : (error as Error).message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
} finally {
  stop.dispose();
}
