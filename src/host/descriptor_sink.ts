/**
 * Where the process's lines go: a descriptor, written off-thread so that a slow terminal or a full pipe never stops the
 * engine. Lines wait in memory up to a bound; past it they are dropped and the next line that fits says how many.
 */
import { write } from "node:fs";

/** For a log: a reader that is too slow costs lines, never the engine's time. */
export const LOG_BYTES_WAITING = 1 << 20;

export interface DescriptorSink {
  line(text: string): void;
  /** Resolves when all lines so far are written or the deadline passed. */
  flush(deadlineMs: number): Promise<void>;
}

/** `mostWaiting`: characters that may wait; Infinity for answers, which must arrive whole. */
export function createDescriptorSink(fd: number, mostWaiting: number): DescriptorSink {
  let waiting: string[] = [];
  let waitingBytes = 0;
  let dropped = 0;
  let writing: Uint8Array | undefined;
  let idle: (() => void)[] = [];

  const pump = () => {
    if (writing !== undefined) return;
    if (waiting.length === 0) {
      for (const resolve of idle) resolve();
      idle = [];
      return;
    }
    writing = new TextEncoder().encode(waiting.join(""));
    waiting = [];
    waitingBytes = 0;
    writeRest(0);
  };
  const writeRest = (from: number) => {
    const bytes = writing as Uint8Array;
    write(fd, bytes, from, bytes.length - from, null, (error, written) => {
      const busy = error !== null && (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (busy) return void setTimeout(() => writeRest(from), 10);
      // A descriptor that is gone (EPIPE, EBADF) takes its lines with it: there is nowhere left to say so.
      if (error === null && from + written < bytes.length) return writeRest(from + written);
      writing = undefined;
      pump();
    });
  };
  return {
    line(text) {
      if (waitingBytes > mostWaiting) {
        dropped++;
        return;
      }
      const notice = dropped > 0 ? `(${dropped} log lines dropped: the reader is too slow)\n` : "";
      dropped = 0;
      waiting.push(`${notice}${text}\n`);
      waitingBytes += text.length + notice.length;
      pump();
    },
    flush(deadlineMs) {
      if (writing === undefined && waiting.length === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, deadlineMs);
        idle.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}
