/**
 * An HTTP server on the runtime's own engine: Bun.serve or Deno.serve. For the server thread, never for the engine's.
 * Idle connections are not cut (Bun would after 10 s, event streams too); bodies are not expected and bounded where the
 * runtime lets us.
 */
export interface ServeOptions {
  readonly hostname: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Answers when `fetch` threw. */
  readonly onError: (error: unknown) => Response;
}

export interface HttpServer {
  /** The port is the real one. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Takes no new connection, gives running answers one second, then cuts them. */
  stop(): Promise<void>;
}

/** Bad input: the address cannot be had. The message says why, without the address, as the end of a sentence. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

const STOP_GRACE_MS = 1000;
const MAX_BODY_BYTES = 64 * 1024;

/** Throws ListenError. */
export function serve(options: ServeOptions): HttpServer {
  try {
    return typeof Deno === "undefined" ? serveByBun(options) : serveByDeno(options);
  } catch (error) {
    throw new ListenError(listenProblem(error), { cause: error });
  }
}

interface BunServer {
  readonly port: number;
  stop(closeActive: boolean): Promise<void>;
}

interface BunGlobal {
  serve(options: {
    hostname: string;
    port: number;
    idleTimeout: number;
    maxRequestBodySize: number;
    development: boolean;
    fetch: ServeOptions["fetch"];
    error: ServeOptions["onError"];
  }): BunServer;
}

function serveByBun({ hostname, port, fetch, onError }: ServeOptions): HttpServer {
  const bun = (globalThis as unknown as { Bun: BunGlobal }).Bun;
  const server = bun.serve({
    hostname,
    port,
    fetch,
    error: onError,
    idleTimeout: 0,
    maxRequestBodySize: MAX_BODY_BYTES,
    development: false,
  });
  return {
    address: { hostname, port: server.port },
    async stop() {
      if (!await withinGrace(server.stop(false))) await server.stop(true);
    },
  };
}

/**
 * Deno can either shut down gracefully or cut, not one after the other (the abort throws then), so the running answers are
 * counted here to know which.
 */
function serveByDeno({ hostname, port, fetch, onError }: ServeOptions): HttpServer {
  const cut = new AbortController();
  let running = 0;
  let stopping = false;
  let onIdle = () => {};
  const handle = async (request: Request): Promise<Response> => {
    if (stopping) return new Response("stopping\n", { status: 503 });
    running++;
    try {
      return await fetch(request);
    } finally {
      if (--running === 0) onIdle();
    }
  };
  const server = Deno.serve({ hostname, port, onError, signal: cut.signal, onListen() {} }, handle);
  return {
    address: { hostname, port: server.addr.port },
    async stop() {
      stopping = true;
      const idle = running === 0 ? Promise.resolve() : new Promise<void>((resolve) => onIdle = resolve);
      if (await withinGrace(idle)) await withinGrace(server.shutdown());
      else cut.abort();
    },
  };
}

/** False when it took longer. */
function withinGrace(done: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), STOP_GRACE_MS);
    done.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Both runtimes put the errno's name into `code`; Deno has none for a name that does not resolve. */
function listenProblem(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (code === "EADDRINUSE") return "the address is already in use";
  if (code === "EACCES") return "ports below 1024 need a privilege this process does not have";
  if (code === "EADDRNOTAVAIL") return "the address is not one of this machine, or the name is unknown";
  const message = error instanceof Error ? error.message : String(error);
  return /lookup/.test(message) ? "the address is not one of this machine, or the name is unknown" : message;
}
