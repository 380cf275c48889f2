/**
 * /debug/pprof/: the paths that Go's net/http/pprof has (pkg.go.dev/net/http/pprof), so that its users find their way:
 * `go tool pprof http://localhost:6060/debug/pprof/profile?seconds=5`. One profile at a time, 1 to 60 seconds.
 */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { ProfilerBusyError } from "./profiler.ts";
import {
  allocationProfile,
  cpuProfile,
  cpuProfileFile,
  ENGINE_THREAD,
  heapProfile,
  type ProfileSource,
  threadReports,
  tickTrace,
  type Timed,
} from "./profiles.ts";

const PROFILES = {
  cmdline: "the command line of this process",
  heap:
    "what is on the heaps, by constructor: ?thread=NAME for one thread, ?seconds=N for allocations by stack (under Deno only)",
  profile:
    "CPU of all threads, idle time left out: ?seconds=30, ?format=cpuprofile&thread=main for browsers' tools",
  threads: "all threads of the process, their state and CPU time: ?format=json",
  trace: "the engine's ticks and their stages, for ui.perfetto.dev: ?seconds=1",
} as const;

/** Of Go's profiles those that have no meaning here. */
const MISSING = ["allocs", "block", "goroutine", "mutex", "symbol", "threadcreate"] as const;

const MAX_SECONDS = 60;
const CPU_SECONDS = 30;
const TRACE_SECONDS = 1;
/** For Retry-After of a heap profile, which has no time of its own. */
const HEAP_SECONDS = 2;

export function profileRoutes(source: ProfileSource): Hono {
  const routes = new Hono();
  // With the slash, because the links are relative to the directory.
  routes.get("/debug/pprof", (c) => c.redirect("/debug/pprof/", 301));
  routes.get("/debug/pprof/", (c) => c.html(index()));
  // Arguments end with NUL bytes, as in Go and /proc.
  routes.get("/debug/pprof/cmdline", (c) => c.text(source.commandLine.join("\0")));
  routes.get("/debug/pprof/threads", (c) => threads(c, source));
  const add = (name: string, take: (c: Context, source: ProfileSource) => Promise<Response>) =>
    routes.get(`/debug/pprof/${name}`, async (c) => {
      // A HEAD must not cost what a GET costs.
      if (c.req.method === "HEAD") return c.body(null);
      return await take(c, source).catch((error) => refusal(c, error));
    });
  add("profile", profile);
  add("heap", heap);
  add("trace", trace);
  routes.get("/debug/pprof/:profile", missing);
  return routes;
}

async function profile(c: Context, source: ProfileSource): Promise<Response> {
  const timed = timedBy(c, CPU_SECONDS);
  const format = oneOf(c, "format", ["pprof", "cpuprofile"]);
  if (format === "pprof") {
    refuseUnless(
      c.req.query("thread") === undefined,
      "thread= goes with format=cpuprofile; pprof labels every thread",
    );
    const taken = await source.profiler.exclusively(timed.seconds, () => cpuProfile(source, timed));
    return download(c, taken, "profile.pb.gz");
  }
  const thread = threadBy(c, source) ?? ENGINE_THREAD;
  const taken = await source.profiler.exclusively(timed.seconds, () => cpuProfileFile(source, timed, thread));
  if (taken === undefined) {
    return c.text(`Thread ${thread} gave no profile: it ended or did not answer\n`, 503);
  }
  return download(c, taken, `${thread}.cpuprofile`);
}

async function heap(c: Context, source: ProfileSource): Promise<Response> {
  if (c.req.query("seconds") === undefined) {
    const thread = threadBy(c, source);
    const taken = await source.profiler.exclusively(HEAP_SECONDS, () => heapProfile(source, thread));
    return download(c, taken, "heap.pb.gz");
  }
  const timed = timedBy(c, TRACE_SECONDS);
  const allocations = await source.profiler.exclusively(
    timed.seconds,
    () => allocationProfile(source, timed),
  );
  return download(c, allocations, "heap.pb.gz");
}

async function trace(c: Context, source: ProfileSource): Promise<Response> {
  const timed = timedBy(c, TRACE_SECONDS);
  const taken = await source.profiler.exclusively(timed.seconds, () => tickTrace(source, timed));
  return download(c, taken, "trace.json");
}

async function threads(c: Context, source: ProfileSource): Promise<Response> {
  const reports = await threadReports(source);
  if (c.req.query("format") === "json") return c.json({ threads: reports });
  const rows = reports.map(({ thread, kernelName, kernelId, state, cpuSeconds, waitedSeconds }) =>
    [thread || "-", kernelName, kernelId, state, cpuSeconds.toFixed(3), waitedSeconds.toFixed(3)].join("\t")
  );
  return c.text(["thread\tkernel name\tid\tstate\tcpu s\twaited s", ...rows, ""].join("\n"));
}

/** A query that cannot be answered; the message says what was found and what is allowed. */
class QueryError extends Error {
  override readonly name = "QueryError";
}

function refuseUnless(holds: boolean, message: string): void {
  if (!holds) throw new QueryError(`Cannot profile: ${message}`);
}

function timedBy(c: Context, defaultSeconds: number): Timed {
  const text = c.req.query("seconds") ?? String(defaultSeconds);
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  const allowed = `allowed is a whole number from 1 to ${MAX_SECONDS}`;
  refuseUnless(seconds >= 1 && seconds <= MAX_SECONDS, `seconds is ${JSON.stringify(text)}; ${allowed}`);
  return { seconds, signal: c.req.raw.signal };
}

function oneOf<const Choice extends string>(
  c: Context,
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const text = c.req.query(name) ?? choices[0];
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw new QueryError(`Cannot profile: ${name} is ${JSON.stringify(text)}; allowed: ${choices.join(", ")}`);
}

function threadBy(c: Context, { profiler }: ProfileSource): string | undefined {
  const text = c.req.query("thread");
  if (text === undefined || profiler.threads.includes(text)) return text;
  throw new QueryError(
    `Cannot profile: thread is ${JSON.stringify(text)}; there are: ${profiler.threads.join(", ")}`,
  );
}

function refusal(c: Context, error: unknown): Response {
  if (error instanceof QueryError) return c.text(`${error.message}\n`, 400);
  if (!(error instanceof ProfilerBusyError)) throw error;
  return c.text(`${error.message}\n`, 409, { "Retry-After": String(error.retryAfterSeconds) });
}

function download(c: Context, body: Uint8Array | string, file: string): Response {
  const type = typeof body === "string" ? "application/json" : "application/octet-stream";
  const headers = { "Content-Type": type, "Content-Disposition": `attachment; filename="${file}"` };
  return c.body(body as Uint8Array<ArrayBuffer> | string, 200, headers);
}

function index() {
  const items = Object.entries(PROFILES).map(([name, what]) =>
    html`<li><a href="${name}">${name}</a>: ${what}</li>`
  );
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <title>/debug/pprof/</title>
      </head>
      <body>
        <h1>/debug/pprof/</h1>
        <ul>${items}</ul>
        <p>One profile at a time, 1 to ${MAX_SECONDS} seconds. Not here: ${MISSING.join(", ")}.</p>
        <p>See also <a href="../../metrics">/metrics</a> and <a href="../../">the status page</a>.</p>
      </body>
    </html>
  `;
}

function missing(c: Context): Response {
  const name = c.req.param("profile") ?? "";
  const known = (MISSING as readonly string[]).includes(name);
  const available = Object.keys(PROFILES).join(", ");
  return c.text(
    `${known ? "Not available here" : "Unknown profile"}: ${name}. Available: ${available}.\n`,
    404,
  );
}
