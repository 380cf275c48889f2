/**
 * What the server thread asks of a thread that is to be profiled, and what comes back, over a MessagePort of their own:
 * profiles are large, and the engine thread must not have to pass them on. One request is under way at a thread at a time.
 */
import type { CpuProfile } from "../base/cpuprofile.ts";
import type { HeapSampleNode } from "./inspector.ts";

/** A thread's end; goes to it in its boot message, the port in the transfer list. */
export interface ProfileLink {
  readonly port: MessagePort;
  /** shm/mail_count.ts: for a thread that does not return to its event loop. */
  readonly mail: SharedArrayBuffer;
}

export type ProfileRequest =
  & { readonly id: number }
  & (
    /** CPU samples for `ms`; answered by any number of slices, then `done`. */
    | { readonly type: "cpu"; readonly ms: number; readonly intervalUs: number }
    /** The whole heap: stops the thread for 10 to 40 ms per MB, so one larger than `limitBytes` is left out. */
    | { readonly type: "snapshot"; readonly limitBytes: number }
    /** What is allocated within `ms` and still alive at its end; V8 only. */
    | { readonly type: "sample-heap"; readonly ms: number; readonly intervalBytes: number }
    /** The engine's ticks into `memory` (telemetry/tick_trace.ts) for `ms`. */
    | { readonly type: "trace"; readonly ms: number; readonly memory: SharedArrayBuffer }
    /** Only who it is: `done`. */
    | { readonly type: "hello" }
    /** Ends request `id` now, as if its time were up. */
    | { readonly type: "end" }
  );

export type ProfileReply =
  & { readonly id: number }
  & (
    | CpuSlice & { readonly type: "cpu" }
    /** JSON of a .heapsnapshot; the heap without its buffers; how long the thread stood still for it. */
    | {
      readonly type: "snapshot";
      readonly json: string;
      readonly heapBytes: number;
      readonly stoppedMs: number;
    }
    | { readonly type: "heap"; readonly head: HeapSampleNode }
    /** Nothing was taken, and why. */
    | { readonly type: "left-out"; readonly reason: string }
    /** The last reply to a request. `kernelId` is the thread's number under /proc/self/task, 0 where there is none. */
    | { readonly type: "done"; readonly kernelId: number }
  );

/** A piece of a CPU profile. */
export interface CpuSlice {
  readonly profile: CpuProfile;
  /** CPU time of the thread while this piece was sampled, by the kernel, µs; 0 where it does not tell. */
  readonly cpuUs: number;
}
