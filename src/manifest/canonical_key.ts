/**
 * Several spellings, one meaning: `pulse` and `pulse_check`, `action` and `type`, `Gray` and `grey`, and so on. Defaults,
 * templates and monitors are laid over each other by meaning, so that a monitor's `max_failures` wins over a default
 * `unhealthy_threshold`.
 */
import type { Path } from "./problem.ts";

/** Whether a word names a probe (then the block of that name is the probe's `config`). */
export type IsProbeName = (word: string) => boolean;

/** `parents`: the canonical keys from the monitor down to the mapping that holds `key`. */
export function canonicalKey(parents: Path, key: string, isProbeName: IsProbeName): string {
  if (parents.length === 0) return key === "pulse" ? "pulse_check" : key;
  if (parents.length !== 1) return key;
  switch (parents[0]) {
    case "pulse_check":
      if (key === "unhealthy_threshold") return "max_failures";
      return isProbeName(key) ? "config" : key;
    case "intervention":
      if (key === "type") return "action";
      return key === "target" ? "config" : key;
    case "codes": {
      const color = key.toLowerCase();
      return color === "grey" ? "gray" : color;
    }
    default:
      return key;
  }
}

/** The path as this value spells it, or undefined when the value has nothing there. */
export function spelledPath(value: unknown, path: Path, isProbeName: IsProbeName): Path | undefined {
  return spelledFrom({ node: value, parents: [], path }, isProbeName);
}

function spelledFrom(
  at: { readonly node: unknown; readonly parents: Path; readonly path: Path },
  isProbeName: IsProbeName,
): Path | undefined {
  const [step, ...path] = at.path;
  if (step === undefined) return at.path;
  const { node } = at;
  if (node === null || typeof node !== "object") return undefined;
  const canonical = typeof step === "string" ? canonicalKey(at.parents, step, isProbeName) : step;
  const others = Object.keys(node).filter((key) =>
    key !== step && typeof step === "string" && canonicalKey(at.parents, key, isProbeName) === canonical
  );
  for (const key of Object.hasOwn(node, step) ? [step, ...others] : others) {
    const child = (node as Record<string | number, unknown>)[key];
    const rest = spelledFrom({ node: child, parents: [...at.parents, canonical], path }, isProbeName);
    if (rest !== undefined) return [key, ...rest];
  }
  return undefined;
}
