/** The demo's end of the mock fleet's thread. */
import type { WorkerLike } from "../engine/web_worker.ts";
import type { FaultInput } from "../../mock-servers/target_faults.ts";
import type { FromTargets, ToTargets } from "../../mock-servers/target_thread.ts";
import type { FaultTerms, TargetPlace, TargetsOptions } from "../../mock-servers/target_types.ts";

export interface DemoFleetThread {
  readonly count: number;
  readonly control: string;
  addressOf(index: number): TargetPlace;
  set(index: number, fault: FaultInput, terms: FaultTerms): void;
  stop(): Promise<void>;
}

const STOP_MS = 1000;

/** Rejects with a message for people when the fleet cannot start. */
export function startDemoFleet(
  worker: WorkerLike,
  options: TargetsOptions,
  onFault: (error: string) => void,
): Promise<DemoFleetThread> {
  const post = (message: ToTargets) => worker.postMessage(message);
  let stopped = () => {};
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(String(event.message)));
    };
    worker.onmessage = ({ data: message }: MessageEvent<FromTargets>) => {
      if (message.type === "stopped") return stopped();
      if (message.type === "failed") {
        onFault(message.error);
        return reject(new Error(message.error));
      }
      const { places, control } = message;
      resolve({
        count: places.length,
        control,
        addressOf: (index) => places[index] as TargetPlace,
        set: (index, fault, terms) => post({ type: "set", index, fault, terms }),
        stop: () =>
          new Promise((done) => {
            const end = () => {
              clearTimeout(timer);
              worker.terminate();
              done();
            };
            const timer = setTimeout(end, STOP_MS);
            stopped = end;
            post({ type: "stop" });
          }),
      });
    };
    post({ type: "start", options });
  });
}
