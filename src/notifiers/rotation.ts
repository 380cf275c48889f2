/**
 * Rotation of a log by its size: FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on, the oldest is removed. Writers of several
 * threads or processes share a file: who finds it too large takes a lock beside it and looks again before it renames. A writer
 * that still holds the renamed file writes its line there, so only what was rotated before is compressed (FILE.2.gz and older).
 */
import { fstat } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { fileTarget, type LineTarget } from "./line_writer.ts";

export interface Rotation {
  /** Bytes from which on a file is rotated before the next line. */
  readonly sizeMax: number;
  /** Rotated files that are kept, at least 1. */
  readonly keep: number;
  readonly gzip: boolean;
}

/** A lock older than this was left by one that died. */
const LOCK_AGE_MAX_MS = 60_000;

/** fileTarget() that never grows far beyond `sizeMax`. When it cannot be rotated, lines are appended all the same. */
export function rotatedFileTarget(path: string, rotation: Rotation): LineTarget {
  return {
    ...fileTarget(path),
    async stale(descriptor, bytes) {
      try {
        const held = await statOf(descriptor);
        if (!held.isFile()) return false;
        if (held.size > 0 && held.size + bytes > rotation.sizeMax) await rotate(path, bytes, rotation);
        return (await stat(path)).ino !== held.ino;
      } catch (error) {
        // Renamed or removed by someone: the next line makes a new one.
        return (error as NodeJS.ErrnoException).code === "ENOENT";
      }
    },
  };
}

async function rotate(path: string, bytes: number, rotation: Rotation): Promise<void> {
  const lock = `${path}.rotating`;
  if (!await takeLock(lock)) return;
  try {
    if ((await stat(path)).size + bytes <= rotation.sizeMax) return;
    for (const name of namesOf(path, rotation.keep)) await rm(name, { force: true });
    for (let index = rotation.keep - 1; index >= 1; index--) {
      for (const [at, name] of namesOf(path, index).entries()) {
        await rename(name, namesOf(path, index + 1)[at] as string).catch(ignoreMissing);
      }
    }
    await rename(path, `${path}.1`);
    if (rotation.gzip && rotation.keep >= 2) await compress(`${path}.2`);
  } finally {
    await rm(lock, { force: true });
  }
}

function namesOf(path: string, index: number): readonly [plain: string, packed: string] {
  return [`${path}.${index}`, `${path}.${index}.gz`];
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    await (await open(lock, "wx", 0o640)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return false;
    const age = Date.now() - (await stat(lock).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (age > LOCK_AGE_MAX_MS) await rm(lock, { force: true });
    return false;
  }
}

/** Under another name until it is whole; what cannot be compressed stays as it is. */
async function compress(file: string): Promise<void> {
  const unfinished = `${file}.gz.part`;
  try {
    await pipeline(createReadStream(file), createGzip(), createWriteStream(unfinished, { mode: 0o640 }));
    await rename(unfinished, `${file}.gz`);
    await rm(file);
  } catch {
    await rm(unfinished, { force: true });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

function statOf(descriptor: number) {
  return new Promise<{ readonly ino: number; readonly size: number; isFile(): boolean }>((resolve, reject) =>
    fstat(descriptor, (error, stats) => error ? reject(error) : resolve(stats))
  );
}
