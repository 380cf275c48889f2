/**
 * The heap of the calling thread as the JSON of a .heapsnapshot file (V8's format, which Chrome's DevTools open; Bun writes
 * it too). Stops the thread: 10 to 40 ms per MB of heap.
 */
import process from "node:process";
import { getHeapSnapshot } from "node:v8";

interface BunGlobal {
  generateHeapSnapshot(format: "v8"): string;
}

/** Bytes of objects on this thread's heap; buffers, which may be shared with other threads, are not counted. */
export function heapBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return typeof Deno === "undefined" ? Math.max(0, heapUsed - external) : heapUsed;
}

export async function takeHeapSnapshot(): Promise<string> {
  if (typeof Deno === "undefined") {
    return (globalThis as unknown as { Bun: BunGlobal }).Bun.generateHeapSnapshot("v8");
  }
  const parts: string[] = [];
  const decoder = new TextDecoder();
  for await (const chunk of getHeapSnapshot()) {
    parts.push(decoder.decode(chunk as Uint8Array, { stream: true }));
  }
  return parts.join("");
}
