/** Where state is kept: what the user said, else what systemd says, else beside the process. */
import { resolve } from "node:path";

/** Instead of a directory: nothing outlives the process. */
export const IN_MEMORY = "memory";
const DEFAULT_FOLDER = "cpra-state";

/** Absolute path, or undefined for none. `state`: the setting; null when nobody set it. */
export function stateFolder(
  state: string | null,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (state === IN_MEMORY) return undefined;
  // systemd.exec(5): a unit with several state directories gets all of them, separated by colons.
  const fromSystemd = (env["STATE_DIRECTORY"] ?? "").split(":")[0];
  return resolve(state ?? (fromSystemd || DEFAULT_FOLDER));
}
