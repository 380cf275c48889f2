/**
 * Appends whole lines to a file or to standard output, for the notifiers log and console. Lines queued while a write is under way
 * go out together in the next one, so that a burst of a thousand alerts costs a few writes. Memory is bounded by the lane,
 * which has a bounded number of sends in flight. Does not sync to disk; rotation is rotation.ts.
 *
 * A file that ends in the middle of a line (disk full, a crash) is seen when it is opened, and the next write begins with a line
 * break: what was cut stays one broken line, and no later line is joined to it. Every failed write closes the file.
 */
import { close, constants, open, write } from "node:fs";
import { open as openFile, stat } from "node:fs/promises";

/** "written", or the code of the error that stopped it: "ENOSPC". "ABORTED" when the signal came first. */
export type LineResult = "written" | { readonly code: string };

export interface LineTarget {
  /** `torn`: what is there ends in the middle of a line. */
  open(): Promise<{ readonly descriptor: number; readonly torn: boolean }>;
  close(descriptor: number): Promise<void>;
  /** Before `bytes` are written: true when they belong into a file that has to be opened anew. Never rejects. */
  stale?(descriptor: number, bytes: number): Promise<boolean>;
}

/** Lines longer than this still go out whole; a batch is only not made longer than this, bytes. */
const BATCH_BYTES = 256 * 1024;
const LINE_BREAK = 10;
/** Pause before a full pipe (EAGAIN) is tried again. */
const PIPE_FULL_MS = 10;

interface Pending {
  readonly bytes: Uint8Array;
  settle(result: LineResult): void;
}

export class LineWriter {
  readonly #target: LineTarget;
  #queue: Pending[] = [];
  #descriptor: number | undefined;
  /** The chain of everything that touches the descriptor: one write, close or open at a time. */
  #work: Promise<void> = Promise.resolve();
  #writing = false;

  constructor(target: LineTarget) {
    this.#target = target;
  }

  /** `line` without its line break. Settles when it is written, at the latest when `signal` fires. */
  append(line: string, signal: AbortSignal): Promise<LineResult> {
    if (signal.aborted) return Promise.resolve({ code: "ABORTED" });
    return new Promise((resolve) => {
      const pending: Pending = {
        bytes: Buffer.from(`${line}\n`),
        settle: (result) => {
          signal.removeEventListener("abort", onAbort);
          resolve(result);
        },
      };
      const onAbort = () => {
        // One that is already being written may still arrive: at least once.
        this.#queue = this.#queue.filter((other) => other !== pending);
        pending.settle({ code: "ABORTED" });
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(pending);
      this.#wake();
    });
  }

  /** Lets go of the file after the write under way; the next line opens it anew. Also how a writer is closed. */
  release(): Promise<void> {
    return this.#then(() => this.#closeDescriptor());
  }

  #wake(): void {
    if (this.#writing) return;
    this.#writing = true;
    this.#then(async () => {
      while (this.#queue.length > 0) await this.#writeBatch();
      this.#writing = false;
    });
  }

  #then(task: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(task);
    return this.#work;
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#takeBatch();
    const bytes = Buffer.concat(batch.map((pending) => pending.bytes));
    let writtenBytes = 0;
    let failure: LineResult | undefined;
    try {
      const descriptor = await this.#descriptorFor(bytes.length);
      while (writtenBytes < bytes.length) {
        writtenBytes += await writeSome(descriptor, bytes.subarray(writtenBytes));
      }
    } catch (error) {
      failure = { code: codeOf(error) };
      await this.#closeDescriptor();
    }
    // Deno does not tell how much of a failed write arrived: then lines that did are sent again, under the same key.
    let endBytes = 0;
    for (const pending of batch) {
      endBytes += pending.bytes.length;
      pending.settle(failure === undefined || endBytes <= writtenBytes ? "written" : failure);
    }
  }

  async #descriptorFor(bytes: number): Promise<number> {
    const descriptor = this.#descriptor ?? await this.#openDescriptor();
    if (await this.#target.stale?.(descriptor, bytes) !== true) return descriptor;
    await this.#closeDescriptor();
    return await this.#openDescriptor();
  }

  async #openDescriptor(): Promise<number> {
    const { descriptor, torn } = await this.#target.open();
    this.#descriptor = descriptor;
    if (torn) await writeSome(descriptor, Buffer.from("\n"));
    return descriptor;
  }

  async #closeDescriptor(): Promise<void> {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) await this.#target.close(descriptor);
  }

  #takeBatch(): Pending[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && (count === 0 || bytes < BATCH_BYTES)) {
      bytes += (this.#queue[count] as Pending).bytes.length;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}

/** A file opened for appending (O_APPEND: writers in other threads do not overwrite each other), created with mode 0640. */
export function fileTarget(path: string): LineTarget {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
  return {
    async open() {
      const descriptor = await settle<number>((done) => open(path, flags, 0o640, done));
      return { descriptor, torn: await endsTorn(path) };
    },
    close: (descriptor) =>
      settle<void>((done) => close(descriptor, (error) => done(error, undefined))).catch(() => {}),
  };
}

/** A descriptor of the process that is never closed here. */
export function descriptorTarget(descriptor: number): LineTarget {
  return { open: () => Promise.resolve({ descriptor, torn: false }), close: () => Promise.resolve() };
}

/** False too when it cannot be read (permissions) or is no plain file. */
async function endsTorn(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await using file = await openFile(path, "r");
    const { size } = await file.stat();
    if (size === 0) return false;
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer[0] !== LINE_BREAK;
  } catch {
    return false;
  }
}

async function writeSome(descriptor: number, bytes: Uint8Array): Promise<number> {
  for (;;) {
    try {
      return await settle<number>((done) => write(descriptor, bytes, 0, bytes.length, null, done));
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      await new Promise((resolve) => setTimeout(resolve, PIPE_FULL_MS));
    }
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null | undefined, value: T) => void;

function settle<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => error ? reject(error) : resolve(value)));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO";
}
