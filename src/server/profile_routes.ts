/** /debug/pprof/: the paths that Go's net/http/pprof has, so that its users find their way; what there is of them. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";

/** Go's names (pkg.go.dev/net/http/pprof); this version makes none of these profiles. */
const MISSING = [
  "allocs",
  "block",
  "goroutine",
  "heap",
  "mutex",
  "profile",
  "symbol",
  "threadcreate",
  "trace",
] as const;

export function profileRoutes(commandLine: readonly string[]): Hono {
  const routes = new Hono();
  // With the slash, because the links are relative to the directory.
  routes.get("/debug/pprof", (c) => c.redirect("/debug/pprof/", 301));
  routes.get("/debug/pprof/", (c) => c.html(index()));
  // Arguments end with NUL bytes, as in Go and /proc.
  routes.get("/debug/pprof/cmdline", (c) => c.text(commandLine.join("\0")));
  routes.get("/debug/pprof/:profile", missing);
  return routes;
}

function index() {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <title>/debug/pprof/</title>
      </head>
      <body>
        <h1>/debug/pprof/</h1>
        <ul>
          <li><a href="cmdline">cmdline</a>: the command line of this process</li>
        </ul>
        <p>Not available in this version: ${MISSING.join(", ")}.</p>
        <p>See also <a href="../../metrics">/metrics</a> and <a href="../../">the status page</a>.</p>
      </body>
    </html>
  `;
}

function missing(c: Context): Response {
  const name = c.req.param("profile") ?? "";
  const known = (MISSING as readonly string[]).includes(name);
  return c.text(
    `${known ? "Not available in this version" : "Unknown profile"}: ${name}. Available: cmdline.\n`,
    404,
  );
}
