/** Limits the kernel sets for this process, as it stands now. */
import { readFileSync } from "node:fs";

/** Soft limit of open files; where it cannot be read, what POSIX promises at least. */
export function descriptorLimit(): number {
  const POSIX_LEAST = 20;
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    if (soft === "unlimited") return Number.MAX_SAFE_INTEGER;
    return soft === undefined ? POSIX_LEAST : Number(soft);
  } catch {
    return POSIX_LEAST;
  }
}
