/** /api/v1: JSON for programs and for the page. A wrong query is answered with 400, what was found and what is allowed. */
import { type Context, Hono } from "hono";
import type { MonitorQuery, ServerReaders } from "./readers.ts";

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;
/** Longer parts of names are no names. */
const NAME_CHARACTERS_MAX = 512;

export function apiRoutes(readers: ServerReaders): Hono {
  const api = new Hono();
  api.get("/status", (c) => c.json(readers.status()));
  api.get("/pipelines", (c) => c.json({ pipelines: readers.pipelines() }));
  api.get("/monitors", (c) => {
    const query = parseMonitorQuery(c.req.queries(), readers.states);
    return "error" in query ? c.json(query, 400) : c.json(readers.monitors(query));
  });
  // The rest of the path is the name, so that names with slashes work encoded and plain.
  api.get("/monitors/*", (c) => monitor(c, readers));
  api.get("/incidents", (c) => {
    const queries = c.req.queries();
    const problem = unknownKey(queries, ["limit"]);
    const limit = problem ?? parseLimit(queries["limit"]);
    return typeof limit === "number" ? c.json(readers.incidents(limit)) : c.json(limit, 400);
  });
  return api;
}

interface QueryProblem {
  readonly error: string;
  readonly parameter: string;
  readonly found: string;
  readonly allowed: string | readonly string[];
}

type Queries = Readonly<Record<string, readonly string[]>>;

function parseMonitorQuery(queries: Queries, states: readonly string[]): MonitorQuery | QueryProblem {
  const problem = unknownKey(queries, ["state", "name", "cursor", "limit"]);
  if (problem !== undefined) return problem;
  const limit = parseLimit(queries["limit"]);
  if (typeof limit !== "number") return limit;
  const state = queries["state"]?.[0];
  if (state !== undefined && !states.includes(state)) return refuse("state", state, states);
  const name = queries["name"]?.[0];
  if (name !== undefined && name.length > NAME_CHARACTERS_MAX) {
    return refuse("name", `${name.length} characters`, `at most ${NAME_CHARACTERS_MAX} characters`);
  }
  const cursor = queries["cursor"]?.[0];
  if (cursor !== undefined && !/^\d{1,9}$/.test(cursor)) {
    return refuse("cursor", cursor, "nextCursor of the page before");
  }
  return {
    limit,
    ...(state === undefined ? {} : { state }),
    ...(name === undefined ? {} : { name }),
    ...(cursor === undefined ? {} : { cursor: Number(cursor) }),
  };
}

function unknownKey(queries: Queries, allowed: readonly string[]): QueryProblem | undefined {
  for (const [key, values] of Object.entries(queries)) {
    if (!allowed.includes(key)) {
      return { error: `Unknown parameter "${key}"`, parameter: key, found: values[0] ?? "", allowed };
    }
    if (values.length > 1) return refuse(key, values.join(", "), "one value");
  }
  return undefined;
}

function parseLimit(values: readonly string[] | undefined): number | QueryProblem {
  const text = values?.[0];
  if (text === undefined) return LIMIT_DEFAULT;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= LIMIT_MAX
    ? limit
    : refuse("limit", text, `a whole number from 1 to ${LIMIT_MAX}`);
}

function refuse(parameter: string, found: string, allowed: string | readonly string[]): QueryProblem {
  return { error: `The parameter "${parameter}" has a value that is not allowed`, parameter, found, allowed };
}

function monitor(c: Context, readers: ServerReaders): Response {
  const path = new URL(c.req.url).pathname;
  const encoded = path.slice(path.indexOf("/monitors/") + "/monitors/".length);
  const name = decodeOr(encoded);
  if (name === undefined) return c.json({ error: `The name is not valid percent-encoding: ${encoded}` }, 400);
  const detail = readers.monitor(name);
  return detail === undefined ? c.json({ error: `No monitor is named "${name}"` }, 404) : c.json(detail);
}

function decodeOr(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
