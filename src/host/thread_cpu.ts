/**
 * CPU time of the calling thread. The kernel's scheduler statistics give it in both runtimes without FFI: nanoseconds on a
 * CPU since the thread began (Linux Documentation/scheduler/sched-stats). One read costs about 4 µs, so it is kept for 50 ms
 * unless told otherwise.
 * On a system without procfs it counts 0, and sizing plans threads from its estimate alone.
 */
import { closeSync, openSync, readSync } from "node:fs";

const FRESH_MS = 50;

export interface ThreadCpu {
  /** 0 where the kernel does not tell. */
  cpuUs(): number;
  close(): void;
}

/** Reader of this thread's CPU time in µs; must be made and used on the same thread. */
export function createThreadCpu(monoMs: () => number, freshMs = FRESH_MS): ThreadCpu {
  const fd = openStatistics();
  const bytes = new Uint8Array(64);
  let readAtMs = -Infinity;
  let cpuUs = 0;
  return {
    cpuUs() {
      const nowMs = monoMs();
      if (fd === undefined || nowMs - readAtMs < freshMs) return cpuUs;
      readAtMs = nowMs;
      cpuUs = leadingNumber(bytes, readSync(fd, bytes, 0, bytes.length, 0)) / 1000;
      return cpuUs;
    },
    close() {
      if (fd !== undefined) closeSync(fd);
    },
  };
}

function openStatistics(): number | undefined {
  try {
    return openSync("/proc/thread-self/schedstat", "r");
  } catch {
    return undefined;
  }
}

function leadingNumber(bytes: Uint8Array, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}
