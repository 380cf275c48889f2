/**
 * The inspector of the calling thread: CPU samples and heap, through node:inspector, which both runtimes have on every
 * thread. What differs: Bun ends a profile at some 35 µs per sample, so it is taken in slices (`sliceMs`), and knows no heap
 * sampling; Deno takes 10 ms to begin one and 2 ms to end it, however long it was, so it is taken whole.
 */
import { Session } from "node:inspector";
import type { CpuProfile } from "../base/cpuprofile.ts";

export class ThreadInspector {
  /** How often a CPU profile should be ended and begun anew so that no end of one is felt, ms. */
  static readonly sliceMs: number = typeof Deno === "undefined" ? 100 : Infinity;
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
  }

  /** Begins to sample this thread's stack about every `intervalUs`. */
  async startCpu(intervalUs: number): Promise<void> {
    await this.#post("Profiler.enable");
    await this.#post("Profiler.setSamplingInterval", { interval: intervalUs });
    await this.#post("Profiler.start");
  }

  /** The samples since the start or the last slice; sampling goes on. */
  async sliceCpu(): Promise<CpuProfile> {
    const profile = await this.stopCpu();
    await this.#post("Profiler.start");
    return profile;
  }

  async stopCpu(): Promise<CpuProfile> {
    return (await this.#post("Profiler.stop") as { profile: CpuProfile }).profile;
  }

  /** V8 only: begins to note where about every `intervalBytes` are allocated. */
  async startHeapSampling(intervalBytes: number): Promise<void> {
    await this.#post("HeapProfiler.startSampling", { samplingInterval: intervalBytes });
  }

  /** What was allocated since the start and is still alive, by the stack that allocated it. */
  async stopHeapSampling(): Promise<HeapSampleNode> {
    const { profile } = await this.#post("HeapProfiler.stopSampling") as {
      profile: { head: HeapSampleNode };
    };
    return profile.head;
  }

  close(): void {
    this.#session.disconnect();
  }

  #post(method: string, parameters: object = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error: Error | null, result?: object) => {
        if (error === null || error === undefined) resolve(result);
        else reject(new Error(`Cannot profile this thread: ${method} failed: ${describe(error)}`));
      });
    });
  }
}

/** The protocol's SamplingHeapProfileNode. */
export interface HeapSampleNode {
  readonly callFrame: CpuProfile["nodes"][number]["callFrame"];
  /** Bytes, scaled up from the samples by the runtime. */
  readonly selfSize: number;
  readonly children: readonly HeapSampleNode[];
}

/** Deno and Bun give the protocol's plain object, not an Error. */
function describe(error: unknown): string {
  return (error as { message?: unknown }).message?.toString() ?? JSON.stringify(error);
}
