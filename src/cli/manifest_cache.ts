/**
 * The compiled manifest beside the state: what a load left in the world, in one file, so that the next start of a million
 * monitors reads 60 MB of columns and texts instead of 470 MB of YAML.
 *
 *   | magic 8 | format u32 | bytes of meta u32 | SHA-256 of all that follows | meta, JSON | columns | arena |
 *
 * It holds resolved secrets: its mode is 0600, and one that others could read or that belongs to another user is refused.
 * Anything that is not as it should be is a miss, never an error: the manifest is read instead.
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { LoadResult } from "../manifest/load.ts";
import type { World, WorldImage } from "../world/world.ts";
import { type CacheKey, type CacheRequest, keyHolds, keyOf, stampsOf } from "./cache_key.ts";
import type { FleetImage } from "./fleet_load.ts";

const MAGIC = "CPRAMAN\n";
/** To be raised with every change of what the world keeps in memory, or of this file. */
const FORMAT = 2;
const HEADER_BYTES = 8 + 4 + 4 + 32;
const META_BYTES_MAX = 256 * 1024 * 1024;
const COPY_BYTES = 1024 * 1024;

interface Meta {
  readonly key: CacheKey;
  readonly result: LoadResult;
  readonly fleet: FleetImage;
  readonly image: WorldImage;
}

export interface CachedManifest extends Omit<Meta, "key"> {
  /** Fills an empty world; false when it is of another size or the file is damaged: then the world is still empty. */
  fill(world: World): boolean;
  close(): void;
}

export interface ManifestCache {
  /** What a load of the request would give, or why it is not known; undefined = there is nothing. */
  find(request: CacheRequest): Promise<CachedManifest | string | undefined>;
  /** To be called before the load; its answer keeps what the load gave. Rejects when it cannot be written. */
  begin(request: CacheRequest): Promise<(loaded: Loaded) => Promise<boolean>>;
}

export interface Loaded {
  readonly result: LoadResult;
  readonly fleet: FleetImage;
  readonly world: World;
}

/** `folder`: of the state; made when the first cache is written. */
export function createManifestCache(folder: string): ManifestCache {
  const path = join(folder, "manifest.cache");
  return {
    async find(request) {
      const opened = openCache(path);
      if (opened === undefined || typeof opened === "string") return opened;
      if (await keyHolds(opened.meta.key, request)) return cachedManifest(opened);
      closeSync(opened.descriptor);
      return "the manifest, its variables or secrets, the flags or the build are others";
    },
    async begin(request) {
      const stamps = await stampsOf(request.sources);
      return async ({ result, fleet, world }) => {
        if (!result.ok || stamps === undefined) return false;
        const key = await keyOf(request, stamps, result.used);
        if (key === undefined) return false;
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeCache(path, { key, result, fleet, image: world.image() }, world);
        return true;
      };
    },
  };
}

interface OpenCache {
  readonly descriptor: number;
  readonly meta: Meta;
  readonly metaBytes: Uint8Array;
  readonly sha256: Uint8Array;
}

function openCache(path: string): OpenCache | string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    return undefined;
  }
  const opened = readHead(descriptor);
  if (typeof opened === "string") closeSync(descriptor);
  return opened;
}

function readHead(descriptor: number): OpenCache | string {
  const info = fstatSync(descriptor);
  if (!info.isFile() || (info.mode & 0o077) !== 0 || info.uid !== process.getuid?.()) {
    return "the file can be read by others, or belongs to another user";
  }
  const header = new Uint8Array(HEADER_BYTES);
  if (!readWhole(descriptor, header, 0)) return "the file is damaged";
  const view = new DataView(header.buffer);
  const magic = new TextDecoder("latin1").decode(header.subarray(0, 8));
  const length = view.getUint32(12, true);
  if (magic !== MAGIC || view.getUint32(8, true) !== FORMAT) return "the file is of another version";
  if (length > META_BYTES_MAX || length > info.size) return "the file is damaged";
  const metaBytes = new Uint8Array(length);
  if (!readWhole(descriptor, metaBytes, HEADER_BYTES)) return "the file is damaged";
  try {
    const meta: Meta = JSON.parse(new TextDecoder().decode(metaBytes));
    return { descriptor, meta, metaBytes, sha256: header.subarray(16) };
  } catch {
    return "the file is damaged";
  }
}

function cachedManifest({ descriptor, meta, metaBytes, sha256 }: OpenCache): CachedManifest {
  const { result, fleet, image } = meta;
  return {
    result,
    fleet,
    image,
    fill(world) {
      if (!world.canAdopt(image)) return false;
      const hash = createHash("sha256").update(metaBytes);
      let at = HEADER_BYTES + metaBytes.length;
      const copy = new Uint8Array(COPY_BYTES);
      for (const memory of world.memory(image)) {
        for (let done = 0; done < memory.length; done += COPY_BYTES) {
          // By way of a copy: not every runtime reads a file into shared memory.
          const part = copy.subarray(0, Math.min(COPY_BYTES, memory.length - done));
          if (!readWhole(descriptor, part, at)) return false;
          hash.update(part);
          memory.set(part, done);
          at += part.length;
        }
      }
      if (!hash.digest().every((byte, index) => byte === sha256[index])) return false;
      world.adopt(image);
      return true;
    },
    close: () => closeSync(descriptor),
  };
}

/** Beside the old one and then over it, so that there is never half a file. */
function writeCache(path: string, meta: Meta, world: World): void {
  const metaBytes = new TextEncoder().encode(JSON.stringify(meta));
  const hash = createHash("sha256").update(metaBytes);
  const next = `${path}.${process.pid}`;
  rmSync(next, { force: true });
  const descriptor = openSync(next, "wx", 0o600);
  try {
    writeWhole(descriptor, metaBytes, HEADER_BYTES);
    let at = HEADER_BYTES + metaBytes.length;
    for (const memory of world.memory(meta.image)) {
      for (let done = 0; done < memory.length; done += COPY_BYTES) {
        const part = memory.slice(done, done + COPY_BYTES);
        hash.update(part);
        writeWhole(descriptor, part, at);
        at += part.length;
      }
    }
    const header = new Uint8Array(HEADER_BYTES);
    header.set(new TextEncoder().encode(MAGIC));
    const view = new DataView(header.buffer);
    view.setUint32(8, FORMAT, true);
    view.setUint32(12, metaBytes.length, true);
    header.set(hash.digest(), 16);
    writeWhole(descriptor, header, 0);
    closeSync(descriptor);
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

function readWhole(descriptor: number, into: Uint8Array, position: number): boolean {
  for (let done = 0; done < into.length;) {
    const read = readSync(descriptor, into, done, into.length - done, position + done);
    if (read === 0) return false;
    done += read;
  }
  return true;
}

function writeWhole(descriptor: number, from: Uint8Array, position: number): void {
  for (let done = 0; done < from.length;) {
    done += writeSync(descriptor, from, done, from.length - done, position + done);
  }
}
