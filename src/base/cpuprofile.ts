/**
 * A CPU profile of one thread as both runtimes' inspectors give it and as browsers' tools read it from a .cpuprofile file
 * (chromedevtools.github.io/devtools-protocol/tot/Profiler, type Profile). Only what is used of it.
 */
export interface CpuProfile {
  readonly nodes: readonly CpuNode[];
  /** Monotonic µs of the thread's own clock. */
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of the nodes that were on top of the stack. */
  readonly samples: readonly number[];
  /** µs from the sample before (from `startTime` for the first one); as long as `samples`. */
  readonly timeDeltas: readonly number[];
}

export interface CpuNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  /** Ids of the nodes this one called. */
  readonly children?: readonly number[];
}

export interface CallFrame {
  /** "" for an anonymous function; "(root)", "(idle)", "(program)" and the like where no function ran. */
  readonly functionName: string;
  readonly scriptId: string;
  readonly url: string;
  /** From 0; -1 for code of the runtime. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}
