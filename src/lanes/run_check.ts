/**
 * One check with its attempts: every attempt has a deadline of its own, which truly ends it (see deadline.ts). A failed one
 * is tried again up to `retries` times, one that failed by our own doing once; the last attempt is the result.
 */
import { oneLine } from "../base/log.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import { withDeadline } from "./deadline.ts";

export interface CheckEnd {
  readonly result: ProbeResult;
  readonly attempts: number;
  /** The probe threw: broken code, to be logged. */
  readonly fault: string | undefined;
}

export async function runCheck(probe: Probe, request: ProbeRequest, retries: number): Promise<CheckEnd> {
  for (let attempts = 1;; attempts++) {
    const { result, fault } = await attempt(probe, request);
    const tries = result.outcome === "fail" ? retries : result.outcome === "local" && retries > 0 ? 1 : 0;
    if (fault !== undefined || attempts > tries) return { result, attempts, fault };
  }
}

async function attempt(probe: Probe, request: ProbeRequest): Promise<Omit<CheckEnd, "attempts">> {
  const ended = await withDeadline((signal) => probe.run(request, signal), request.timeoutMs);
  switch (ended.kind) {
    case "value":
      return { result: ended.value, fault: undefined };
    case "timeout":
      return {
        result: { outcome: "fail", reason: "response_timeout", value: Math.round(request.timeoutMs) },
        fault: undefined,
      };
    case "fault": {
      const text = oneLine(ended.error);
      return { result: { outcome: "local", reason: "local_fault", value: 0, text }, fault: text };
    }
  }
}
