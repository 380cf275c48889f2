/**
 * `${VAR}` and `${VAR:-default}` in the values of a manifest, `$$` for a dollar sign. Keys are never touched. What a
 * variable held is remembered, so that no message can repeat it.
 */
import type { Path } from "./problem.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The same, noting in `used` the names that were looked up. */
export function notedEnvironment(env: Environment, used: Set<string>): Environment {
  return new Proxy(env, {
    get(target, name) {
      if (typeof name === "string") used.add(name);
      return Reflect.get(target, name) as string | undefined;
    },
  });
}

export interface Expanded {
  readonly value: unknown;
  /** Texts that came from variables: never to be shown. */
  readonly secrets: readonly string[];
  /** Paths (JSON) of the texts that are one variable and nothing else: `${PORT}` may stand for a number. */
  readonly wholePaths: ReadonlySet<string>;
}

const REFERENCE = /\$(?:\$|\{([^}]*)\}?)/g;
const NAMED = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/** `path`: where the value stands. `fault` is told of every reference that cannot be followed. The value is not changed. */
export function expandVariables(
  value: unknown,
  from: { readonly env: Environment; readonly path: Path },
  fault: (path: Path, message: string) => void,
): Expanded {
  const secrets: string[] = [];
  const wholePaths = new Set<string>();
  const walk = (node: unknown, path: Path): unknown => {
    if (typeof node === "string") {
      if (!node.includes("$")) return node;
      if (/^\$\{[^}]*\}$/.test(node)) wholePaths.add(JSON.stringify(path));
      return node.replace(REFERENCE, (reference, inner: string | undefined) => {
        const text = follow({ reference, inner, env: from.env }, (message) => fault(path, message));
        if (reference !== "$$" && text !== "") secrets.push(text);
        return text;
      });
    }
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  return { value: walk(value, from.path), secrets, wholePaths };
}

interface Reference {
  readonly reference: string;
  readonly inner: string | undefined;
  readonly env: Environment;
}

function follow(found: Reference, fault: (message: string) => void): string {
  if (found.reference === "$$") return "$";
  const named = found.reference.endsWith("}") ? NAMED.exec(found.inner ?? "") : null;
  if (named === null) {
    fault('a "${" that is no variable; write ${NAME} or ${NAME:-default}, and $$ for a dollar sign');
    return "";
  }
  const name = named[1] as string;
  const value = found.env[name];
  if (named[2] !== undefined) return value === undefined || value === "" ? named[2] : value;
  if (value !== undefined) return value;
  fault(`the environment variable ${name} is not set; set it, or write \${${name}:-default}`);
  return "";
}

/** What `${PORT}` stands for where a number or a boolean is wanted; undefined when it is neither. */
export function typedText(text: unknown): number | boolean | undefined {
  if (text === "true") return true;
  if (text === "false") return false;
  return typeof text === "string" && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}
