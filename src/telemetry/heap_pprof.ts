/**
 * Heaps of threads as one pprof, from .heapsnapshot files (by constructor: V8 and JavaScriptCore) or from allocation samples
 * (by the stack that allocated: V8 only). Contents never leave: a string's text is its name in a snapshot, and secrets are
 * strings, so everything that is named by its content is summed up by its type.
 */
import type { CallFrame } from "../base/cpuprofile.ts";
import { frameOf } from "./cpu_samples.ts";
import type { Frame, Pprof, PprofSample } from "./pprof.ts";

export interface HeapPprofInput {
  readonly samples: readonly PprofSample[];
  readonly timeMs: number;
  readonly durationUs: number;
  readonly program: string;
  readonly comments: readonly string[];
}

const SPACE = { type: "inuse_space", unit: "bytes" } as const;

/** Samples have two values: objects and bytes. */
export function heapPprof({ samples, ...rest }: HeapPprofInput): Pprof {
  return {
    sampleTypes: [{ type: "inuse_objects", unit: "count" }, SPACE],
    defaultType: SPACE.type,
    samples,
    periodType: { type: "space", unit: "bytes" },
    period: 1,
    ...rest,
  };
}

/** The parts of the format that are used: github.com/v8/v8, src/profiler/heap-snapshot-generator.cc, HeapSnapshotJSONSerializer. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: { readonly "node_fields": readonly string[]; readonly "node_types": readonly unknown[] };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

/** Types whose nodes are named by a class or a function; all others may be named by what they hold. */
const NAMED_TYPES: ReadonlySet<string> = new Set(["object", "closure", "native", "object shape"]);
const LONGEST_NAME = 80;

/** Names of buffers, whose memory other threads may share and nobody may have touched yet: V8's, JavaScriptCore's. */
const BUFFER_NAMES: ReadonlySet<string> = new Set([
  "ArrayBuffer",
  "SharedArrayBuffer",
  "system / JSArrayBufferData",
]);
const LARGE_BUFFER_BYTES = 65_536;

/**
 * One sample per type and constructor. `heapBytes` is what the runtime says of the heap as a whole: what the snapshot does not
 * account for (free space in blocks, native parts of objects) is shown as "(not attributed)", not spread. Large buffers are
 * left out: the columns and rings are in every thread's snapshot at full size, while they exist once and are mostly untouched.
 */
export function snapshotSamples(json: string, thread: string, heapBytes: number): PprofSample[] {
  const { snapshot: { meta }, nodes, strings } = JSON.parse(json) as Snapshot;
  const types = meta["node_types"][0] as readonly string[];
  const [typeAt, nameAt, sizeAt] = ["type", "name", "self_size"].map((field) =>
    meta["node_fields"].indexOf(field)
  );
  const sums = new Map<string, { readonly stack: readonly Frame[]; objects: number; bytes: number }>();
  let attributed = 0;
  for (let node = 0; node < nodes.length; node += meta["node_fields"].length) {
    const word = (field: number | undefined) => nodes[node + (field as number)] as number;
    const type = types[word(typeAt)] ?? "?";
    const bytes = word(sizeAt);
    if (bytes === 0) continue;
    const fullName = strings[word(nameAt)] as string;
    if (bytes >= LARGE_BUFFER_BYTES && BUFFER_NAMES.has(fullName)) continue;
    const name = NAMED_TYPES.has(type) ? fullName.slice(0, LONGEST_NAME) : "";
    const key = `${type}\0${name}`;
    const sum = sums.get(key) ?? { stack: typeStack(type, name), objects: 0, bytes: 0 };
    sums.set(key, sum);
    sum.objects++;
    sum.bytes += bytes;
    attributed += bytes;
  }
  const labels = { thread };
  const samples: PprofSample[] = [...sums.values()].map(({ stack, objects, bytes }) => ({
    stack,
    values: [objects, bytes],
    labels,
  }));
  const rest = Math.max(0, Math.round(heapBytes - attributed));
  return rest === 0
    ? samples
    : [...samples, { stack: [typeFrame("not attributed")], values: [0, rest], labels }];
}

/** The protocol's SamplingHeapProfileNode. */
export interface AllocationNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

/** One sample per stack that allocated something still alive. The runtime tells bytes only: objects are 0. */
export function allocationSamples(head: AllocationNode, thread: string): PprofSample[] {
  const samples: PprofSample[] = [];
  const visit = (node: AllocationNode, above: readonly Frame[]) => {
    const stack = node.callFrame.functionName === "(root)" ? above : [frameOf(node.callFrame), ...above];
    if (node.selfSize > 0) {
      samples.push({ stack, values: [0, Math.round(node.selfSize)], labels: { thread } });
    }
    for (const child of node.children) visit(child, stack);
  };
  visit(head, []);
  return samples;
}

function typeStack(type: string, name: string): Frame[] {
  return name === "" ? [typeFrame(type)] : [{ name, file: "", line: 0 }, typeFrame(type)];
}

function typeFrame(type: string): Frame {
  return { name: `(${type})`, file: "", line: 0 };
}
