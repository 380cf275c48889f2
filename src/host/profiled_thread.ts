/**
 * A thread's side of profiling: answers the server thread's requests about itself. Nothing is started, sampled or allocated
 * before the first request. Cost in Bun at 1 ms between samples: 1 ms to begin, then 35 µs per sample in which JavaScript ran.
 *
 * A thread with an event loop calls serve(). One that does not return to it (the raw pulse loop) calls poll() between two
 * waits: see lanes/thread_control.ts.
 */
import { readlinkSync } from "node:fs";
import { receiveMessageOnPort } from "node:worker_threads";
import { heapBytes, takeHeapSnapshot } from "./heap_snapshot.ts";
import { ThreadInspector } from "./inspector.ts";
import type { ProfileReply, ProfileRequest } from "./profile_messages.ts";
import { createThreadCpu, type ThreadCpu } from "./thread_cpu.ts";

export interface ProfiledThreadOptions {
  /** Records into the memory until it is called with undefined; only the engine's thread can. */
  readonly trace?: (memory: SharedArrayBuffer | undefined) => void;
}

/** What takes time: `turn` is called when `dueMs` has come, and at its end once with `last`. */
interface Recording {
  readonly id: number;
  readonly endMs: number;
  dueMs: number;
  turn(last: boolean): Promise<void>;
}

type Of<Type extends ProfileRequest["type"]> = Extract<ProfileRequest, { type: Type }>;
type Body<Reply> = Reply extends ProfileReply ? Omit<Reply, "id"> : never;

export class ProfiledThread {
  readonly #port: MessagePort;
  readonly #options: ProfiledThreadOptions;
  #recording: Recording | undefined;
  #steps: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(port: MessagePort, options: ProfiledThreadOptions = {}) {
    this.#port = port;
    this.#options = options;
  }

  /** For a thread with an event loop. */
  serve(): void {
    this.#port.onmessage = (event: MessageEvent<ProfileRequest>) =>
      this.#then(() => this.#handle(event.data));
  }

  /** True while a request is under way that poll() has to drive. */
  get recording(): boolean {
    return this.#recording !== undefined;
  }

  /**
   * For a thread without: takes what is at the port (when `mail`) and does what is due. A promise means that there was
   * something to do: the caller must await it, because the inspector answers only after the running code.
   */
  poll(mail: boolean): Promise<void> | undefined {
    const due = this.#recording !== undefined && performance.now() >= this.#recording.dueMs;
    return mail || due ? this.#takeTurn(mail) : undefined;
  }

  async #takeTurn(mail: boolean): Promise<void> {
    for (let next = mail ? this.#receive() : undefined; next !== undefined; next = this.#receive()) {
      await this.#handle(next);
    }
    await this.#advance();
  }

  #receive(): ProfileRequest | undefined {
    const port = this.#port as unknown as Parameters<typeof receiveMessageOnPort>[0];
    return receiveMessageOnPort(port)?.message as ProfileRequest | undefined;
  }

  async #handle(request: ProfileRequest): Promise<void> {
    const { id } = request;
    if (request.type === "end") {
      if (this.#recording?.id === id) await this.#end(this.#recording);
      return;
    }
    try {
      if (this.#recording !== undefined) throw new Error("another request is under way at this thread");
      if (request.type === "cpu") this.#recording = await this.#recordCpu(request);
      else if (request.type === "sample-heap") this.#recording = await this.#recordHeap(request);
      else if (request.type === "trace") this.#recording = this.#recordTrace(request);
      else {
        if (request.type === "snapshot") this.#post(id, await snapshot(request.limitBytes));
        this.#done(id);
      }
    } catch (error) {
      this.#fail(id, error);
    }
  }

  async #recordCpu({ id, ms, intervalUs }: Of<"cpu">): Promise<Recording> {
    const cpu = createThreadCpu(() => performance.now(), 0);
    const inspector = new ThreadInspector();
    await inspector.startCpu(intervalUs);
    const slice = { inspector, cpu, cpuAtUs: cpu.cpuUs() };
    const endMs = performance.now() + ms;
    const { sliceMs } = ThreadInspector;
    return {
      id,
      endMs,
      dueMs: Math.min(endMs, performance.now() + sliceMs),
      turn: async (last) => {
        this.#post(id, { type: "cpu", ...await takeSlice(slice, last) });
        if (last) cpu.close();
        else slice.cpuAtUs = cpu.cpuUs();
      },
    };
  }

  async #recordHeap({ id, ms, intervalBytes }: Of<"sample-heap">): Promise<Recording> {
    const inspector = new ThreadInspector();
    await inspector.startHeapSampling(intervalBytes);
    const endMs = performance.now() + ms;
    return {
      id,
      endMs,
      dueMs: endMs,
      turn: async () => {
        const head = await inspector.stopHeapSampling();
        inspector.close();
        this.#post(id, { type: "heap", head });
      },
    };
  }

  #recordTrace({ id, ms, memory }: Of<"trace">): Recording {
    const { trace } = this.#options;
    if (trace === undefined) throw new Error("this thread has no ticks to trace");
    trace(memory);
    const endMs = performance.now() + ms;
    return {
      id,
      endMs,
      dueMs: endMs,
      turn: () => {
        trace(undefined);
        return Promise.resolve();
      },
    };
  }

  /** Does what is due of the recording under way. */
  async #advance(): Promise<void> {
    const recording = this.#recording;
    const nowMs = performance.now();
    if (recording === undefined || nowMs < recording.dueMs) return;
    if (nowMs >= recording.endMs) return await this.#end(recording);
    recording.dueMs = Math.min(recording.endMs, nowMs + ThreadInspector.sliceMs);
    await recording.turn(false).catch((error) => this.#fail(recording.id, error));
  }

  async #end(recording: Recording): Promise<void> {
    this.#recording = undefined;
    try {
      await recording.turn(true);
      this.#done(recording.id);
    } catch (error) {
      this.#fail(recording.id, error);
    }
  }

  /** One step after the other, then the timer for the next that is due: how an event loop drives it. */
  #then(step: () => Promise<void>): void {
    this.#steps = this.#steps.then(step).then(() => {
      clearTimeout(this.#timer);
      if (this.#recording === undefined) return;
      const waitMs = Math.max(0, this.#recording.dueMs - performance.now());
      this.#timer = setTimeout(() => this.#then(() => this.#advance()), waitMs);
    });
  }

  #fail(id: number, error: unknown): void {
    this.#recording = undefined;
    this.#post(id, { type: "left-out", reason: error instanceof Error ? error.message : String(error) });
    this.#done(id);
  }

  #done(id: number): void {
    this.#post(id, { type: "done", kernelId: kernelThreadId() });
  }

  #post(id: number, body: Body<ProfileReply>): void {
    this.#port.postMessage({ id, ...body });
  }
}

interface Sampling {
  readonly inspector: ThreadInspector;
  readonly cpu: ThreadCpu;
  /** CPU time at the start of the slice, µs. */
  cpuAtUs: number;
}

/** The CPU is read first, and again when the slice is posted: what the profiler itself needs is not the thread's. */
async function takeSlice({ inspector, cpu, cpuAtUs }: Sampling, last: boolean) {
  const cpuUs = cpu.cpuUs() - cpuAtUs;
  const profile = last ? await inspector.stopCpu() : await inspector.sliceCpu();
  if (last) inspector.close();
  return { profile, cpuUs };
}

async function snapshot(limitBytes: number): Promise<Body<ProfileReply>> {
  const bytes = heapBytes();
  if (bytes <= limitBytes) {
    const startMs = performance.now();
    const json = await takeHeapSnapshot();
    return { type: "snapshot", json, heapBytes: bytes, stoppedMs: performance.now() - startMs };
  }
  const [found, limit] = [bytes, limitBytes].map((each) => (each / 2 ** 20).toFixed(1));
  const reason = `a snapshot would stop it for too long, its heap is ${found} MiB and the limit ${limit} MiB`;
  return { type: "left-out", reason };
}

/** The calling thread's number under /proc/self/task; 0 without procfs. */
function kernelThreadId(): number {
  try {
    return Number(readlinkSync("/proc/thread-self").split("/").at(-1));
  } catch {
    return 0;
  }
}
