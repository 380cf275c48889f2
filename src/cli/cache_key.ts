/**
 * What the monitors of a load came from, so that a later start can tell whether they would be the same: the manifests by
 * content, the variables and secret files by the hash of their values (never the values), the flags, and the build.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import process from "node:process";
import { listSource } from "../manifest/input.ts";
import type { UsedInputs } from "../manifest/loader_messages.ts";
import type { Environment } from "../manifest/variables.ts";
import { buildInfo } from "./build_info.ts";

export interface CacheRequest {
  readonly sources: readonly string[];
  readonly env: Environment;
  readonly flags: { readonly strict: boolean; readonly lenient: boolean; readonly allowMissing: boolean };
}

export interface CacheKey {
  readonly build: string;
  readonly folder: string;
  readonly flags: CacheRequest["flags"];
  readonly files: readonly FileKey[];
  /** Name or path, and the hash of the value; null = not there. */
  readonly variables: readonly (readonly [string, string | null])[];
  readonly secretFiles: readonly (readonly [string, string | null])[];
}

export interface FileKey {
  readonly name: string;
  /** Device, inode, size and times: as long as they stand, the content is not read to know it. "" = read it. */
  readonly stamp: string;
  readonly sha256: string;
}

/** A change within this time of another may leave the times as they are (the kernel's clock for files ticks at 4–10 ms). */
const SAME_TIME_NS = 100_000_000n;
const READ_BYTES = 1024 * 1024;

/** Files of the sources with their stamps, in order; undefined when one is not a regular file. Taken before they are read. */
export async function stampsOf(sources: readonly string[]): Promise<ReadonlyMap<string, string> | undefined> {
  const stamps = new Map<string, string>();
  const nowNs = BigInt(Date.now()) * 1_000_000n;
  try {
    for (const source of sources) {
      if (source === "-") return undefined;
      for (const name of await listSource(source)) {
        const info = statSync(name, { bigint: true });
        if (!info.isFile()) return undefined;
        const settled = info.ctimeNs + SAME_TIME_NS < nowNs && info.mtimeNs + SAME_TIME_NS < nowNs;
        const stamp = `${info.dev} ${info.ino} ${info.size} ${info.mtimeNs} ${info.ctimeNs}`;
        stamps.set(name, settled ? stamp : "");
      }
    }
  } catch {
    return undefined;
  }
  return stamps;
}

/** Undefined when a file changed since `stamps` were taken: then nobody knows which content was read. */
export async function keyOf(
  request: CacheRequest,
  stamps: ReadonlyMap<string, string>,
  used: UsedInputs,
): Promise<CacheKey | undefined> {
  const files = [...stamps].map(([name, stamp]) => ({ name, stamp, sha256: hashFile(name) ?? "" }));
  const after = await stampsOf(request.sources);
  // A file that was being written when the load began has no stamp; its content may be another than what was read.
  const same = after !== undefined && after.size === stamps.size &&
    [...stamps].every(([name, stamp]) => stamp !== "" && after.get(name) === stamp);
  if (!same) return undefined;
  return {
    ...fixedPart(request),
    files,
    variables: used.variables.map((name) => [name, hashText(request.env[name])]),
    secretFiles: used.secretFiles.map((path) => [path, hashSecret(path)]),
  };
}

/** Whether a load of today would read what the key was made of. Contents are only hashed where a stamp is another. */
export async function keyHolds(key: CacheKey, request: CacheRequest): Promise<boolean> {
  const { files, variables, secretFiles, ...fixed } = key;
  if (JSON.stringify(fixed) !== JSON.stringify(fixedPart(request))) return false;
  const stamps = await stampsOf(request.sources);
  if (stamps === undefined || stamps.size !== files.length) return false;
  const names = [...stamps.keys()];
  return variables.every(([name, hash]) => hashText(request.env[name]) === hash) &&
    secretFiles.every(([path, hash]) => hashSecret(path) === hash) &&
    files.every(({ name, stamp, sha256 }, index) =>
      name === names[index] && (stamps.get(name) === stamp || hashFile(name) === sha256)
    );
}

function fixedPart({ flags }: CacheRequest): Pick<CacheKey, "build" | "folder" | "flags"> {
  const { version, revision, runtime } = buildInfo();
  return { build: `${version} ${revision} ${runtime}`, folder: process.cwd(), flags };
}

function hashText(text: string | undefined): string | null {
  return text === undefined ? null : createHash("sha256").update(text).digest("hex");
}

function hashSecret(path: string): string | null {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return null;
  }
}

function hashFile(path: string): string | undefined {
  try {
    const descriptor = openSync(path, "r");
    try {
      const hash = createHash("sha256");
      const bytes = new Uint8Array(READ_BYTES);
      for (let read = 1; read > 0;) {
        read = readSync(descriptor, bytes, 0, bytes.length, null);
        hash.update(bytes.subarray(0, read));
      }
      return hash.digest("hex");
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}
