/**
 * The loader threads as the engine's thread sees them: started for the first large file, ended with the load. A list is
 * cut at every 512 KiB; each thread has at most two ranges before it, and answers are handed on in the order of the file, so
 * what is held is a few blocks, whatever the size of the file.
 */
import type { MonitorSpec } from "../model/monitor.ts";
import type { MonitorRows } from "../model/monitor_rows.ts";
import type { EntryReader } from "./entry.ts";
import type { LoadedFile } from "./loaded_file.ts";
import type { LoaderAnswer, LoaderBoot, LoaderJob, ToLoader, UsedInputs } from "./loader_messages.ts";
import type { ListRange } from "./pieces.ts";

/** The part of a Web Worker that is used. */
export interface LoaderWorker {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

export interface LoaderThreads {
  readonly count: number;
  make(): LoaderWorker;
  /** Lists of fewer bytes are read in this thread; default 4 MiB. */
  readonly bytesMin?: number;
  /** Of a range; default 512 KiB. */
  readonly blockBytes?: number;
}

/** Some entries of a list, from one to before another; without rows they are to be read in this thread. */
export interface LoadedBlock {
  readonly start: number;
  readonly end: number;
  /** Newlines in it. */
  readonly lines: number;
  readonly rows: MonitorRows | undefined;
}

const BYTES_MIN = 4 * 1024 * 1024;
const BLOCK_BYTES = 512 * 1024;
/** Ranges before a thread: the one it works on, and the next. */
const JOBS_PER_THREAD = 2;

interface ListOfFile {
  /** Of the file among the loaded ones. */
  readonly number: number;
  readonly file: LoadedFile;
  readonly list: ListRange;
}

export class Loaders implements Disposable {
  readonly #threads: LoaderThreads | undefined;
  readonly #files: readonly LoadedFile[];
  readonly #reader: EntryReader;
  readonly #used = { variables: new Set<string>(), secretFiles: new Set<string>() };
  #workers: Thread[] = [];

  constructor(threads: LoaderThreads | undefined, files: readonly LoadedFile[], reader: EntryReader) {
    this.#threads = threads;
    this.#files = files;
    this.#reader = reader;
  }

  /** Whether the list is one for the threads. */
  takes(file: LoadedFile, list: ListRange): boolean {
    const threads = this.#threads;
    if (threads === undefined || file.input.onDisk === undefined || list.leans) return false;
    const { first, last } = boundsOf(file, list);
    return last - first >= (threads.bytesMin ?? BYTES_MIN);
  }

  /** Block after block, without a gap, up to the end of the list. */
  async *blocks({ number, file, list }: ListOfFile): AsyncGenerator<LoadedBlock, void> {
    const { first, last } = boundsOf(file, list);
    const blockBytes = this.#threads?.blockBytes ?? BLOCK_BYTES;
    if (this.#workers.length === 0) this.#start();
    const waiting: Promise<ThreadAnswer>[] = [];
    let from = first;
    let end = first;
    while (from < last || waiting.length > 0) {
      while (from < last && waiting.length < this.#workers.length * JOBS_PER_THREAD) {
        const to = Math.min(last, from + blockBytes);
        const job = { file: number, from, to, first, last, indent: list.cut?.indent ?? -1 };
        waiting.push(this.#idlest().ask(job));
        from = to;
      }
      const { range, rows, used } = await (waiting.shift() as Promise<ThreadAnswer>);
      for (const name of used?.variables ?? []) this.#used.variables.add(name);
      for (const path of used?.secretFiles ?? []) this.#used.secretFiles.add(path);
      if (range === undefined || range.start !== end) {
        // A thread that failed, or an entry above every limit: the rest is read in this thread, which says what it is.
        yield { start: end, end: last, lines: 0, rows: undefined };
        return;
      }
      if (range.start < range.end) yield { ...range, rows };
      end = range.end;
    }
  }

  /** What the threads looked up for the rows that were handed on. */
  get used(): UsedInputs {
    return { variables: [...this.#used.variables], secretFiles: [...this.#used.secretFiles] };
  }

  [Symbol.dispose](): void {
    for (const thread of this.#workers) thread.end();
    this.#workers = [];
  }

  #start(): void {
    const { templates, groups, env, kinds } = this.#reader;
    const boot: LoaderBoot = {
      type: "boot",
      env: { ...env },
      templates: [...templates].map(([name, layer]) => [name, layer.value]),
      groups: [...groups],
      notifyGroups: [...kinds.notifyGroups],
      files: this.#files.map(({ input, defaults }) => ({
        path: input.onDisk?.path ?? "",
        skip: input.onDisk?.skip ?? 0,
        folder: input.folder,
        defaults: defaults === undefined ? undefined : { value: defaults.value },
      })),
    };
    for (let count = this.#threads?.count ?? 0; count > 0; count--) {
      this.#workers.push(new Thread((this.#threads as LoaderThreads).make(), boot));
    }
  }

  #idlest(): Thread {
    return this.#workers.reduce((best, each) => each.jobs < best.jobs ? each : best);
  }
}

/** Bytes of the text: a range's, or all of it. */
function boundsOf(file: LoadedFile, list: ListRange): { readonly first: number; readonly last: number } {
  if (list.cut !== undefined) return { first: list.cut.start, last: list.cut.end };
  return { first: 0, last: file.input.diskBytes - (file.input.onDisk?.skip ?? 0) };
}

type ThreadAnswer = Pick<LoaderAnswer, "range"> & {
  readonly rows: MonitorRows | undefined;
  readonly used?: UsedInputs;
};

class Thread {
  readonly #worker: LoaderWorker;
  readonly #specs: MonitorSpec[] = [];
  readonly #open = new Map<number, (answer: ThreadAnswer) => void>();
  #asked = 0;
  #failed = false;

  constructor(worker: LoaderWorker, boot: LoaderBoot) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<LoaderAnswer>) => this.#settle(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.end();
    };
    this.#post(boot);
  }

  get jobs(): number {
    return this.#open.size;
  }

  ask(job: Omit<LoaderJob, "type" | "number">): Promise<ThreadAnswer> {
    if (this.#failed) return Promise.resolve({ range: undefined, rows: undefined });
    const number = this.#asked++;
    this.#post({ type: "job", number, ...job });
    return new Promise((resolve) => this.#open.set(number, resolve));
  }

  /** What is open is answered as failed. */
  end(): void {
    this.#failed = true;
    this.#worker.terminate();
    for (const resolve of this.#open.values()) resolve({ range: undefined, rows: undefined });
    this.#open.clear();
  }

  #settle({ number, range, rows }: LoaderAnswer): void {
    const resolve = this.#open.get(number);
    this.#open.delete(number);
    if (rows === undefined) return resolve?.({ range, rows });
    this.#specs.push(...rows.newSpecs);
    const { words, bytes, count, used } = rows;
    resolve?.({ range, rows: { specs: this.#specs, words, bytes, count }, used });
  }

  #post(message: ToLoader): void {
    this.#worker.postMessage(message);
  }
}
