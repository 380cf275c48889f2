/**
 * The server thread from its first message to its end. It may block on sockets; the engine never waits for it.
 * workers/server.ts is its caller.
 */
import { SYSTEM_CLOCK } from "../base/clock.ts";
import { ProfiledThread } from "../host/profiled_thread.ts";
import { type HttpServer, ListenError, serve } from "../host/serve.ts";
import { refuseListen } from "./access.ts";
import { ActionCalls } from "./action_calls.ts";
import { createServerApp } from "./app.ts";
import { formatListenAddress } from "./listen_address.ts";
import type { FromServer, ServerBoot, ToServer } from "./messages.ts";
import { Profiler } from "./profiler.ts";
import { SERVER_THREAD } from "./profiles.ts";
import { createSharedReaders, type SharedReaders } from "./shared_readers.ts";
import { SignalBatches } from "./signals.ts";

const SAMPLE_MS = 1000;

/** The part of a worker's global scope that is used; the same in every runtime. */
export interface ServerScope {
  onmessage: ((event: MessageEvent<ToServer>) => void) | null;
  postMessage(message: FromServer): void;
}

interface Running {
  readonly readers: SharedReaders;
  readonly servers: readonly HttpServer[];
  readonly profiler: Profiler;
  readonly calls: ActionCalls;
  readonly signals: SignalBatches;
  readonly sampling: ReturnType<typeof setInterval>;
}

export function startServerThread(scope: ServerScope): void {
  let running: Running | undefined;
  scope.onmessage = async ({ data: message }) => {
    if (message.type === "boot") running = await start(scope, message);
    else if (message.type === "loaded") running?.readers.loaded(message.shared);
    else if (message.type === "incidents") running?.readers.take(message.events);
    else if (message.type === "thread") running?.profiler.addThread(message.name, message.port);
    else if (message.type === "thread-ended") running?.profiler.removeThread(message.name);
    else if (message.type === "answer") running?.calls.take(message);
    else {
      clearInterval(running?.sampling);
      running?.profiler.close();
      running?.calls.close();
      running?.signals.flush();
      await Promise.all(running?.servers.map((server) => server.stop()) ?? []);
      scope.postMessage({ type: "stopped" });
    }
  };
}

async function start(scope: ServerScope, boot: ServerBoot): Promise<Running | undefined> {
  const { build, sloMs, shared, signalKinds } = boot;
  const readers = createSharedReaders({ build, sloMs, shared, signalKinds, ...SYSTEM_CLOCK });
  const profiler = createProfiler(boot);
  const calls = new ActionCalls((message) => scope.postMessage(message));
  const signals = new SignalBatches((batch) => scope.postMessage({ type: "signals", signals: batch }));
  const servers: HttpServer[] = [];
  try {
    for (const listen of boot.listen) {
      servers.push(open(scope, { boot, readers, profiler, calls, signals, listen }));
    }
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    await Promise.all(servers.map((server) => server.stop()));
    profiler.close();
    scope.postMessage({ type: "listen-failed", error: error.message });
    return undefined;
  }
  const urls = servers.map((server) => `http://${formatListenAddress(server.address)}`);
  scope.postMessage({ type: "listening", urls });
  return { readers, servers, profiler, calls, signals, sampling: setInterval(readers.sample, SAMPLE_MS) };
}

/** Knows this thread from the start; the others are told by the engine's. */
function createProfiler(boot: ServerBoot): Profiler {
  const profiler = new Profiler(boot.mail, SYSTEM_CLOCK.monoMs);
  if (boot.listen.some(({ pprof }) => pprof)) {
    const { port1, port2 } = new MessageChannel();
    new ProfiledThread(port1).serve();
    profiler.addThread(SERVER_THREAD, port2);
  }
  return profiler;
}

interface Opening {
  readonly boot: ServerBoot;
  readonly readers: SharedReaders;
  readonly profiler: Profiler;
  readonly calls: ActionCalls;
  readonly signals: SignalBatches;
  readonly listen: ServerBoot["listen"][number];
}

/** Throws a ListenError that says where, why and what to do. */
function open(scope: ServerScope, { boot, readers, profiler, calls, signals, listen }: Opening): HttpServer {
  const refusal = refuseListen(listen, boot.token);
  if (refusal !== undefined) throw new ListenError(refusal);
  const logError = (error: unknown, path: string) => {
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    scope.postMessage({
      type: "log",
      level: "error",
      message: "Cannot answer a request",
      fields: { path, error: text },
    });
  };
  const app = createServerApp(readers, {
    address: listen,
    token: boot.token,
    actions: { names: boot.actions, call: calls.call },
    signals: { rowsOf: readers.signalRows, take: signals.take },
    profiles: listen.pprof
      ? { profiler, commandLine: boot.commandLine, wallMs: SYSTEM_CLOCK.wallMs }
      : undefined,
    onError: logError,
  });
  const { hostname, port, option } = listen;
  try {
    return serve({
      hostname,
      port,
      fetch: (request) => app.fetch(request),
      onError(error) {
        logError(error, "");
        return new Response("The answer could not be made; the log says why\n", { status: 500 });
      },
    });
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const advice = `Free it, or choose another with ${option} HOST:PORT (port 0 takes a free one).`;
    throw new ListenError(`Cannot listen on ${formatListenAddress(listen)}: ${error.message}. ${advice}`);
  }
}
