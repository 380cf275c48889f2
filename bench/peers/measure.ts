/** One peer on one fleet: what it costs, how much of its work it does, how soon it sees a death. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostOfSlot } from "../../mock-servers/target_addresses.ts";
import { CLIENT_CORE, poll, sleep } from "../child.ts";
import { treeCost } from "../process_tree.ts";
import { type Behavior, BEHAVIORS, type Target } from "../target.ts";
import type { Peer, PeerTarget, RunningPeer } from "./peer.ts";

export interface PeerRun {
  readonly targets: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Parts of the targets, 0 to 1. */
  readonly hung?: number;
  readonly down?: number;
  /** How many targets die at the end, to see when that is noticed. */
  readonly mortal?: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface PeerFigures {
  /** From its start to its first check, and to as many checks as there are targets; Infinity: not within the limit. */
  readonly firstCheckSeconds: number;
  readonly allCheckedSeconds: number;
  readonly checksPerSecond: number;
  readonly cpuUsPerCheck: number;
  /** Checks of targets that are well ÷ those that the interval asks for. */
  readonly hitsOfExpected: number;
  readonly rssBytes: number;
  readonly processes: number;
  /** Seconds from the deaths to each being known; Infinity: not within the limit. Empty without mortal targets. */
  readonly detectionSeconds: readonly number[];
}

export async function measurePeer(peer: Peer, run: PeerRun, target: Target): Promise<PeerFigures> {
  const folder = mkdtempSync(join(tmpdir(), "cpra-bench-"));
  mkdirSync(join(folder, "data"));
  const targets = placeTargets(run, target);
  const beganMs = performance.now();
  const hitsAtStart = await totalHits(target);
  const { intervalSeconds, timeoutSeconds } = run;
  const running = await peer.start({ folder, targets, intervalSeconds, timeoutSeconds, core: CLIENT_CORE });
  try {
    const started = await untilChecked(run, { target, running, hitsAtStart, beganMs });
    await sleep(run.warmUpSeconds * 1000);
    const window = await watch(run, { target, running });
    const detectionSeconds = run.mortal === undefined ? [] : await detect(run, { target, running, targets });
    return { ...started, ...window, detectionSeconds };
  } catch (error) {
    throw new Error(`${peer.name}: ${(error as Error).message}\n${running.log().slice(-2000)}`);
  } finally {
    await running[Symbol.asyncDispose]();
    if (run.mortal !== undefined) await target.live();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene {
  readonly target: Target;
  readonly running: RunningPeer;
}

/** Mortal ones first, then those with a fault evenly among the others. */
export function placeTargets(run: PeerRun, { ports }: Target): readonly PeerTarget[] {
  const mortal = run.mortal ?? 0;
  const crossed = (share: number, at: number) => Math.floor((at + 1) * share) > Math.floor(at * share);
  return Array.from({ length: run.targets }, (_, index) => {
    const at = index - mortal;
    const behavior: Behavior = at < 0
      ? "mortal"
      : crossed(run.hung ?? 0, at)
      ? "hung"
      : crossed(run.down ?? 0, at)
      ? "reset"
      : "ok";
    return { index, host: hostOfSlot(index), port: ports[behavior] };
  });
}

/** How long a slow starter is waited for, beyond two intervals. */
const START_LIMIT_SECONDS = 20;

async function untilChecked(
  run: PeerRun,
  { target, running, hitsAtStart, beganMs }: Scene & {
    readonly hitsAtStart: number;
    readonly beganMs: number;
  },
): Promise<{ readonly firstCheckSeconds: number; readonly allCheckedSeconds: number }> {
  const limitMs = (START_LIMIT_SECONDS + 2 * run.intervalSeconds) * 1000;
  const reach = async (count: number): Promise<number> => {
    const at = await poll(
      async () => await totalHits(target) - hitsAtStart >= count ? performance.now() : undefined,
      { limitMs: Math.max(0, limitMs - (performance.now() - beganMs)), everyMs: 10, otherwise: () => "late" },
    ).catch(() => Infinity);
    return (at - beganMs) / 1000;
  };
  const firstCheckSeconds = await reach(1);
  if (firstCheckSeconds === Infinity) {
    await running.down();
    throw new Error(`no check within ${limitMs / 1000} s`);
  }
  return { firstCheckSeconds, allCheckedSeconds: await reach(run.targets) };
}

async function watch(run: PeerRun, { target, running }: Scene) {
  const [hitsBefore, before, startedMs] = [await target.hits(), treeCost(running.pids), performance.now()];
  await sleep(run.seconds * 1000);
  const [hits, cost, endedMs] = [await target.hits(), treeCost(running.pids), performance.now()];
  const seconds = (endedMs - startedMs) / 1000;
  const grown = (...behaviors: readonly Behavior[]) =>
    behaviors.reduce((sum, behavior) => sum + hits[behavior] - hitsBefore[behavior], 0);
  const well =
    placeTargets(run, target).filter(({ port }) => port === target.ports.ok || port === target.ports.mortal)
      .length;
  const checks = grown(...BEHAVIORS);
  return {
    checksPerSecond: checks / seconds,
    cpuUsPerCheck: (cost.cpuUs - before.cpuUs) / checks,
    hitsOfExpected: grown("ok", "mortal") / (well * seconds / run.intervalSeconds),
    rssBytes: cost.rssBytes,
    processes: cost.processes,
  };
}

async function detect(
  run: PeerRun,
  { target, running, targets }: Scene & { readonly targets: readonly PeerTarget[] },
): Promise<readonly number[]> {
  const seconds = new Map<number, number>();
  // One that was called down before, on a busy machine, says nothing about its death.
  const early = await running.down();
  const mortal = targets.filter(({ index, port }) => port === target.ports.mortal && !early.has(index))
    .map(({ index }) => index);
  await target.die();
  const diedMs = performance.now();
  const limitMs = (3 * run.intervalSeconds + 2 * run.timeoutSeconds) * 1000;
  while (performance.now() - diedMs < limitMs && seconds.size < mortal.length) {
    const down = await running.down();
    for (const index of mortal) {
      if (down.has(index) && !seconds.has(index)) {
        seconds.set(index, (performance.now() - diedMs) / 1000);
      }
    }
    await sleep(20);
  }
  return mortal.map((index) => seconds.get(index) ?? Infinity);
}

async function totalHits(target: Target): Promise<number> {
  return Object.values(await target.hits()).reduce((sum, each) => sum + each, 0);
}
