/**
 * Worker threads of the platform as the engine wants them: a channel, a Web Worker, its boot message, the clock answers.
 * How the Worker object is made is a parameter, because bundlers accept the literal only in the program's root file.
 */
import type { Clock } from "../base/clock.ts";
import type { Lane } from "../lanes/lane.ts";
import type { FromWorker, LaneBoot, ToWorker } from "../lanes/messages.ts";
import type { NamesHandle } from "../model/names.ts";
import { createChannel } from "../shm/channel.ts";
import { EngineEnd } from "../shm/engine_end.ts";
import type { WorldHandle } from "../world/world.ts";
import type { SpawnWorker } from "./worker_port.ts";

/** The part of a Web Worker that is used. */
export interface WorkerLike {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
  terminate(): void;
}

export type MakeWorker = (lane: Lane) => WorkerLike;

/** Room for the text of a job, and as much again for its result's: a check's line, or a whole alert. */
const TEXT_BYTES: Readonly<Record<Lane, number>> = {
  pulse: 256,
  intervention: 16_384,
  code: 16_384,
  hosted: 256,
};

/** Rings a worker that sleeps in the kernel; host/eventfd.ts makes them. */
export interface WakeDescriptor {
  readonly fd: number;
  ring(): void;
  close(): void;
}

export function createWebWorkerSpawner(options: {
  readonly make: MakeWorker;
  /** Taken for every spawn, so that it is the world of that moment. */
  readonly world: () => WorldHandle;
  readonly engineWake: SharedArrayBuffer;
  readonly clock: Clock;
  /** A way to the named thread for the server thread's requests; absent when profiles are off. */
  readonly openLink?: (name: string) => { readonly link: NonNullable<LaneBoot["profile"]>; close(): void };
  /** A descriptor for each worker of a lane that needs one. */
  readonly wakeDescriptor: (lane: Lane) => WakeDescriptor | undefined;
  readonly names?: NamesHandle | undefined;
}): SpawnWorker {
  return ({ lane, workerIndex, capacity }, events) => {
    const channel = createChannel({ capacity, textBytes: TEXT_BYTES[lane] });
    const worker = options.make(lane);
    const opened = options.openLink?.(`${lane}-${workerIndex}`);
    const wake = options.wakeDescriptor(lane);
    const post = (message: ToWorker) => worker.postMessage(message);
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      const message = event.data;
      if (message.type === "sync") {
        post({ type: "sync", workerMs: message.workerMs, engineMs: options.clock.monoMs() });
      } else if (message.type === "log") {
        events.log(message.level, message.message, message.fields);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      events.failed(String(event.message).split("\n", 1)[0] as string);
    };
    const boot: LaneBoot = {
      type: "boot",
      lane,
      workerIndex,
      world: options.world(),
      channel,
      engineWake: options.engineWake,
      ...(wake === undefined ? {} : { wakeFd: wake.fd }),
      ...(options.names === undefined ? {} : { names: options.names }),
      ...(opened === undefined ? {} : { profile: opened.link }),
    };
    worker.postMessage(boot, opened === undefined ? [] : [opened.link.port]);
    return {
      end: new EngineEnd(channel, wake?.ring),
      reopen: () => post({ type: "reopen" }),
      terminate() {
        worker.terminate();
        wake?.close();
        opened?.close();
      },
    };
  };
}
