/**
 * Where in a JSON document. What begins with `$` is JSONPath (RFC 9535) and may lead to several values; the rest is the short
 * form `status.db[0].ok`, `["key with dots"].x`: names and indices only. A path's own search() and match() run on the same
 * engine as all patterns, in linear time.
 */
import { FunctionExpressionType, JSONPathEnvironment } from "json-p3";
import { compilePattern, type Pattern } from "./pattern.ts";

export interface JsonPath {
  /** The values there, in the order of the document; undefined when it is nested too deeply to be searched. */
  values(document: unknown): readonly unknown[] | undefined;
}

/** The path, or what is wrong with it, for people. */
export function parseJsonPath(text: string): JsonPath | string {
  if (!text.startsWith("$")) {
    return parseShort(text) ?? 'expected a path such as "status.db[0].ok" or "$.items[*].state"';
  }
  try {
    const query = ENVIRONMENT.compile(text);
    return {
      values(document) {
        // The library takes a document that is an object or a list; what else JSON can be has one value, at "$".
        if (typeof document !== "object" || document === null) return text === "$" ? [document] : [];
        try {
          return query.query(document as never).values();
        } catch {
          return undefined;
        }
      },
    };
  } catch (error) {
    return `expected a JSONPath (RFC 9535): ${error instanceof Error ? error.message : "it cannot be read"}`;
  }
}

const ENVIRONMENT = createEnvironment();

function createEnvironment(): JSONPathEnvironment {
  const environment = new JSONPathEnvironment();
  const { ValueType, LogicalType } = FunctionExpressionType;
  const patterns = new Map<string, Pattern | undefined>();
  const test = (text: unknown, source: unknown, whole: boolean): boolean => {
    if (typeof text !== "string" || typeof source !== "string") return false;
    const key = whole ? `^(?:${source})$` : source;
    if (!patterns.has(key)) {
      const compiled = compilePattern(key);
      // A pattern may also come out of the document (RFC 9535 §2.4.6): not without end.
      if (patterns.size >= PATTERNS_KEPT) patterns.clear();
      patterns.set(key, typeof compiled === "string" ? undefined : compiled);
    }
    return patterns.get(key)?.test(text) ?? false;
  };
  for (const [name, whole] of [["search", false], ["match", true]] as const) {
    environment.functionRegister.set(name, {
      argTypes: [ValueType, ValueType],
      returnType: LogicalType,
      call: (text: unknown, source: unknown) => test(text, source, whole),
    });
  }
  return environment;
}

const PATTERNS_KEPT = 256;

function parseShort(text: string): JsonPath | undefined {
  const steps: (string | number)[] = [];
  let rest = text;
  while (rest !== "") {
    const step = STEP.exec(rest);
    if (step === null) return undefined;
    const [whole, name, index, doubleQuoted, singleQuoted] = step;
    if (name !== undefined) steps.push(name);
    else if (index !== undefined) steps.push(Number(index));
    else steps.push((doubleQuoted ?? singleQuoted) as string);
    rest = rest.slice(whole.length);
    if (rest.startsWith(".")) {
      rest = rest.slice(1);
      if (!/^[^.[\]"'\s]/.test(rest)) return undefined;
    } else if (rest !== "" && !rest.startsWith("[")) return undefined;
  }
  if (steps.length === 0) return undefined;
  return {
    values(document) {
      const value = valueAt(document, steps);
      return value === undefined ? [] : [value];
    },
  };
}

/** Undefined when there is none (JSON itself has no undefined). */
function valueAt(document: unknown, steps: readonly (string | number)[]): unknown {
  let value = document;
  for (const step of steps) {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value) !== (typeof step === "number")) return undefined;
    // Own keys only: "constructor" is not in {}.
    if (!Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}

const STEP = /^(?:([^.[\]"'\s]+)|\[(\d{1,6})\]|\["([^"]*)"\]|\['([^']*)'\])/;
