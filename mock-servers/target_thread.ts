/**
 * The mock fleet on a thread of its own, so that a demo's targets do not run on the thread of the engine that watches them.
 * workers/mock.ts is its caller; src/cli/demo_fleet.ts the other end.
 */
import type { FaultInput } from "./target_faults.ts";
import type { FaultTerms, TargetPlace, Targets, TargetsOptions } from "./target_types.ts";
import { startTargets } from "./targets.ts";

export type ToTargets =
  | { readonly type: "start"; readonly options: TargetsOptions }
  | { readonly type: "set"; readonly index: number; readonly fault: FaultInput; readonly terms: FaultTerms }
  | { readonly type: "stop" };

export type FromTargets =
  | { readonly type: "started"; readonly control: string; readonly places: readonly TargetPlace[] }
  | { readonly type: "failed"; readonly error: string }
  | { readonly type: "stopped" };

export interface TargetScope {
  onmessage: ((event: MessageEvent<ToTargets>) => void) | null;
  postMessage(message: FromTargets): void;
}

export function startTargetThread(scope: TargetScope): void {
  let targets: Targets | undefined;
  scope.onmessage = async ({ data: message }) => {
    try {
      if (message.type === "start") {
        targets = await startTargets(message.options);
        const { count, control } = targets;
        const places = Array.from({ length: count }, (_, index) => (targets as Targets).addressOf(index));
        scope.postMessage({ type: "started", control, places });
      } else if (message.type === "set") {
        await targets?.set(message.index, message.fault, message.terms);
      } else {
        await targets?.[Symbol.asyncDispose]();
        scope.postMessage({ type: "stopped" });
      }
    } catch (error) {
      scope.postMessage({ type: "failed", error: (error as Error).message });
    }
  };
}
