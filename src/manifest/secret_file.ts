/**
 * `routing_key_file: /run/secrets/key` gives `routing_key`: secrets stay out of the manifest. Files are read once per
 * load, however many monitors name them. Nothing of the content ever gets into a message.
 */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { SECRET_BYTES_MAX } from "./limits.ts";

export type SecretResult = { readonly ok: true; readonly text: string } | {
  readonly ok: false;
  readonly message: string;
};

export interface SecretReader {
  /** Full paths of what was read or tried, in order. */
  readonly paths: readonly string[];
  /** Relative paths are taken from the folder of the manifest that names them. */
  read(options: { readonly path: string; readonly folder: string }): SecretResult;
}

export function createSecretReader(): SecretReader {
  const known = new Map<string, SecretResult>();
  const paths: string[] = [];
  return {
    paths,
    read({ path, folder }) {
      const full = resolve(folder, path);
      const before = known.get(full);
      if (before !== undefined) return before;
      const result = readSecret(full, path);
      known.set(full, result);
      paths.push(full);
      return result;
    },
  };
}

function readSecret(full: string, shown: string): SecretResult {
  const refuse = (state: string): SecretResult => ({
    ok: false,
    message: `cannot read the secret file ${JSON.stringify(shown)}: ${state}`,
  });
  try {
    const info = statSync(full);
    if (!info.isFile()) return refuse("it is not a regular file");
    if (info.size > SECRET_BYTES_MAX) return refuse(`it is larger than ${SECRET_BYTES_MAX / 1024} KiB`);
    const text = readFileSync(full, "utf8").trim();
    return text === "" ? refuse("it is empty") : { ok: true, text };
  } catch (error) {
    return refuse(errorWord(error));
  }
}

/** The runtimes word their errors differently; the code is the same. */
export function errorWord(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT") return "it does not exist";
  if (code === "EACCES" || code === "EPERM") return "no permission";
  return code === "" ? "it cannot be opened" : code;
}
