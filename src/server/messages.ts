/** What the engine thread and the server thread tell each other: few, small messages. Figures travel in shared memory. */
import type { LogFields, LogLevel } from "../base/log.ts";
import type { ActionParameters } from "../model/action.ts";
import type { ReceivedSignal } from "../model/signal.ts";
import type { MetricsHandle } from "../telemetry/metrics.ts";
import type { BuildInfo } from "../telemetry/process_metrics.ts";
import type { WorldHandle } from "../world/world.ts";
import type { CallAnswer } from "./actions.ts";
import type { ListenAddress } from "./listen_address.ts";

export interface ServerBoot {
  readonly type: "boot";
  readonly build: BuildInfo;
  /** Arguments of the process, for /debug/pprof/cmdline. */
  readonly commandLine: readonly string[];
  /** Each answers to everything; the profiles are only on those that say so. */
  readonly listen: readonly (ListenAddress & {
    readonly pprof: boolean;
    /** The option that sets this address, named when it cannot be had: "--pprof.addr". */
    readonly option: string;
  })[];
  /** Asked for on every address that is not loopback; without one such an address is refused. */
  readonly token?: string;
  /** Names of what the engine's thread can be asked to do. */
  readonly actions: readonly string[];
  /** Kinds of checks whose monitors take signals. */
  readonly signalKinds: readonly string[];
  /** Of shm/mail_count.ts: rings the threads that are asked for profiles. */
  readonly mail: SharedArrayBuffer;
  /** P95 of the schedule lag that /readyz holds the engine to, ms. */
  readonly sloMs: number;
  readonly shared: SharedState;
}

/** The shared memory to read. Sent again after loading, because policies, channels and labels are plain values in it. */
export interface SharedState {
  readonly world: WorldHandle;
  readonly metrics: MetricsHandle;
  /** Where each channel goes, without secrets, by the channel's index. */
  readonly channels: readonly string[];
}

/** A step of an incident, taken and committed by the engine. */
export interface IncidentEvent {
  readonly id: string;
  readonly row: number;
  /** As they were then: a reload may give the row to another monitor. The target as it is checked, secrets and all. */
  readonly monitor: string;
  readonly target: string;
  /** Name of the transition, as the engine's log has it. */
  readonly transition: string;
  /** False with the step that closes the incident. */
  readonly open: boolean;
  /** Wall clock, ms: when the trouble began, and when this step was taken. */
  readonly sinceMs: number;
  readonly atMs: number;
  readonly error: string;
}

export type ToServer =
  | ServerBoot
  /** The manifest is loaded (at boot or again): from now on /readyz may say yes. */
  | { readonly type: "loaded"; readonly shared: SharedState }
  /** Oldest first; as many as one tick made, so that a mass failure is not a message each. */
  | { readonly type: "incidents"; readonly events: readonly IncidentEvent[] }
  /** A thread that can be profiled has begun; the port leads to it and comes in the transfer list. */
  | { readonly type: "thread"; readonly name: string; readonly port: MessagePort }
  | { readonly type: "thread-ended"; readonly name: string }
  /** What became of an action, by the number of its call. */
  | { readonly type: "answer"; readonly number: number; readonly answer: CallAnswer }
  | { readonly type: "stop" };

export type FromServer =
  /** `urls` in the order of `listen`, with the real ports. */
  | { readonly type: "listening"; readonly urls: readonly string[] }
  /** Nothing listens; the text says where, why and what to do. */
  | { readonly type: "listen-failed"; readonly error: string }
  | { readonly type: "log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields }
  /** Somebody with the token asks for this; it is answered with the same number. */
  | {
    readonly type: "action";
    readonly number: number;
    readonly name: string;
    readonly parameters: ActionParameters;
  }
  /** Jobs called; oldest first. */
  | { readonly type: "signals"; readonly signals: readonly ReceivedSignal[] }
  /** Everything is closed; the thread may be ended. */
  | { readonly type: "stopped" };
