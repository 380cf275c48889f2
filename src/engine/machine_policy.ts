/** What the state machine and its timers need of a policy, which may differ from step to step of its remedy. */
import type { RemedyStep } from "../model/monitor.ts";
import { stepIndex } from "../model/remedy_steps.ts";
import type { TransitionPolicy } from "../model/transition.ts";
import type { Policy } from "../world/policy.ts";

/** Of each policy, by the step of its remedy; made once. */
const MACHINES = new WeakMap<Policy, readonly TransitionPolicy[]>();

/** `attempts`: those the monitor has used, the one that runs included. */
export function transitionPolicy(policy: Policy, attempts: number): TransitionPolicy {
  let machines = MACHINES.get(policy);
  if (machines === undefined) MACHINES.set(policy, machines = machinesOf(policy));
  return machines[stepIndex(policy.remedy, attempts)] as TransitionPolicy;
}

/** Longest time in `verifying` after this attempt, ms; 0 = no limit. */
export function verificationTimeoutMs(policy: Policy, attempts: number): number {
  const step = policy.remedy?.steps?.[stepIndex(policy.remedy, attempts)];
  return step?.verificationTimeoutMs ?? policy.verificationTimeoutMs;
}

function machinesOf(policy: Policy): readonly TransitionPolicy[] {
  const { unhealthyThreshold, healthyThreshold, verificationChecks, remedy } = policy;
  const machine = {
    unhealthyThreshold,
    healthyThreshold,
    verificationChecks,
    hasRemedy: remedy !== null,
    maxAttempts: remedy?.maxFailures ?? 0,
  };
  const steps: readonly Partial<RemedyStep>[] = remedy?.steps ?? [{}];
  return steps.map((step) => ({
    ...machine,
    verificationChecks: step.verificationChecks ?? verificationChecks,
  }));
}
