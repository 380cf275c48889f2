/**
 * Repairs by the Docker Engine of this box: restart, start, stop, kill, pause or unpause one container, or scale one
 * service. Rare (a few a minute at most) and slow (a restart takes up to the grace). Never acts on more than it names.
 */
import { durationField } from "../base/fields.ts";
import { z } from "../base/schema.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import { actOnContainer, CONTAINER_VERBS, type ContainerVerb } from "./docker_container.ts";
import { DOCKER_NAME, DOCKER_SOCKET } from "../net/docker_container.ts";
import { openEngine, socketPathOf } from "../net/docker_engine.ts";
import { scaleService } from "./docker_scale.ts";

type DockerConfig =
  | {
    readonly verb: ContainerVerb;
    readonly name: string;
    readonly socket?: string;
    readonly graceSeconds?: number;
  }
  | {
    readonly verb: "scale";
    readonly name: string;
    readonly socket?: string;
    readonly project?: string;
    readonly replicas: number;
  };

type SharedConfig = DockerConfig extends infer Config ? Config extends unknown ? Omit<Config, "name"> : never
  : never;

const VERBS = [...CONTAINER_VERBS, "scale"] as const;
const REPLICAS_MAX = 10_000;

function nameField(what: string) {
  return z.string().regex(DOCKER_NAME, `expected ${what}`).optional();
}

const CONFIG = z.strictObject({
  container: nameField("the name or id of one container"),
  action: z.enum(VERBS).optional(),
  type: z.enum(VERBS).optional(),
  timeout: durationField({ zero: true }).optional(),
  socket: DOCKER_SOCKET.optional(),
  service: nameField("the name or id of one service"),
  project: nameField("the name of a Compose project"),
  replicas: z.number().int().min(1).max(REPLICAS_MAX).optional(),
});

type Input = z.output<typeof CONFIG>;

const SCHEMA = CONFIG.transform((input, context): DockerConfig => {
  const config = resolve(input);
  if (typeof config !== "string") return config;
  context.addIssue({ code: "custom", message: config });
  return z.NEVER;
});

/** The configuration, or what is wrong with it. */
function resolve(input: Input): DockerConfig | string {
  const { action, type, container, service, project, replicas, timeout } = input;
  if (action !== undefined && type !== undefined && action !== type) {
    return `action "${action}" and type "${type}" say different things: give one of them`;
  }
  const verb = action ?? type ?? "restart";
  const socket = input.socket === undefined ? {} : { socket: input.socket };
  if (verb === "scale") {
    if (service === undefined || replicas === undefined) return "scale needs service and replicas";
    if (container !== undefined || timeout !== undefined) {
      return "scale takes service and replicas, no container or timeout";
    }
    return { verb, name: service, replicas, ...socket, ...(project === undefined ? {} : { project }) };
  }
  if (container === undefined) return `${verb} needs container, the name or id of one container`;
  if (service !== undefined || project !== undefined || replicas !== undefined) {
    return `service, project and replicas belong to scale, but the action is ${verb}`;
  }
  if (timeout === undefined) return { verb, name: container, ...socket };
  if (verb !== "restart" && verb !== "stop") {
    return `timeout (from TERM to KILL) belongs to restart and stop, not to ${verb}`;
  }
  return { verb, name: container, ...socket, graceSeconds: Math.ceil(timeout / 1000) };
}

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
intervention:
  action: docker
  config: {container: shop, action: restart, timeout: 10s}
`;

export const DOCKER: Remedy<DockerConfig> = {
  kind: "docker",
  aliases: [],
  summary: "restart, start, stop, kill, pause, unpause a container, or scale a service, by the Docker Engine",
  schema: SCHEMA,
  example: EXAMPLE,
  split: ({ name, ...shared }) => ({ target: name, shared }),
  descriptors: 1,
  estimateMs: 2000,
  describe(target, config) {
    const shared = config as SharedConfig;
    if (shared.verb !== "scale") return `${shared.verb} container ${target}`;
    const service = shared.project === undefined ? target : `${shared.project}/${target}`;
    return `scale service ${service} to ${shared.replicas}`;
  },
  run: runDocker,
};

async function runDocker(request: RemedyRequest, signal: AbortSignal): Promise<RemedyResult> {
  const config = request.config as SharedConfig;
  const socketPath = socketPathOf(config.socket);
  if (socketPath === undefined) {
    return {
      ok: false,
      retryable: false,
      text: "DOCKER_HOST is no unix socket (unix:///path), which is all that is supported",
    };
  }
  const engine = await openEngine(socketPath, signal);
  if (!engine.ok) return engine.result;
  return config.verb === "scale"
    ? await scaleService(engine.value, request.target, { ...config, signal })
    : await actOnContainer(engine.value, request.target, { ...config, signal });
}
