/**
 * What a process and all it started cost so far, from /proc (proc(5)). Short-lived children count once their parent has
 * waited for them, so a monitor that starts a program per check is charged for the programs. Linux only.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface TreeCost {
  /** User and system time, µs, in steps of 10 ms: of the living, and of the dead that were waited for. */
  readonly cpuUs: number;
  /** Sum of what is resident; pages that two processes share count twice. */
  readonly rssBytes: number;
  readonly processes: number;
}

const TICK_US = 10_000;

/** The trees of several roots together; roots that have ended cost nothing. */
export function treeCost(roots: readonly number[]): TreeCost {
  const childrenOf = readChildren();
  const cost = { cpuUs: 0, rssBytes: 0, processes: 0 };
  const open = [...roots];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const stat = readStat(pid);
    if (stat === undefined) continue;
    cost.cpuUs += stat.ticks * TICK_US;
    cost.rssBytes += rssBytes(pid);
    cost.processes++;
    open.push(...childrenOf.get(pid) ?? []);
  }
  return cost;
}

function readChildren(): ReadonlyMap<number, readonly number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readStat(pid) : undefined;
    if (stat === undefined) continue;
    const siblings = children.get(stat.parent);
    if (siblings === undefined) children.set(stat.parent, [pid]);
    else siblings.push(pid);
  }
  return children;
}

/** Undefined when the process is gone. Fields count from the state, which follows the name in brackets. */
function readStat(pid: number): { readonly parent: number; readonly ticks: number } | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const [parent, user, system, childrenUser, childrenSystem] = [1, 11, 12, 13, 14].map((i) =>
    fields[i] as number
  );
  return {
    parent: parent as number,
    ticks: (user as number) + (system as number) + (childrenUser as number) + (childrenSystem as number),
  };
}

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readProc(`/proc/${pid}/status`) ?? "")?.[1] ?? 0) * 1024;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
