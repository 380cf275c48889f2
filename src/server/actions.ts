/**
 * Actions: `POST /-/NAME`, always with the token, on loopback addresses too: what is done here is more than reading. A page
 * of another origin cannot send the header, so none can make a browser act. Server thread; the engine's thread answers
 * (app.ts, model/action.ts).
 */
import { type Context, Hono } from "hono";
import type { ActionAnswer, ActionParameters } from "../model/action.ts";
import { hasToken } from "./access.ts";

export interface ActionSource {
  readonly names: readonly string[];
  readonly token: string | undefined;
  /** Rejects never; what the engine does not answer in time is an answer too. */
  readonly call: (name: string, parameters: ActionParameters) => Promise<CallAnswer>;
}

export type CallAnswer = Omit<ActionAnswer, "status"> & { readonly status: ActionAnswer["status"] | 504 };

/** Of a request's body. */
const BODY_BYTES_MAX = 64 * 1024;
export const ACTIONS_AT = "/-/";
/** Calls that only read: asked for with GET where the API has them, and no actions. */
export const QUERY = "get ";

/** `GET /api/v1/NAME` of what only the engine's thread knows. */
export function queryRoutes({ names, call }: Omit<ActionSource, "token">): Hono {
  const routes = new Hono();
  for (const name of names.filter((each) => each.startsWith(QUERY))) {
    routes.get(`/${name.slice(QUERY.length)}`, async (c) => {
      const { body, status } = await call(name, {});
      return c.json(body, status);
    });
  }
  return routes;
}

export function actionRoutes({ names: all, token, call }: ActionSource): Hono {
  const names = all.filter((each) => !each.startsWith(QUERY));
  const routes = new Hono();
  routes.all(`${ACTIONS_AT}*`, async (c) => {
    const refusal = refuse(c, token);
    if (refusal !== undefined) return refusal;
    const name = c.req.path.slice(ACTIONS_AT.length);
    if (!names.includes(name)) {
      return c.json({ error: `No action is named ${JSON.stringify(name)}`, allowed: names }, 404);
    }
    if (c.req.method !== "POST") {
      c.header("Allow", "POST");
      return c.json({ error: `${ACTIONS_AT}${name} is asked for with POST` }, 405);
    }
    const parameters = await parametersOf(c);
    if (parameters instanceof BadBody) return c.json({ error: parameters.message }, parameters.status);
    const answer = await call(name, parameters);
    return c.json(answer.body, answer.status);
  });
  return routes;
}

function refuse(c: Context, token: string | undefined): Response | undefined {
  if (token === undefined) {
    return c.json({ error: "Actions need a token, and none is set: set settings.token or token_file" }, 403);
  }
  const authorization = c.req.header("authorization");
  if (hasToken(authorization, token)) return undefined;
  c.header("WWW-Authenticate", 'Bearer realm="cpra"');
  const found = authorization === undefined ? "none was given" : "the given one is not valid";
  return c.json({ error: `A token is needed (Authorization: Bearer …): ${found}` }, 401);
}

class BadBody extends Error {
  override readonly name = "BadBody";
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string) {
    super(message);
    this.status = status;
  }
}

/** The query's and the body's; a name in both is an error. */
async function parametersOf(c: Context): Promise<ActionParameters | BadBody> {
  const found = new Map<string, unknown>();
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (values.length > 1) {
      return new BadBody(400, `The parameter ${JSON.stringify(name)} stands there twice`);
    }
    found.set(name, values[0]);
  }
  const text = await bodyOf(c.req.raw);
  if (text instanceof BadBody) return text;
  if (text === "") return Object.fromEntries(found);
  if (!/^application\/json\s*(;|$)/i.test(c.req.header("content-type") ?? "")) {
    return new BadBody(415, "The body is not application/json");
  }
  const body = parseObject(text);
  if (body === undefined) return new BadBody(400, "The body is not a JSON object");
  for (const [name, value] of Object.entries(body)) {
    if (found.has(name)) {
      return new BadBody(400, `The parameter ${JSON.stringify(name)} stands in the query and in the body`);
    }
    found.set(name, value);
  }
  return Object.fromEntries(found);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Reads no more than the limit, whatever the length says that was announced. */
async function bodyOf(request: Request): Promise<string | BadBody> {
  if (request.body === null) return "";
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > BODY_BYTES_MAX) {
      await reader.cancel();
      return new BadBody(413, `The body is larger than ${BODY_BYTES_MAX} bytes`);
    }
    parts.push(value);
  }
  return new TextDecoder().decode(await new Blob(parts as BlobPart[]).arrayBuffer());
}
