/** What only the plug-in knows of a row's remedy: what it acts on, and in which words. Of the step whose turn it is. */
import { FLAG, STATE } from "../model/state.ts";
import type { Remedy } from "../model/plugin.ts";
import { remedyAt } from "../model/remedy_steps.ts";
import type { World } from "../world/world.ts";

export function remedyFacts(world: World, remedies: readonly Remedy[]) {
  const stepOf = (row: number) => {
    const policy = world.policies[world.columns.policy[row] as number]?.remedy;
    if (policy === undefined || policy === null) return undefined;
    const step = remedyAt(policy, world.remedyTarget(row), attemptOf(world, row));
    return { ...step, remedy: remedies.find(({ kind }) => kind === step.kind) };
  };
  return {
    targetOf(row: number): string {
      const step = stepOf(row);
      return `${step?.kind} ${step?.remedy?.perMonitor ? world.name(row) : step?.target}`;
    },
    describe(row: number): string {
      const step = stepOf(row);
      return step?.remedy?.describe(step.target, step.config) ?? "nothing";
    },
  };
}

/** The attempt that is under way, else the next one. */
function attemptOf({ columns }: World, row: number): number {
  const runs = columns.state[row] === STATE.repairing &&
    ((columns.flags[row] as number) & FLAG.backoff) === 0;
  return (columns.attempts[row] as number) + (runs ? 0 : 1);
}
