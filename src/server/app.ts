/**
 * The routes, over reader functions. Everything but actions (actions.ts) and signals (signals.ts) only reads: other methods than GET and HEAD are
 * refused, no other origin may read (no CORS), and what came from outside leaves as JSON or escaped. Errors of the API are
 * JSON.
 */
import { type Context, Hono } from "hono";
import { EXPOSITION_CONTENT_TYPE } from "../telemetry/exposition.ts";
import { checkAccess } from "./access.ts";
import { actionRoutes, ACTIONS_AT, type ActionSource, queryRoutes } from "./actions.ts";
import { apiRoutes } from "./api_routes.ts";
import type { ListenAddress } from "./listen_address.ts";
import { PAGE_HEADERS, PAGE_HTML } from "./page.ts";
import { profileRoutes } from "./profile_routes.ts";
import type { ProfileSource } from "./profiles.ts";
import type { HealthReport, ServerReaders } from "./readers.ts";
import { signalRoutes, SIGNALS_AT, type SignalSource } from "./signals.ts";

export interface ServerAppOptions {
  /** What the app is served on, which decides who may read: see access.ts. */
  readonly address: ListenAddress;
  readonly token: string | undefined;
  /** What /debug/pprof/ is made of; undefined leaves it out. */
  readonly profiles: ProfileSource | undefined;
  readonly actions: Omit<ActionSource, "token">;
  readonly signals: SignalSource;
  /** A fault of ours while answering. */
  readonly onError: (error: Error, path: string) => void;
}

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

export function createServerApp(readers: ServerReaders, options: ServerAppOptions): Hono {
  const { address, token, profiles, actions } = options;
  const app = new Hono();
  app.use(async (c, next) => {
    // A signal's path is its permission.
    const signals = c.req.path.startsWith(SIGNALS_AT);
    const [authorization, host] = [c.req.header("authorization"), c.req.header("host")];
    const access = checkAccess({ address, token, authorization, host });
    if (signals) await next();
    else if (!access.allowed) c.res = refuse(c, access.status, access.message);
    else if (!isReading(c.req.method) && !c.req.path.startsWith(ACTIONS_AT)) {
      c.res = refuse(c, 405, "Only GET and HEAD are allowed here");
    } else await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
  });
  app.get("/", (c) => c.body(PAGE_HTML, 200, PAGE_HEADERS));
  app.get("/metrics", (c) => c.body(readers.exposition(), 200, { "Content-Type": EXPOSITION_CONTENT_TYPE }));
  app.get("/healthz", (c) => health(c, readers.health()));
  app.get("/readyz", (c) => health(c, readers.readiness()));
  app.route("/api/v1", apiRoutes(readers));
  app.route("/api/v1", queryRoutes(actions));
  app.route("/", actionRoutes({ ...actions, token }));
  app.route("/", signalRoutes(options.signals));
  if (profiles !== undefined) app.route("/", profileRoutes(profiles));
  app.notFound((c) => refuse(c, 404, `Nothing is at ${c.req.path}`));
  app.onError((error, c) => {
    options.onError(error, c.req.path.startsWith(SIGNALS_AT) ? `${SIGNALS_AT}…` : c.req.path);
    return refuse(c, 500, "The answer could not be made; the log says why");
  });
  return app;
}

function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

function health(c: Context, report: HealthReport): Response {
  return c.json(report, report.ok ? 200 : 503);
}

/** JSON under /api and for actions, one line of text elsewhere. */
function refuse(c: Context, status: 401 | 404 | 405 | 421 | 500, message: string): Response {
  if (status === 405) c.header("Allow", "GET, HEAD");
  if (status === 401) c.header("WWW-Authenticate", 'Bearer realm="cpra"');
  const asJson = c.req.path.startsWith("/api/") || c.req.path.startsWith(ACTIONS_AT);
  return asJson ? c.json({ error: message }, status) : c.text(`${message}\n`, status);
}
