/**
 * Scaling, as far as the Engine API goes. A Swarm service is told its number of replicas and waited for. Of a Compose
 * service the engine knows only the containers that exist (by their labels): those are started or stopped up to the wanted
 * number; new ones only Compose itself can make, from a file that the engine does not have.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "../base/schema.ts";
import type { RemedyResult } from "../model/plugin.ts";
import { actOnContainer } from "./docker_container.ts";
import type { Engine, EngineAnswer } from "../net/docker_engine.ts";

export interface ScaleOptions {
  readonly replicas: number;
  /** Set: a Compose service of this project. */
  readonly project?: string | undefined;
  readonly signal: AbortSignal;
}

const POLL_MS = 250;

export function scaleService(engine: Engine, service: string, options: ScaleOptions): Promise<RemedyResult> {
  const { project } = options;
  return project === undefined
    ? scaleSwarmService(engine, service, options)
    : scaleComposeService(engine, { project, service }, options);
}

const SERVICE = z.object({
  ID: z.string(),
  Version: z.object({ Index: z.number() }),
  // Sent back as it came, but for the number: an update replaces the whole specification.
  Spec: z.looseObject({
    Name: z.string(),
    Mode: z.looseObject({ Replicated: z.looseObject({}).optional() }),
  }),
});

const TASKS = z.array(z.object({ Status: z.object({ State: z.string() }) }));

async function scaleSwarmService(engine: Engine, name: string, options: ScaleOptions): Promise<RemedyResult> {
  const found = await engine.get(`/services/${encodeURIComponent(name)}`, SERVICE);
  if (!found.ok) {
    // 503 here is "this node is not a swarm manager", which waiting does not change.
    return found.status === 404
      ? refused(`no such service: ${name}`)
      : { ...found.result, retryable: found.status === 0 };
  }
  const { ID: id, Version: version, Spec: spec } = found.value;
  if (spec.Name !== name && id !== name) return refused(`no such service: ${name}`);
  if (spec.Mode.Replicated === undefined) {
    return refused(`service ${name} is not replicated: it cannot be scaled`);
  }
  const { replicas } = options;
  const wanted = { ...spec, Mode: { Replicated: { ...spec.Mode.Replicated, Replicas: replicas } } };
  const updated = await engine.post(
    `/services/${id}/update?version=${version.Index}&registryAuthFrom=spec`,
    wanted,
  );
  if (!updated.ok) return updated.result;
  return await waitForTasks(engine, { id, name, ...options });
}

async function waitForTasks(
  engine: Engine,
  { id, name, replicas, signal }: ScaleOptions & { readonly id: string; readonly name: string },
): Promise<RemedyResult> {
  const filters = encodeURIComponent(JSON.stringify({ service: [id], "desired-state": ["running"] }));
  for (let running = 0;;) {
    const tasks = await engine.get(`/tasks?filters=${filters}`, TASKS);
    if (!tasks.ok && !signal.aborted) return tasks.result;
    if (!tasks.ok) {
      return refused(`service ${name}: ${running} of ${replicas} tasks were running when the time was up`);
    }
    running = tasks.value.filter((task) => task.Status.State === "running").length;
    if (running === replicas && tasks.value.length === replicas) {
      return { ok: true, retryable: false, text: `scaled service ${name} to ${replicas}` };
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

const NUMBER_LABEL = "com.docker.compose.container-number";
const CONTAINERS = z.array(z.object({
  Id: z.string(),
  State: z.string(),
  Labels: z.record(z.string(), z.string()),
}));

interface ComposeService {
  readonly project: string;
  readonly service: string;
}

async function scaleComposeService(
  engine: Engine,
  of: ComposeService,
  options: ScaleOptions,
): Promise<RemedyResult> {
  const listed = await listCompose(engine, of);
  if (!listed.ok) return listed.result;
  const containers = listed.value;
  const { replicas, signal } = options;
  const name = `${of.project}/${of.service}`;
  if (containers.length === 0) return refused(`no such compose service: ${name}`);
  if (containers.length < replicas) {
    const has = `compose service ${name} has ${containers.length} containers, ${replicas} are wanted`;
    return refused(`${has}: only "docker compose up --scale" can make more`);
  }
  for (const [index, container] of containers.entries()) {
    const verb = index < replicas ? "start" : "stop";
    if ((container.State === "running") === (verb === "start")) continue;
    const result = await actOnContainer(engine, container.Id, { verb, signal });
    if (!result.ok) return result;
  }
  return {
    ok: true,
    retryable: false,
    text: `scaled compose service ${name} to ${replicas} of ${containers.length}`,
  };
}

/** In the order of their numbers, so that the first ones are kept. */
async function listCompose(
  engine: Engine,
  of: ComposeService,
): Promise<EngineAnswer<z.output<typeof CONTAINERS>>> {
  const label = [
    `com.docker.compose.project=${of.project}`,
    `com.docker.compose.service=${of.service}`,
    "com.docker.compose.oneoff=False",
  ];
  const listed = await engine.get(
    `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label }))}`,
    CONTAINERS,
  );
  if (!listed.ok) return listed;
  const number = (labels: Readonly<Record<string, string>>) => Number(labels[NUMBER_LABEL] ?? 0);
  return { ok: true, value: [...listed.value].sort((a, b) => number(a.Labels) - number(b.Labels)) };
}

function refused(text: string): RemedyResult {
  return { ok: false, retryable: false, text };
}
