/**
 * The threads of this process as the kernel has them, the runtime's own included (compiler, collector, pools). A thread may
 * end between two reads: it is left out then. Empty on a system without procfs. Costs some 30 µs a thread.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface KernelThread {
  /** Its number under /proc/self/task. */
  readonly id: number;
  /** At most 15 characters, by the runtime. */
  readonly name: string;
  /** "R" runs, "S" sleeps, "D" waits for a disk, … (proc_pid_stat(5)). */
  readonly state: string;
  /** Since the thread began, µs. */
  readonly cpuUs: number;
  /** Runnable, but without a CPU, since the thread began, µs. */
  readonly waitedUs: number;
}

export function kernelThreads(): KernelThread[] {
  return taskIds().flatMap((id) => {
    try {
      return [readTask(id)];
    } catch {
      return [];
    }
  });
}

/** What runtimes call the threads that take samples for a CPU profile: JavaScriptCore's, V8's. */
export const SAMPLING_THREADS: readonly string[] = ["thread", "v8:ProfEvntProc"];

const TASKS = "/proc/self/task";

function taskIds(): string[] {
  try {
    return readdirSync(TASKS);
  } catch {
    return [];
  }
}

function readTask(id: string): KernelThread {
  const read = (file: string) => readFileSync(`${TASKS}/${id}/${file}`, "latin1");
  const [cpuNs = 0, waitedNs = 0] = read("schedstat").split(" ").map(Number);
  // The name is in parentheses and may hold any character: the state follows the last one.
  const stat = read("stat");
  const state = stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "?";
  return { id: Number(id), name: read("comm").trim(), state, cpuUs: cpuNs / 1000, waitedUs: waitedNs / 1000 };
}
