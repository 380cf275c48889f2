/**
 * From what the user names (files, folders, "-") to byte streams: unpacked when gzipped, readable again from any offset,
 * so that a large file never has to be held.
 */
import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { PassThrough, pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { FILE_BYTES_MAX, PIPED_BYTES_MAX } from "./limits.ts";
import { errorWord } from "./secret_file.ts";

const FORMATS = ["yaml", "json", "jsonl"] as const;
export type Format = typeof FORMATS[number];

export interface InputFile {
  /** As the user named it, or below the folder that the user named. */
  readonly name: string;
  readonly folder: string;
  readonly format: Format;
  /** Bytes on disk; for progress. */
  readonly diskBytes: number;
  /** Where the bytes are on disk, when any thread can read them there by range; `skip` bytes of it come before them. */
  readonly onDisk: { readonly path: string; readonly skip: number } | undefined;
  /** Unpacked bytes of a range; the whole without one. Throws InputError. */
  bytes(range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
}

/** Bad input, worded for the user. */
export class InputError extends Error {
  readonly missing: boolean;
  constructor(message: string, options: { readonly missing?: boolean } = {}) {
    super(message);
    this.name = "InputError";
    this.missing = options.missing === true;
  }
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  ".yaml": "yaml",
  ".yml": "yaml",
  ".json": "json",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
};
const READ_BYTES = 256 * 1024;
const SNIFF_BYTES = 64 * 1024;

/** Names of the files that a source stands for: itself, or the manifests in the folder, sorted. Throws InputError. */
export async function listSource(source: string): Promise<string[]> {
  if (source === "-") return [source];
  const info = await stat(source).catch((error: unknown) => {
    throw new InputError(`cannot read: ${errorWord(error)}`, {
      missing: errorWord(error) === "it does not exist",
    });
  });
  if (!info.isDirectory()) return [source];
  const names = (await readdir(source)).filter((name) => formatByName(name) !== undefined).sort();
  if (names.length === 0) {
    throw new InputError(`a folder without manifests (${Object.keys(EXTENSIONS).join(", ")}, also .gz)`);
  }
  return names.map((name) => join(source, name));
}

/** Throws InputError. */
export async function openInput(name: string): Promise<InputFile> {
  const piped = name === "-" ? process.stdin : await openPipe(name);
  const held = piped === undefined ? undefined : await readPiped(piped);
  const raw = (start = 0, end = Infinity): Readable | Iterable<Uint8Array> =>
    held === undefined
      ? createReadStream(name, { start, end: end - 1, highWaterMark: READ_BYTES })
      : [held.subarray(start, end)];
  const head = await firstBytes(raw(), 4);
  const packed = head[0] === 0x1f && head[1] === 0x8b;
  const unpacked = packed ? () => gunzip(raw()) : raw;
  const start = await firstBytes(unpacked(), SNIFF_BYTES);
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) {
    throw new InputError("UTF-16 text; expected UTF-8");
  }
  const skip = start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf ? 3 : 0;
  return {
    name: name === "-" ? "<stdin>" : name,
    folder: name === "-" ? process.cwd() : dirname(name),
    format: formatByName(basename(name)) ?? formatByText(new TextDecoder().decode(start.subarray(skip))),
    onDisk: held === undefined && !packed ? { path: name, skip } : undefined,
    diskBytes: held?.length ?? (await stat(name)).size,
    bytes: (range) => {
      const from = skip + (range?.start ?? 0);
      const to = range === undefined ? Infinity : skip + range.end;
      return packed ? slice(unpacked(), from, to) : slice(raw(from, to), 0, to - from);
    },
  };
}

function formatByName(name: string): Format | undefined {
  const plain = name.toLowerCase().replace(/\.gz$/, "");
  const dot = plain.lastIndexOf(".");
  return dot < 0 ? undefined : EXTENSIONS[plain.slice(dot)];
}

/** Without a telling name: two lines that each begin a mapping are JSON lines; JSON is YAML anyway. */
function formatByText(text: string): Format {
  return /^\s*\{[^\n]*\}[ \t]*\r?\n\s*\{/.test(text) ? "jsonl" : "yaml";
}

async function openPipe(name: string): Promise<Readable | undefined> {
  try {
    const handle = await open(name);
    const info = await handle.stat();
    await handle.close();
    return info.isFile() ? undefined : createReadStream(name);
  } catch (error) {
    throw new InputError(`cannot read: ${errorWord(error)}`, {
      missing: errorWord(error) === "it does not exist",
    });
  }
}

async function readPiped(stream: Readable): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > PIPED_BYTES_MAX) {
      throw new InputError(
        `more than ${
          PIPED_BYTES_MAX >> 20
        } MiB from a pipe; write it to a file, which is read piece by piece`,
      );
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function firstBytes(source: Readable | Iterable<Uint8Array>, count: number): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  for await (const part of slice(source, 0, count)) head = Buffer.concat([head, part]);
  return head;
}

function gunzip(source: Readable | Iterable<Uint8Array>): Readable {
  const output = new PassThrough({ highWaterMark: READ_BYTES });
  // Errors reach the reader of the output, which the pipeline destroys with them.
  pipeline(source, createGunzip(), output, () => {});
  return output;
}

async function* slice(
  source: Readable | Iterable<Uint8Array>,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void> {
  let offset = 0;
  try {
    for await (const part of source as AsyncIterable<Uint8Array>) {
      const from = Math.max(0, start - offset);
      const to = Math.min(part.length, end - offset);
      if (from < to) yield part.subarray(from, to);
      offset += part.length;
      if (offset >= end) return;
      if (offset > FILE_BYTES_MAX) {
        throw new InputError(
          `more than ${FILE_BYTES_MAX / 2 ** 30} GiB of text; split it into several files`,
        );
      }
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(readFailure(error));
  }
}

function readFailure(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE") return `broken gzip data (${code})`;
  return `cannot read: ${errorWord(error)}`;
}
