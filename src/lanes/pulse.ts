/**
 * The hosted pulse lane: runs probes on the runtime's event loop. A job is one check; its attempts are run_check.ts's.
 * aux0 (lateness at dispatch) comes back, so that the engine can add up the whole way.
 * Typical load: 2,000 checks a second a thread, most of them waiting for a socket.
 */
import { oneLine } from "../base/log.ts";
import type { NamesHandle } from "../model/names.ts";
import { LOCAL, OUTCOMES, reasonIndex } from "../model/outcome.ts";
import type { AnyProbe, ProbeResult } from "../model/plugin.ts";
import type { JobFields } from "../shm/records.ts";
import type { Policy } from "../world/policy.ts";
import { runCheck } from "./run_check.ts";
import type { Execution } from "./run_lane.ts";
import {
  emptyExecution,
  encodeBounded,
  type LaneContext,
  type LaneWork,
  startLaneWorker,
  type WorkerScope,
} from "./worker.ts";

/** What is kept of a check's text; the slab slots of pulse channels hold 256 bytes. */
const TEXT_BYTES = 200;

/** What the lane needs of the network's side. */
export interface PulseWorkerOptions {
  readonly probes: readonly AnyProbe[];
  /** Where this thread looks names up from now on. */
  readonly useNames: (names: NamesHandle | undefined) => void;
}

export function startPulseWorker(scope: WorkerScope, { probes, useNames }: PulseWorkerOptions): void {
  startLaneWorker(scope, (context, boot) => {
    useNames(boot.names);
    return prepare(context, probes);
  });
}

function prepare(context: LaneContext, probes: readonly AnyProbe[]): LaneWork {
  const byKind = new Map(probes.map((probe) => [probe.kind, probe]));
  return {
    async execute(job) {
      const { world } = context;
      const policy = world.policies[world.columns.policy[job.row] as number] as Policy;
      const probe = byKind.get(policy.probe.kind);
      if (probe?.run === undefined) return unknownKind(job);
      const request = {
        monitor: world.name(job.row),
        target: world.target(job.row),
        config: policy.probe.config,
        timeoutMs: policy.timeoutMs,
      };
      const { result, attempts, fault } = await runCheck(probe, request, policy.retries);
      if (fault !== undefined) {
        context.log("error", "Fault in a probe", {
          monitor: request.monitor,
          kind: policy.probe.kind,
          error: fault,
        });
      }
      const { certificateDay } = result;
      return {
        outcome: OUTCOMES.indexOf(result.outcome),
        reason: reasonIndex(certificateDay === undefined ? result.reason : "certificate"),
        attempts,
        value: certificateDay ?? result.value,
        dnsUs: result.dnsUs ?? 0,
        connectUs: result.connectUs ?? 0,
        firstByteUs: result.firstByteUs ?? 0,
        aux0: job.aux0,
        aux1: 0,
        text: textOf(result),
      };
    },
    reopen: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** The check's line and, as plug-ins print it, its performance data after a bar. */
function textOf({ text, perfdata }: ProbeResult): Uint8Array | undefined {
  const data = perfdata?.map(({ label, value, unit }) => `${label}=${value ?? "U"}${unit}`).join(" ");
  if (text === undefined && data === undefined) return undefined;
  return encodeBounded(oneLine(`${text ?? ""}${data === undefined ? "" : ` | ${data}`}`), TEXT_BYTES);
}

function unknownKind(job: Readonly<JobFields>): Execution {
  return {
    ...emptyExecution(),
    outcome: LOCAL,
    reason: reasonIndex("local_fault"),
    aux0: job.aux0,
  };
}
