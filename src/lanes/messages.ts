/**
 * The control plane between the engine thread and one worker: few, small messages at boot, reload and on signals.
 * Jobs and results never travel this way; they take the rings of shm/channel.ts.
 */
import type { LogFields, LogLevel } from "../base/log.ts";
import type { ProfileLink } from "../host/profile_messages.ts";
import type { ChannelHandle } from "../shm/channel.ts";
import type { WorldHandle } from "../world/world.ts";
import type { NamesHandle } from "../model/names.ts";
import type { Lane } from "./lane.ts";

export interface LaneBoot {
  readonly type: "boot";
  readonly lane: Lane;
  /** Names the worker in logs and profiles: unique within its lane for the life of the process. */
  readonly workerIndex: number;
  readonly world: WorldHandle;
  readonly channel: ChannelHandle;
  readonly engineWake: SharedArrayBuffer;
  /** How the server thread asks this one for profiles (thread_control.ts); absent when they are off. */
  readonly profile?: ProfileLink;
  /** Raw lanes: the event descriptor that the engine rings (host/eventfd.ts). */
  readonly wakeFd?: number;
  /** Host names for checks; absent = the system's resolver, and no names on raw lanes. */
  readonly names?: NamesHandle;
}

export type ToWorker =
  | LaneBoot
  /** Answer to a worker's `sync`: the engine's clock at the moment it was read, ms. */
  | { readonly type: "sync"; readonly workerMs: number; readonly engineMs: number }
  /** SIGUSR1: close and reopen files. */
  | { readonly type: "reopen" };

export type FromWorker =
  | { readonly type: "sync"; readonly workerMs: number }
  | { readonly type: "ready" }
  | { readonly type: "log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields };
