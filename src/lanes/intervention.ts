/**
 * The intervention lane: runs one remedy per job, with its retries, and reports how it ended and what it did.
 * Rare and slow jobs (seconds), at most a few at once; the engine decides whether and when, never this lane.
 */
import type { Random } from "../base/prng.ts";
import { FAIL, PASS } from "../model/outcome.ts";
import { remedyAt } from "../model/remedy_steps.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import { formatDuration } from "../base/duration.ts";
import { withDeadline } from "./deadline.ts";
import type { Execution } from "./run_lane.ts";
import {
  emptyExecution,
  encodeBounded,
  type LaneContext,
  type LaneWork,
  startLaneWorker,
  type WorkerScope,
} from "./worker.ts";

/** What the engine writes into the job's slab slot. */
export interface RemedyJob {
  readonly incident: string;
  readonly attempt: number;
  readonly error: string;
}

const TEXT_BYTES = 500;
/** Full jitter between the tries of one attempt: random × min(cap, base × 2^try). */
const RETRY_BASE_MS = 1000;
const RETRY_CAP_MS = 10_000;

const DECODER = new TextDecoder();

export function startInterventionWorker(scope: WorkerScope, remedies: readonly Remedy[]): void {
  startLaneWorker(scope, (context) => prepare(context, remedies));
}

function prepare(context: LaneContext, remedies: readonly Remedy[]): LaneWork {
  const byKind = new Map(remedies.map((remedy) => [remedy.kind, remedy]));
  return {
    async execute(job, payload) {
      const facts = JSON.parse(DECODER.decode(payload.slice())) as RemedyJob;
      const policy = context.world.policies[context.world.columns.policy[job.row] as number]?.remedy;
      const step = policy && remedyAt(policy, context.world.remedyTarget(job.row), facts.attempt);
      const remedy = byKind.get(step?.kind ?? "");
      if (step === undefined || step === null || remedy === undefined) {
        return report(false, "no such remedy", 0);
      }
      const request: RemedyRequest = {
        monitor: context.world.name(job.row),
        target: step.target,
        config: step.config,
        incident: facts.incident,
        attempt: facts.attempt,
        error: facts.error,
        timeoutMs: step.timeoutMs,
      };
      const startedMs = performance.now();
      const { result, tries } = await runTries({
        remedy,
        request,
        retries: step.retries,
        random: Math.random,
      });
      const took = formatDuration(Math.round(performance.now() - startedMs));
      const what = remedy.describe(request.target, step.config);
      const tried = tries > 1 ? `, ${tries} tries` : "";
      return report(
        result.ok,
        `${what}: ${result.ok ? "done" : "failed"} (${took}${tried}): ${result.text}`,
        tries,
      );
    },
    reopen: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

interface Tries {
  readonly remedy: Remedy;
  readonly request: RemedyRequest;
  readonly retries: number;
  readonly random: Random;
}

async function runTries(
  { remedy, request, retries, random }: Tries,
): Promise<{ result: RemedyResult; tries: number }> {
  for (let tries = 1;; tries++) {
    const result = await runOnce(remedy, request);
    if (result.ok || !result.retryable || tries > retries) return { result, tries };
    const delayMs = random() * Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (tries - 1));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

async function runOnce(remedy: Remedy, request: RemedyRequest): Promise<RemedyResult> {
  const ended = await withDeadline((signal) => remedy.run(request, signal), request.timeoutMs);
  if (ended.kind === "value") return ended.value;
  if (ended.kind === "timeout") {
    // Whether it took effect is unknown: the next checks tell, a second run would be a second repair.
    return { ok: false, retryable: false, text: `not finished within ${formatDuration(request.timeoutMs)}` };
  }
  return { ok: false, retryable: false, text: `fault in the remedy: ${ended.error}` };
}

function report(ok: boolean, text: string, tries: number): Execution {
  return {
    ...emptyExecution(),
    outcome: ok ? PASS : FAIL,
    attempts: tries,
    text: encodeBounded(text, TEXT_BYTES),
  };
}
