/** What keeps checks of a kind from running on this machine, said once per kind: their monitors stay unchecked, not down. */
import type { AnyProbe } from "../model/plugin.ts";

/** `kinds`: monitors per kind. One line for people per kind that cannot be checked. */
export function hindrances(
  kinds: ReadonlyMap<string, number>,
  probes: readonly AnyProbe[],
): readonly string[] {
  const lines: string[] = [];
  for (const [kind, monitors] of kinds) {
    const hindrance = probes.find((probe) => probe.kind === kind)?.hindrance?.();
    if (hindrance === undefined) continue;
    const which = `${monitors} ${kind} monitor${monitors === 1 ? "" : "s"}`;
    lines.push(`Cannot check ${which} on this machine: ${hindrance}`);
  }
  return lines;
}
