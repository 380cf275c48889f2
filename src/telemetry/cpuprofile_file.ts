/**
 * One thread's CPU profile as a .cpuprofile file, which browsers' tools and editors open: its slices joined into one, with
 * "(idle)" wherever the thread did nothing.
 */
import type { CallFrame, CpuNode, CpuProfile } from "../base/cpuprofile.ts";
import { stackSamples } from "./cpu_samples.ts";

const RUNTIME_FRAME = { scriptId: "0", url: "", lineNumber: -1, columnNumber: -1 } as const;
const ROOT: CallFrame = { functionName: "(root)", ...RUNTIME_FRAME };
const IDLE: CallFrame = { functionName: "(idle)", ...RUNTIME_FRAME };

export function joinCpuProfiles(slices: readonly CpuProfile[], periodUs: number): CpuProfile {
  const tree = new Tree();
  const samples: number[] = [];
  const timeDeltas: number[] = [];
  const startTime = slices.find((slice) => slice.samples.length > 0)?.startTime ?? 0;
  let sampleUs = startTime;
  let endUs = startTime;
  const add = (path: readonly CallFrame[], timeUs: number) => {
    const atUs = Math.max(sampleUs, timeUs);
    samples.push(tree.node(path));
    timeDeltas.push(atUs - sampleUs);
    sampleUs = atUs;
  };
  for (const slice of slices) {
    for (const { stack, startUs, durationUs } of stackSamples(slice, periodUs)) {
      const timeUs = slice.startTime + startUs;
      if (timeUs - endUs > periodUs) add([IDLE], endUs);
      add(stack.length === 0 ? [IDLE] : stack.toReversed(), timeUs);
      endUs = Math.max(endUs, timeUs + durationUs);
    }
  }
  add([IDLE], endUs);
  return {
    nodes: tree.nodes,
    startTime,
    endTime: Math.max(endUs, slices.at(-1)?.endTime ?? 0),
    samples,
    timeDeltas,
  };
}

interface Growing {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children: number[];
}

class Tree {
  readonly #nodes: Growing[] = [{ id: 1, callFrame: ROOT, children: [] }];
  readonly #known = new Map<string, Growing>();

  get nodes(): readonly CpuNode[] {
    return this.#nodes;
  }

  /** Id of the node at the end of the path, made as needed. */
  node(path: readonly CallFrame[]): number {
    let at = this.#nodes[0] as Growing;
    for (const callFrame of path) at = this.#child(at, callFrame);
    return at.id;
  }

  #child(parent: Growing, callFrame: CallFrame): Growing {
    const { functionName, url, lineNumber, columnNumber } = callFrame;
    const key = [parent.id, functionName, url, lineNumber, columnNumber].join("\0");
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const child = { id: this.#nodes.length + 1, callFrame, children: [] };
    this.#nodes.push(child);
    this.#known.set(key, child);
    parent.children.push(child.id);
    return child;
  }
}
