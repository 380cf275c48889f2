/**
 * A schema's refusals in plain words: what was found, what is allowed, and the nearest allowed word. The schema library's
 * own sentences are never shown; a plug-in's own messages ("expected …") are, completed with what was found.
 */
import type { z } from "../base/schema.ts";
import { suggest } from "../base/suggest.ts";
import { foundWord, isSecret, typeWord } from "./found_value.ts";
import type { Path } from "./problem.ts";

export type Issue = z.core.$ZodIssue;

export interface Explanation {
  readonly path: Path;
  /** What to point at: the key itself, or its value. */
  readonly at: "key" | "value";
  readonly message: string;
}

export interface ExplainContext {
  /** What the manifest says at a path, before variables are filled in. */
  readonly rawAt: (path: Path) => unknown;
  /** Keys allowed in the mapping at a path. */
  readonly keysAt: (path: Path) => readonly string[];
}

/** One issue can be several faults (each unknown key is one). */
export function explainIssue(issue: Issue, context: ExplainContext): Explanation[] {
  const path = issue.path.map((step) => typeof step === "number" ? step : String(step));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey(path, key, context.keysAt(path)));
  }
  if (issue.code === "invalid_union") {
    const best = bestBranch(issue.errors);
    if (best !== undefined) {
      return best.flatMap((inner) =>
        explainIssue({ ...inner, path: [...issue.path, ...inner.path] }, context)
      );
    }
  }
  return [{ path, at: "value", message: describe(issue, { path, raw: context.rawAt(path) }) }];
}

export function unknownKey(path: Path, key: string, allowed: readonly string[]): Explanation {
  const close = suggest(key, allowed);
  const hint = close === undefined ? "" : `; did you mean ${JSON.stringify(close)}?`;
  const list = allowed.length === 0 ? "" : `${hint === "" ? "; allowed" : " Allowed"}: ${allowed.join(", ")}`;
  return { path: [...path, key], at: "key", message: `unknown key ${JSON.stringify(key)}${hint}${list}` };
}

interface Found {
  readonly path: Path;
  readonly raw: unknown;
}

function describe(issue: Issue, found: Found): string {
  const expected = expectation(issue);
  if (found.raw === undefined) return `missing; ${expected}`;
  if (issue.code === "invalid_type" || issue.code === "invalid_union") {
    const scalar = ["string", "boolean", "number"].includes(typeof found.raw);
    return `found ${scalar ? foundWord(found.raw, found.path) : typeWord(found.raw)}, ${expected}`;
  }
  if (issue.code === "custom" && !/^expected(?!.* found )/.test(issue.message)) {
    // A plug-in's own words may repeat the value.
    return isSecret(found.path) ? issue.message.replace(/,? found .*$/s, "") : issue.message;
  }
  const close = issue.code === "invalid_value" && typeof found.raw === "string"
    ? suggest(found.raw, issue.values.map(String))
    : undefined;
  const hint = close === undefined ? "" : `; did you mean ${JSON.stringify(close)}?`;
  return `found ${foundWord(found.raw, found.path)}, ${expected}${hint}`;
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${typeName(issue.expected)}`;
    case "invalid_value":
      return `${issue.values.length === 1 ? "expected" : "allowed:"} ${issue.values.map(String).join(", ")}`;
    case "too_small":
      return `expected ${issue.exact ? "exactly" : issue.inclusive === false ? "more than" : "at least"} ${
        size(issue.minimum, issue.origin)
      }`;
    case "too_big":
      return `expected ${issue.exact ? "exactly" : issue.inclusive === false ? "less than" : "at most"} ${
        size(issue.maximum, issue.origin)
      }`;
    case "invalid_format":
      return isOwnWording(issue.message) ? issue.message : `expected ${formatName(issue.format)}`;
    case "invalid_union":
      return `expected ${unionTypes(issue.errors).join(" or ")}`;
    case "not_multiple_of":
      return `expected a multiple of ${issue.divisor}`;
    case "invalid_key":
    case "invalid_element":
      return "expected another key";
    default:
      return issue.message;
  }
}

/** The library's own messages begin like this; anything else was written for this field. */
function isOwnWording(message: string): boolean {
  return !/^(Invalid|Too|Unrecognized|Required)\b/.test(message);
}

function typeName(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    string: "a string",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "a mapping",
    record: "a mapping",
    tuple: "a list",
    null: "nothing",
  };
  return names[expected] ?? expected;
}

function formatName(format: string): string {
  const names: Readonly<Record<string, string>> = {
    url: "a URL such as https://example.com/health",
    email: "an e-mail address",
    datetime: "a time such as 2026-01-31T22:00:00Z",
    regex: "another form",
  };
  return names[format] ?? `the form "${format}"`;
}

function size(limit: number | bigint, origin: string): string {
  if (origin === "string") return `${limit} character${Number(limit) === 1 ? "" : "s"}`;
  if (origin === "array" || origin === "set") return `${limit} entr${Number(limit) === 1 ? "y" : "ies"}`;
  return origin === "object" ? `${limit} keys` : String(limit);
}

/**
 * Of the branches of a union, the one that the author most likely meant: one whose type fits at the top. Undefined when
 * none does: then the types themselves are the message.
 */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((branch) =>
    !branch.some((issue) =>
      issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value")
    )
  );
  return fitting.sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
}

function depth(branch: readonly Issue[]): number {
  return Math.max(0, ...branch.map((issue) => issue.path.length));
}

function unionTypes(branches: readonly (readonly Issue[])[]): string[] {
  const words = branches.flat().filter((issue) => issue.path.length === 0).map((issue) =>
    issue.code === "invalid_union"
      ? unionTypes(issue.errors).join(" or ")
      : expectation(issue).replace(/^(expected|allowed:) /, "")
  );
  return [...new Set(words)];
}
