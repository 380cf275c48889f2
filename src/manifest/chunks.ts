/** A byte range of a manifest in pieces of text that begin and end between two entries (or two lines). */
import { Buffer } from "node:buffer";
import { InputError } from "./input.ts";
import { CHUNK_BYTES, ITEM_BYTES_MAX } from "./limits.ts";
import { type SourceText, wholeText } from "./source_text.ts";

export interface ChunkOptions {
  readonly file: string;
  /** Of the first byte, from 1. */
  readonly line: number;
  /** Spaces before the dash of an entry; undefined: any line may begin a piece (JSON lines). */
  readonly indent?: number;
  readonly chunkBytes?: number;
}

/** Throws InputError: an entry above the limit, or text that is not UTF-8. */
export async function* chunksOf(
  bytes: AsyncIterable<Uint8Array>,
  options: ChunkOptions,
): AsyncGenerator<SourceText, void> {
  const chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
  let line = options.line;
  let parts: Uint8Array[] = [];
  let held = 0;
  let wanted = chunkBytes;
  for await (const part of bytes) {
    parts.push(part);
    held += part.length;
    if (held < wanted) continue;
    const block = Buffer.concat(parts);
    const cut = lastBoundary(block, options.indent);
    if (cut > 0) {
      yield wholeText({ file: options.file, text: decode(block.subarray(0, cut), line), line });
      line += countNewlines(block.subarray(0, cut));
    } else if (held > ITEM_BYTES_MAX) {
      throw new InputError(`line ${line}: an entry of more than ${ITEM_BYTES_MAX >> 20} MiB`);
    }
    parts = [block.subarray(cut)];
    held = block.length - cut;
    wanted = held + chunkBytes;
  }
  if (held > 0) yield wholeText({ file: options.file, text: decode(Buffer.concat(parts), line), line });
}

/** Each entry of a piece by itself, for a piece that does not parse as a whole. */
export function splitEntries(source: SourceText, indent: number): SourceText[] {
  const mark = new RegExp(`^ {${indent}}-(?=[ \\t\\r\\n]|$)`, "gm");
  const starts = [...source.text.matchAll(mark)].map((found) => found.index);
  let line = source.parts[0]?.line ?? 1;
  if (starts.length === 0) return [source];
  return starts.map((start, index) => {
    // What stands before the first entry (comments) goes with it.
    const text = source.text.slice(index === 0 ? 0 : start, starts[index + 1]);
    const entry = wholeText({ file: source.file, text, line });
    line += text.split("\n").length - 1;
    return entry;
  });
}

/** Throws InputError naming the line. */
export function decode(bytes: Uint8Array, line: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const before = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).split(
      "\ufffd",
      1,
    )[0] as string;
    throw new InputError(`line ${line + before.split("\n").length - 1}: text that is not UTF-8`);
  }
}

/** Start of the last line that begins an entry; 0 when there is none but the first. */
function lastBoundary(block: Buffer, indent: number | undefined): number {
  const mark = indent === undefined ? "\n" : `\n${" ".repeat(indent)}-`;
  for (let at = block.length; at > 0;) {
    at = block.lastIndexOf(mark, at - 1);
    if (at < 0) return 0;
    const after = block[at + mark.length];
    if (indent === undefined) return at + 1;
    if (after === 32 || after === 9 || after === 10 || after === 13) return at + 1;
  }
  return 0;
}

function countNewlines(block: Buffer): number {
  let count = 0;
  for (let at = block.indexOf(10); at >= 0; at = block.indexOf(10, at + 1)) count++;
  return count;
}
