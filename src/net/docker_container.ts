/** What the Docker Engine says of one container, and the one that is meant by a name. For checks and remedies. */
import { z } from "../base/schema.ts";
import type { Engine, EngineAnswer } from "./docker_engine.ts";

/** "Inspect a container" of the Engine API, as far as it is used. */
export const CONTAINER = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    Paused: z.boolean(),
    Restarting: z.boolean(),
    ExitCode: z.number(),
    Health: z.object({
      Status: z.string(),
      Log: z.array(z.object({ ExitCode: z.number(), Output: z.string() })).nullish(),
    }).nullish(),
  }),
});
export type Container = z.output<typeof CONTAINER>;
export type ContainerState = Container["State"];

/** Names and ids of containers and services, projects of Compose. */
export const DOCKER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** A socket as the manifest writes it: "/var/run/docker.sock" or "unix:///var/run/docker.sock". */
export const DOCKER_SOCKET = z.string().regex(
  /^(unix:\/\/)?\//,
  'expected a unix socket such as "/var/run/docker.sock"',
);

/**
 * The container with exactly this name or id. The engine also takes the beginning of any id, by which a name that does
 * not exist, such as "db", may hit a stranger: that is refused.
 */
export async function findContainer(engine: Engine, name: string): Promise<EngineAnswer<Container>> {
  const found = await engine.get(`/containers/${encodeURIComponent(name)}/json`, CONTAINER);
  if (!found.ok) return found.status === 404 ? missingContainer(name) : found;
  const { Id: id, Name: fullName } = found.value;
  return fullName === `/${name}` || id === name || isShortId(name, id) ? found : missingContainer(name);
}

/** Twelve characters are what every listing shows. */
function isShortId(name: string, id: string): boolean {
  return name.length >= 12 && id.startsWith(name);
}

export function missingContainer(name: string): Extract<EngineAnswer<never>, { ok: false }> {
  return {
    ok: false,
    status: 404,
    code: "",
    result: { ok: false, retryable: false, text: `no such container: ${name}` },
  };
}

/** For people: "running, health: starting", "exited with code 137". */
export function containerStateText(state: ContainerState): string {
  if (state.Status === "exited" || state.Status === "dead") {
    return `${state.Status} with code ${state.ExitCode}`;
  }
  const health = state.Health?.Status ?? "none";
  return health === "none" ? state.Status : `${state.Status}, health: ${health}`;
}
