/**
 * What people can ask a running cpra to do: `POST /-/NAME` with the token. The server thread passes the call on, the engine's
 * thread answers. A new action is a name and a handler in the composition root's table (cli/actions.ts); it checks its own
 * parameters. Handlers run on the engine's thread: what takes long is asynchronous.
 */
export interface ActionAnswer {
  /** 200 done; 400 the parameters are wrong; 404 what it names is not there; 409 it cannot be now; 422 it was refused. */
  readonly status: 200 | 202 | 400 | 404 | 409 | 422 | 500 | 503;
  /** JSON; `error` says why it was not done. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Of the query (texts) and of the body, a JSON object. */
export type ActionParameters = Readonly<Record<string, unknown>>;

export type ActionHandler = (parameters: ActionParameters) => ActionAnswer | Promise<ActionAnswer>;

/** By name, as it stands in the path. */
export type ActionHandlers = Readonly<Record<string, ActionHandler>>;

/** The names that are not among `allowed` make an answer; undefined when there is none. */
export function unknownParameters(
  parameters: ActionParameters,
  allowed: readonly string[],
): ActionAnswer | undefined {
  const parameter = Object.keys(parameters).find((name) => !allowed.includes(name));
  if (parameter === undefined) return undefined;
  return { status: 400, body: { error: `Unknown parameter "${parameter}"`, parameter, allowed } };
}
