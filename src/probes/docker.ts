/**
 * Checks one container of this box's Docker Engine: that it is in the wanted state and, where its image defines a health
 * check, that this says healthy. Typical load: some hundred containers a minute, two small calls over a unix socket each.
 * An engine that does not answer is a failure: nobody can say that the container runs.
 */
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import {
  type ContainerState,
  containerStateText,
  DOCKER_NAME,
  DOCKER_SOCKET,
  findContainer,
} from "../net/docker_container.ts";
import { type EngineAnswer, openEngine, socketPathOf } from "../net/docker_engine.ts";
import { failureOfCall } from "../net/failure.ts";

/** Of the Engine API, but for "created", "removing" and "restarting", which pass by themselves. */
const STATES = ["running", "paused", "exited"] as const;
const HEALTHS = ["if_defined", "required", "ignored"] as const;
const TEXT_CHARACTERS_MAX = 200;

interface DockerConfig {
  readonly container: string;
  readonly socket?: string | undefined;
  readonly state: typeof STATES[number];
  /** "if_defined": healthy or still starting where there is a health check; "required": there is one and it says healthy. */
  readonly health: typeof HEALTHS[number];
}

export const DOCKER: Probe<DockerConfig> = {
  kind: "docker",
  aliases: ["container"],
  summary: "state and health of a container, by the Docker Engine",
  schema: z.strictObject({
    container: z.string().regex(DOCKER_NAME, "expected the name or id of one container"),
    socket: DOCKER_SOCKET.optional(),
    state: z.enum(STATES).default("running"),
    health: z.enum(HEALTHS).default("if_defined"),
  }),
  example: `name: shop-container
pulse_check:
  type: docker
  interval: 30s
  timeout: 5s
  config: {container: shop, health: required}
intervention:
  action: docker
  config: {container: shop, action: restart}
`,
  descriptors: 1,
  estimateMs: 5,
  split: ({ container, ...shared }) => ({ target: container, shared }),
  run,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as Omit<DockerConfig, "container">;
  const socketPath = socketPathOf(config.socket);
  if (socketPath === undefined) {
    return {
      outcome: "local",
      reason: "local_fault",
      value: 0,
      text: "DOCKER_HOST is no unix socket (unix:///path), which is all that is supported",
    };
  }
  const engine = await openEngine(socketPath, signal);
  if (!engine.ok) return failureOfAnswer(engine, request.timeoutMs, signal);
  const found = await findContainer(engine.value, request.target);
  if (!found.ok) return failureOfAnswer(found, request.timeoutMs, signal);
  return judge(found.value.State, config);
}

function failureOfAnswer(
  answer: Extract<EngineAnswer<unknown>, { ok: false }>,
  timeoutMs: number,
  signal: AbortSignal,
): ProbeResult {
  const text = oneLine(answer.result.text).slice(0, TEXT_CHARACTERS_MAX);
  if (answer.status === 404) return { outcome: "fail", reason: "missing", value: 0, text };
  if (answer.status === 0) {
    return { ...failureOfCall({ code: answer.code, cancelled: signal.aborted }, timeoutMs), text };
  }
  if (answer.status < 300) return { outcome: "fail", reason: "protocol", value: 0, text };
  return { outcome: "fail", reason: "status", value: answer.status, text };
}

function judge(state: ContainerState, wanted: Omit<DockerConfig, "container">): ProbeResult {
  const health = wanted.state === "running" && wanted.health !== "ignored"
    ? state.Health?.Status ?? "none"
    : "none";
  const healthy = health === "healthy" ||
    (wanted.health !== "required" || wanted.state !== "running") && health !== "unhealthy";
  const text = containerStateText(state);
  if (state.Status === wanted.state && healthy) return { outcome: "pass", reason: "none", value: 0, text };
  const base = { outcome: "fail", reason: "state", value: 0 } as const;
  if (state.Status !== wanted.state) return { ...base, text: `${text}, wanted ${wanted.state}` };
  if (health === "none") return { ...base, text: `${text}, without the health check that is required` };
  const said = oneLine(state.Health?.Log?.at(-1)?.Output.trim() ?? "");
  return { ...base, text: `${text}${said === "" ? "" : `: ${said}`}`.slice(0, TEXT_CHARACTERS_MAX) };
}
