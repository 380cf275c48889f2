/** A silence: alerts that match are kept back for a time. What still fails when it ends is told then. */

export interface Matcher {
  /** "monitor", "group", or the name of a label. */
  readonly key: string;
  /** "*" stands for any characters. */
  readonly value: string;
}

export interface Silence {
  readonly id: string;
  /** All of them have to hold. */
  readonly match: readonly Matcher[];
  readonly fromWallMs: number;
  readonly untilWallMs: number;
  /** Why, by whom: for people. */
  readonly comment: string;
}

/** What a silence looks at. */
export interface Silenced {
  readonly monitor: string;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export const MATCHER_FORMS = '"LABEL=VALUE", "group=NAME" or "monitor=NAME", with * for any characters';

/** `text` as "team=db"; undefined when it is none. */
export function parseMatcher(text: string): Matcher | undefined {
  const found = /^\s*([^=\s]+)\s*=\s*(.*\S)\s*$/s.exec(text);
  return found === null ? undefined : { key: found[1] as string, value: found[2] as string };
}

export function silences(match: readonly Matcher[], { monitor, groups, labels }: Silenced): boolean {
  return match.every(({ key, value }) => {
    if (key === "monitor") return fits(monitor, value);
    if (key === "group") return groups.some((group) => fits(group, value));
    const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return label !== undefined && fits(label, value);
  });
}

/** Linear in the text, whatever the pattern is: parts between stars are found one after the other. */
function fits(text: string, pattern: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return text === pattern;
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) {
    return false;
  }
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
