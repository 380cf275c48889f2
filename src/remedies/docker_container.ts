/** The verbs on one container: find it, act, look whether it is in the state the verb promises. */
import { setTimeout as sleep } from "node:timers/promises";
import { unreachable } from "../base/assert.ts";
import type { RemedyResult } from "../model/plugin.ts";
import {
  CONTAINER,
  type ContainerState,
  containerStateText,
  findContainer,
  missingContainer,
} from "../net/docker_container.ts";
import type { Engine, EngineAnswer } from "../net/docker_engine.ts";

export const CONTAINER_VERBS = ["restart", "start", "stop", "kill", "pause", "unpause"] as const;
export type ContainerVerb = typeof CONTAINER_VERBS[number];

const POLL_MS = 100;

const PAST_TENSE: Readonly<Record<ContainerVerb, string>> = {
  restart: "restarted",
  start: "started",
  stop: "stopped",
  kill: "killed",
  pause: "paused",
  unpause: "unpaused",
};

export interface VerbOptions {
  readonly verb: ContainerVerb;
  /** Seconds between TERM and KILL when stopping; the container's own setting when absent. */
  readonly graceSeconds?: number | undefined;
}

export async function actOnContainer(
  engine: Engine,
  name: string,
  options: VerbOptions & { readonly signal: AbortSignal },
): Promise<RemedyResult> {
  const found = await findContainer(engine, name);
  if (!found.ok) return found.result;
  const { verb } = options;
  const { Id: id } = found.value;
  // By its full id from here on: a name could meanwhile belong to another container.
  const acted = await engine.post(`/containers/${id}/${verb}${query(options)}`);
  const settled = await settle(engine, { id, name, wait: acted.ok, ...options });
  if (!settled.ok) return settled.result;
  const { reached, text } = settled.value;
  if (acted.ok) {
    if (!reached) {
      return { ok: false, retryable: true, text: `${PAST_TENSE[verb]} container ${name}, but it is ${text}` };
    }
    if (acted.value) {
      return { ok: true, retryable: false, text: `${PAST_TENSE[verb]} container ${name} (${text})` };
    }
    return alreadySo(name, text);
  }
  // Refused because there is nothing to do (already paused, not running): what was wanted holds.
  const pointless = reached && verb !== "restart" && acted.status >= 400;
  return pointless ? alreadySo(name, text) : acted.result;
}

function alreadySo(name: string, text: string): RemedyResult {
  return { ok: true, retryable: false, text: `container ${name} was already ${text}` };
}

function query({ verb, graceSeconds }: VerbOptions): string {
  return graceSeconds !== undefined && (verb === "stop" || verb === "restart") ? `?t=${graceSeconds}` : "";
}

interface Settling extends VerbOptions {
  readonly id: string;
  readonly name: string;
  /** False: one look is enough. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
}

/** Looks until the state is the promised one, cannot become it any more, or the time is up. */
async function settle(
  engine: Engine,
  { id, name, verb, wait, signal }: Settling,
): Promise<EngineAnswer<{ readonly reached: boolean; readonly text: string }>> {
  for (;;) {
    const seen = await engine.get(`/containers/${id}/json`, CONTAINER);
    if (!seen.ok) return seen.status === 404 ? missingContainer(name) : seen;
    const state = seen.value.State;
    const reached = isReached(verb, state);
    if (reached || !wait || !isUnderWay(state)) {
      return { ok: true, value: { reached, text: containerStateText(state) } };
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

function isReached(verb: ContainerVerb, state: ContainerState): boolean {
  const runs = state.Running && !state.Restarting && !state.Paused;
  switch (verb) {
    case "restart":
    case "start":
    case "unpause":
      return runs;
    case "stop":
    case "kill":
      return !state.Running;
    case "pause":
      return state.Paused;
    default:
      return unreachable(verb);
  }
}

/** "created" and "restarting" pass; every other state stays until someone acts. */
function isUnderWay(state: ContainerState): boolean {
  return state.Restarting || state.Status === "created" || state.Status === "removing";
}
