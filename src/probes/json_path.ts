/**
 * Where in a JSON document: `status.db[0].ok`, `["key with dots"].x`, an optional leading `$`. Names and indices only, no
 * wildcards or filters.
 */
export type JsonPath = readonly (string | number)[];

/** Undefined when the text is no path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: (string | number)[] = [];
  let rest = text.startsWith("$") ? text.slice(1).replace(/^\./, "") : text;
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
  return steps.length === 0 ? undefined : steps;
}

/** The value there, undefined when there is none (JSON itself has no undefined). */
export function valueAt(document: unknown, path: JsonPath): unknown {
  let value = document;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value) !== (typeof step === "number")) return undefined;
    // Own keys only: "constructor" is not in {}.
    if (!Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}

const STEP = /^(?:([^.[\]"'\s]+)|\[(\d{1,6})\]|\["([^"]*)"\]|\['([^']*)'\])/;
